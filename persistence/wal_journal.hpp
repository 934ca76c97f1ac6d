// The journal of a node: a queue, and a thread that writes the wal.
#pragma once

#include "persistence/journal.hpp"
#include "persistence/wal.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace callboard {

/// Group commit: whatever queued up while the last flush ran goes into the next
/// one, of all partitions together, up to `limits::wal_group_bytes_max`.
///
/// After a failed flush the entries of its partitions are dropped, and so is
/// everything that these partitions append until they begin again behind their
/// last flushed entry: it was decided on top of what is lost. An index tells:
/// each entry's must follow the partition's last one.
class wal_journal : public journal {
public:
  /// `last`: the index of each partition's last entry that is on disk.
  /// `events` may be called as soon as something is appended. `quick_flush`:
  /// the longest that who calls `wake` may be kept waiting (an earlier flush
  /// tells).
  wal_journal(std::unique_ptr<wal> log, std::vector<log_index> last,
              journal_events events,
              std::chrono::microseconds quick_flush = std::chrono::microseconds{
                2000});

  ~wal_journal() override; // stops

  void append(journal_entry entry) override;

  /// Lets the journal take what was appended: see `journal_events`. Any thread,
  /// which may write and flush it itself, and call `events`, when little is
  /// going on and the disk is quick: waking another thread and being woken by
  /// it then takes as long as a flush.
  void wake();

  errc refusal() const noexcept override { return refusal_; }

  errc publishing_refusal() const noexcept override;

  std::size_t waiting_bytes() const noexcept override { return waiting_; }

  /// LMDB has everything up to these indexes (by partition number). Called on
  /// the flusher's thread; also keeps spare files ready there. Publishing stops
  /// when one of them cannot be made: what is left is for settling.
  void release(const std::vector<log_index>& flushed);

  /// Writes what waits, then ends the thread; nothing is appended any more.
  void stop();

  journal_counts counts() const noexcept override;

private:
  struct counters {
    std::atomic<std::uint64_t> flushes{0};
    std::atomic<std::uint64_t> entries{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> flush_us{0};
  };

  void run();
  bool few_wait() const noexcept;
  void write_waiting(std::unique_lock<std::mutex>& lock);
  std::vector<journal_entry> take();
  void write(std::vector<journal_entry> entries);
  void probe();

  std::unique_ptr<wal> log_;
  journal_events events_;
  std::chrono::microseconds quick_flush_;
  std::vector<log_index> last_; // flushed; whose turn it is to write has it
  std::atomic<std::size_t> waiting_{0};
  std::atomic<errc> refusal_{errc::none};
  std::atomic<errc> no_spare_{errc::none};
  counters counts_;

  std::mutex mutex_; // what follows
  std::condition_variable wake_;
  std::vector<journal_entry> queue_;
  bool writing_ = false;
  unsigned calm_ = 0; // flushes in a row that were small, quick and alone
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace callboard
