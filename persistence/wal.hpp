// The write-ahead log of all partitions: one append and one flush a group.
#pragma once

#include "persistence/wal_file.hpp"
#include "persistence/wal_salt.hpp"
#include "persistence/wal_sections.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

struct wal_options {
  std::filesystem::path folder; // made if missing
  std::size_t file_bytes = std::size_t{64} << 20;
  /// Entries of partition 0 from here on can be read again, until their file is
  /// released. Not set: none, and nothing is remembered of them.
  std::optional<log_index> readable_from{};
};

/// Entries of partition 0 that are kept for others, though LMDB has them: from
/// `from` on, in no more than `bytes_max` of files.
struct wal_retention {
  log_index from{UINT64_MAX};
  std::uint64_t bytes_max = 0;
};

/// A sequence of files `NNN.wal` in one folder, written one after the other;
/// `NNN.spare` are recycled ones that wait for their turn. After a start, and
/// after a failed write, writing goes on in another file, never in one whose
/// end is in doubt: the failed frame is written again, with its number, as the
/// first of that file, and makes the doubtful one void.
///
/// `append` on one thread; all else on any.
class wal {
public:
  /// Called for each entry from the oldest file on, in order. An index that was
  /// seen before replaces the partition's tail from there (it happens after a
  /// failed write, and in a cluster). An error ends the opening with it.
  using visitor = std::function<result<void>(const wal_format::entry_view&)>;

  /// Reads what is there, and makes sure that it is on the disk: a process that
  /// was killed may have written what it never flushed. `diagnosis` says where
  /// and what if it is corrupt, or cannot be read. A full disk only matters to
  /// a new log: an old one opens to be read. Errors: corrupt, storage_full,
  /// storage_failed, those of `visit`.
  static result<std::unique_ptr<wal>> open(const wal_options& options,
                                           const visitor& visit,
                                           std::string& diagnosis);

  /// Reads all files and changes nothing; for `check`. Returns what is wrong,
  /// nothing if all is well.
  struct findings {
    std::size_t files = 0;
    std::uint64_t frames = 0;
    std::uint64_t entries = 0;
    std::string problem;
  };

  static findings inspect(const std::filesystem::path& folder,
                          const visitor& visit);

  /// Writes the entries as one frame and flushes it. Durable when it returns.
  /// Errors: storage_full, storage_failed: nothing of it counts, and the next
  /// call begins in another file. Precondition: they fit a file.
  result<void> append(std::span<const journal_entry> entries);

  /// Everything up to these indexes (by partition number) is in LMDB: files
  /// that hold nothing else, and nothing to keep, become spare ones.
  void release(const std::vector<log_index>& flushed,
               const wal_retention& keep = {});

  /// Entries of partition 0 from `from` on, that one at least, and what lies
  /// with it: some 64 KiB, or a frame more. Blocks on the disk.
  /// Errors: not_found (it is not kept, or not readable), corrupt,
  /// storage_failed.
  result<std::vector<journal_entry>> read(log_index from) const;

  /// The oldest entry that can be read; nothing: none can.
  std::optional<log_index> first_readable() const;

  /// No frame may be larger.
  std::size_t file_bytes() const noexcept { return options_.file_bytes; }

  /// Makes spare files until there are this many, so that `append` does not
  /// have to and a full disk is noticed ahead. Errors: storage_full,
  /// storage_failed.
  result<void> prepare(std::size_t spares);

  std::size_t spares() const {
    std::lock_guard lock{mutex_};
    return spares_.size();
  }

  /// Bytes of all files, spare ones included.
  std::uint64_t bytes() const;

private:
  struct used_file {
    std::uint64_t sequence = 0;
    std::map<partition_id, log_index> last; // highest index of each partition
  };

  explicit wal(wal_options options);

  bool release_one(const std::vector<log_index>& flushed,
                   const wal_retention& keep);

  result<void> begin_file();
  void give_up_file();
  std::filesystem::path path_of(std::uint64_t sequence,
                                const char* extension) const;

  wal_options options_;
  wal_salt salt_;
  std::string frame_; // reused
  std::uint64_t next_frame_ = 1;
  std::optional<wal_file> current_; // none: the next append begins one
  std::uint64_t current_sequence_ = 0;

  mutable std::mutex mutex_; // what follows
  std::deque<used_file> files_;
  std::optional<wal_sections> sections_;
  bool writing_ = false; // to the last of them
  std::vector<std::filesystem::path> spares_;
  std::uint64_t next_sequence_ = 1;
};

} // namespace callboard
