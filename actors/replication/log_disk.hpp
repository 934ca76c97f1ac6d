// The durable half of a member: its log in the wal, and its member file.
#pragma once

#include "actors/core/limits.hpp"
#include "actors/replication/member_file.hpp"
#include "actors/replication/raft_driver.hpp"
#include "persistence/wal.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace callboard {

/// A member as its disk has it.
struct stored_member {
  member_state state;
  std::vector<log_entry> entries; // behind `state.base`
  std::unique_ptr<wal> files;
  /// Nothing was ever stored here that another member may count on: neither an
  /// entry nor a vote. So it may have been, and be lost, whenever that was.
  bool fresh = false;
};

/// Reads the log behind `state.base`. An index that was seen before replaces
/// the tail from there. In the wal the log is partition 0; an entry's body is
/// its kind and its payload. Errors: corrupt (`diagnosis` says where; entries
/// are missing, or damaged), and those of the wal. `file_bytes` is of new
/// files: a test's are small.
result<stored_member> open_log(const std::filesystem::path& folder,
                               member_state state, std::string& diagnosis,
                               std::size_t file_bytes = limits::wal_file_bytes);

/// One entry of the wal, after those before it. Errors: corrupt (it is none, or
/// entries before it are missing).
result<void> take_entry(stored_member& into,
                        const wal_format::entry_view& entry);

/// What a driver starts from.
stored_log log_of(const stored_member& from);

/// Makes storage steps durable, in order, on a thread of its own; whatever
/// queued up while the last flush ran shares the next one. After an error it
/// tries again until it succeeds: a step is never given up, except for a base
/// on a full disk: that is saved with later ones. Thread-safe.
class log_disk {
public:
  /// What happens to one step: state and base go to the member file, entries to
  /// the wal.
  struct step {
    std::optional<hard_state> vote{};
    std::optional<log_snapshot> base{};
    std::optional<bool> recovering{};
    entry_index first = 0; // of `entries`
    std::vector<log_entry> entries{};
  };

  /// `done`: so many more steps are durable; on the thread of the disk. At most
  /// `keep_bytes` of files are kept for others.
  log_disk(std::unique_ptr<wal> files, std::filesystem::path member_file,
           member_state state, std::function<void(std::size_t)> done,
           std::uint64_t keep_bytes = 0);

  ~log_disk(); // stops

  void put(step what);

  /// Makes what waits durable, unless the disk refuses, and ends the thread.
  void stop();

  /// Why the last attempt failed, or none.
  errc refusal() const noexcept { return refusal_; }

  /// For so long the disk has not answered, though something waits for it. One
  /// that refuses does answer.
  std::chrono::milliseconds busy_for() const noexcept;

  /// Why no spare file can be made, or none.
  errc no_spare() const noexcept { return no_spare_; }

  /// Recycles what the base made needless, and keeps spare files ready: if the
  /// disk is full, from what is kept for others.
  void tidy();

  /// Another member lacks the entries from `from` on: they are not recycled
  /// while there is room. UINT64_MAX: nobody lacks any.
  void keep_for_others(entry_index from);

  /// Durable entries from `from` on, also before the base: that one at least.
  /// Errors: as `wal::read`.
  result<std::vector<log_entry>> read(entry_index from) const;

  /// The oldest entry that `read` finds; UINT64_MAX: it finds none.
  entry_index first_readable() const;

  journal_counts counts() const noexcept;

private:
  void run();
  result<void> write(const std::deque<step>& steps);
  result<void> write_state(const std::deque<step>& steps);
  void release();
  void recycle_all();
  void answered() noexcept;

  std::unique_ptr<wal> files_;
  std::filesystem::path member_file_;
  member_state state_; // as it is on disk
  std::optional<log_snapshot> unsaved_base_;
  std::function<void(std::size_t)> done_;
  std::uint64_t keep_bytes_;
  std::atomic<entry_index> base_;
  std::atomic<entry_index> kept_{UINT64_MAX}; // for others, from here on
  std::atomic<errc> refusal_{errc::none};
  std::atomic<errc> no_spare_{errc::none};
  std::atomic<std::int64_t> busy_since_{0}; // monotonic ms; 0: nothing waits
  std::atomic<std::uint64_t> flushes_{0};
  std::atomic<std::uint64_t> entries_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> flush_us_{0};

  std::mutex mutex_; // what follows
  std::condition_variable wake_;
  std::deque<step> queue_;
  bool needless_ = false; // there may be files that nobody needs any more
  bool stopping_ = false;
  std::thread thread_;
};

/// How many entries of each step no later one replaces.
std::vector<std::size_t>
lasting_entries(const std::deque<log_disk::step>& steps);

} // namespace callboard
