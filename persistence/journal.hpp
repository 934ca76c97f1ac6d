// Where partitions put their records: one ordered log for all of them.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/ids.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace callboard {

/// One decision of one partition, encoded (`persistence/codec.hpp`).
struct journal_entry {
  partition_id partition;
  log_index index; // the partition's last one + 1
  std::uint64_t term = 1;
  std::string body;
};

/// What a journal has done so far.
struct journal_counts {
  std::uint64_t flushes = 0;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t failures = 0;
  std::uint64_t flush_us = 0; // spent in all flushes
};

/// A queue in front of the wal. Thread-safe.
class journal {
public:
  virtual ~journal() = default;

  /// Takes the entry; never blocks on the disk. Afterwards either `flushed` is
  /// called with an index at or above this entry's, or `failed`.
  virtual void append(journal_entry entry) = 0;

  /// Why nothing can be recorded at the moment: storage_full, storage_failed,
  /// or none. Ask before deciding: it spares rebuilding what could not be
  /// recorded.
  virtual errc refusal() const noexcept = 0;

  /// The same for publishing, which stops earlier: while a file is left to
  /// write to, leases, acks and deletes still go on when the disk is full.
  virtual errc publishing_refusal() const noexcept { return refusal(); }

  /// Bytes taken and not yet flushed.
  virtual std::size_t waiting_bytes() const noexcept = 0;

  virtual journal_counts counts() const noexcept { return {}; }
};

/// Called on the thread that wrote (`wal_journal::wake`); must not block.
struct journal_events {
  /// All entries of the partition up to `index` are on disk.
  std::function<void(partition_id, log_index)> flushed;
  /// Nothing after the last flushed entry of the partition was recorded, and
  /// nothing of it will be: forget it, and begin again after that entry.
  std::function<void(partition_id, errc)> failed;
  /// Not set: every `append` wakes the journal. Else it is asked, by the thread
  /// that appends while the journal sleeps; true: `wake` will be called soon,
  /// when this thread has appended what else it has in hand.
  std::function<bool()> wakes_later{};
};

} // namespace callboard
