// The data directory: who has it, which format it is, whose it is.
#pragma once

#include "actors/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace callboard {

/// What the file `node` in a data directory says; written when the directory is
/// first used, and once more when store and log are there.
struct node_identity {
  std::size_t partitions = 4; // fixed for ever: keys would move
  std::string cluster_id;     // 32 hex digits; random if not given
  std::uint64_t member = 0;   // of a cluster; 0: it stands alone
  /// Of the log's salt, since store and log are on disk. Empty: what is not
  /// there may never have been.
  std::string complete{};

  friend bool operator==(const node_identity&, const node_identity&) = default;
};

/// A data directory that this process alone uses, for as long as this lives.
///
///     DIR/lock    held with flock by the process that serves it
///     DIR/node    identity and format version, as text with a checksum
///     DIR/wal/    persistence/wal.hpp
///     DIR/store/  persistence/store.hpp
///     DIR/member  of a cluster's node: actors/replication/member_file.hpp
class data_folder {
public:
  /// Makes the directory and `node` if they are missing. `diagnosis`, if not
  /// null: which file the system refuses, and why. Errors: locked (by a running
  /// process), unknown_format, corrupt (what it says of itself), storage_full,
  /// storage_failed (cannot be made).
  static result<data_folder> open(const std::filesystem::path& path,
                                  const node_identity& if_new,
                                  std::string* diagnosis = nullptr);

  /// Takes a directory to read it, and makes nothing but the lock file. One
  /// that may not be written (a copy) may have none. Errors: locked, and those
  /// of `inspect`.
  static result<data_folder> open_to_read(const std::filesystem::path& path,
                                          std::string* diagnosis = nullptr);

  /// Looks at a directory that may be served by another process at the moment.
  /// Errors: not_found, unknown_format, corrupt (its checksum is wrong),
  /// storage_failed (it cannot be read).
  static result<node_identity> inspect(const std::filesystem::path& path,
                                       std::string* diagnosis = nullptr);

  const node_identity& identity() const noexcept { return identity_; }

  /// What a complete directory lacks, or has of another one, in words; nothing:
  /// all is there, or may have to be made.
  std::optional<std::string> missing_store() const;
  std::optional<std::string> missing_log() const;

  /// Store and log are on disk: from now on they are missed. Durable when it
  /// returns; writes nothing if that is known. Errors: not_found (there is no
  /// salt), storage_full, storage_failed, corrupt.
  result<void> set_complete();

  /// They are about to be replaced: until `set_complete` a crash may leave
  /// less. Durable when it returns. Errors: storage_full, storage_failed.
  result<void> set_incomplete();

  std::filesystem::path wal() const { return path_ / "wal"; }

  std::filesystem::path store() const { return path_ / "store"; }

  std::filesystem::path member() const { return path_ / "member"; }

private:
  struct closer {
    void operator()(const int* fd) const noexcept;
  };

  /// `how`: of flock. Errors: locked, storage_failed.
  result<void> lock(int how, std::string* diagnosis);

  result<void> say_complete(const std::string& fingerprint);

  std::filesystem::path path_;
  node_identity identity_;
  std::unique_ptr<int, closer> lock_;
};

} // namespace callboard
