// What makes a log's frames its own.
#pragma once

#include "actors/core/error.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// 64 random bits of a log's folder, in its file `salt`, made before its first
/// frame. Clients choose most bytes of the log, and where a file ends a start
/// looks for frames behind: who cannot guess the salt cannot make any.
struct wal_salt {
  std::uint64_t bits = 0;

  /// What the frames of a file have in common, and with no other file's, nor
  /// with those of an earlier life of this one: a hash of salt and sequence.
  std::uint64_t of_file(std::uint64_t sequence) const noexcept;

  /// 8 hex digits by which another log's salt is told from it: half of its bits
  /// stay unknown.
  std::string fingerprint() const;

  /// Of the bytes of the file `salt`; nothing: they are damaged.
  static std::optional<wal_salt> parse(std::string_view bytes);

  /// Nothing: there is none. Errors: corrupt, storage_failed.
  static result<std::optional<wal_salt>>
  load(const std::filesystem::path& wal_folder);

  /// A new one, durable when it returns. Errors: storage_full, storage_failed.
  static result<wal_salt> make(const std::filesystem::path& wal_folder);
};

} // namespace callboard
