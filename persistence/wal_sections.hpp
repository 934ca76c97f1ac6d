// Where in the wal's files entries lie that may be read again.
#pragma once

#include "actors/core/error.hpp"
#include "persistence/wal_file.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace callboard {

/// Entries [first, end) of one partition that follow each other in one file, in
/// `bytes` bytes of whole frames from `at` on.
struct wal_section {
  log_index first;
  log_index end;
  std::uint64_t file = 0;
  std::size_t at = 0;
  std::size_t bytes = 0;
  std::size_t skip = 0; // entries of its first frame before `first`
};

/// What was appended, in sections of a few frames: some 16,000 for a GiB. An
/// index that comes again replaces all from there on; one that leaves a gap
/// replaces everything.
class wal_sections {
public:
  /// Knows nothing of entries before `from`.
  explicit wal_sections(log_index from) : from_(from) {}

  /// A frame at `at`, `bytes` long, has these entries, in order.
  void add(std::uint64_t file, std::size_t at, std::size_t bytes,
           std::span<const log_index> indexes);

  /// The oldest file is gone.
  void drop(std::uint64_t file);

  std::optional<wal_section> find(log_index index) const;

  /// The oldest entry; nothing: there is none.
  std::optional<log_index> first() const;

private:
  void cut(log_index from);

  log_index from_;
  std::deque<wal_section> sections_; // by index, and by place
  bool cut_ = false; // the last one does not go on with what comes
};

/// The entries of a section from `from` on. `file`: its file's
/// `wal_salt::of_file`. Errors: corrupt (they are not in `bytes`, which is what
/// the file has there).
result<std::vector<journal_entry>> read_section(std::string_view bytes,
                                                std::uint64_t file,
                                                const wal_section& where,
                                                log_index from);

} // namespace callboard
