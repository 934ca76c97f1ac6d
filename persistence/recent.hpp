// What LMDB does not have yet, and the newest events: memory before the disk.
#pragma once

#include "actors/core/log_position.hpp"
#include "actors/core/record.hpp"
#include "persistence/order_blocks.hpp"
#include "persistence/rows.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace callboard {

/// What was applied to a partition between two flushes.
struct generation {
  using row_map = std::map<std::string, std::optional<std::string>,
                           std::less<>>; // no value: erased

  std::array<row_map, table_count> rows;
  std::vector<appended_event> events; // in log order
  std::vector<std::pair<stream_id, stream_row>>
    cuts;                         // first_live may have risen
  std::vector<ordered_run> order; // of the events
  log_index last;
  wall_time at;
  used_ids used; // the highest ones in here
  std::size_t bytes = 0;

  bool empty() const noexcept { return last.value == 0; }
};

/// The memory of one partition: two generations of rows (being flushed, and
/// newer) over LMDB, and for each stream the newest events without a gap.
///
/// Thread-safe. One mutex, held for work in memory only. A reader that goes on
/// to LMDB begins its transaction under that mutex (`view`): the flusher drops
/// a generation under it after its commit, so what a reader does not find in
/// memory is in its snapshot.
class recent {
public:
  /// Makes a record visible, all of it at once.
  void apply(partition_id p, log_index index, const record& what,
             std::size_t bytes);

  /// Whether memory knows the row: the inner optional is its value, or nothing
  /// if it was erased.
  std::optional<std::optional<std::string>> find(table where,
                                                 std::string_view key) const;

  /// Rows of memory in [from, to), newest state of each. `border`: those from
  /// this key on are left out, because there are more than `count`; readers
  /// wait no longer than for about so many to be copied. `begin_view` runs
  /// under the mutex.
  struct row_range {
    generation::row_map rows;
    std::optional<std::string> border{};
  };

  row_range range(table where, std::string_view from, std::string_view to,
                  std::size_t count,
                  const std::function<void()>& begin_view) const;

  /// Events [from, from + count) if memory has the first one; up to
  /// `bytes_max`.
  std::optional<std::vector<event_ptr>> read(stream_id s, event_number from,
                                             std::size_t count,
                                             std::size_t bytes_max) const;

  /// The lowest number from which on memory has the stream's events, if any;
  /// `begin_view` runs under the mutex.
  std::optional<event_number>
  first_of(stream_id s, const std::function<void()>& begin_view) const;

  /// Ids of events that are not flushed, in log order; `begin_view` runs under
  /// the mutex.
  std::vector<remembered_id>
  unflushed_ids(const std::function<void()>& begin_view) const;

  /// Runs of events that are not flushed and reach into [from, to), oldest
  /// first: the first or, newest first, the last `count` of them; `begin_view`
  /// runs under the mutex.
  std::vector<ordered_run>
  unflushed_order(log_position from, log_position to, std::size_t count,
                  reading_order order,
                  const std::function<void()>& begin_view) const;

  /// Index of the last record applied, and its time.
  log_index applied() const;
  wall_time applied_at() const;

  /// Bytes applied and not flushed; any thread, no lock.
  std::size_t unflushed_bytes() const noexcept { return unflushed_; }

  /// Streams that changed since the last `freeze`; any thread, no lock.
  std::size_t changed_streams() const noexcept { return changed_streams_; }

  /// For the flusher: what was applied since the last `freeze` is read-only now
  /// and stays visible until `flushed`. The same one again after a failure.
  std::shared_ptr<const generation> freeze();
  void flushed();

  /// Forgets flushed events, oldest first, until at most `bytes_max` remain.
  /// Returns the bytes that remain.
  std::size_t evict(std::size_t bytes_max);

  /// Where the log begins for a partition that LMDB has up to `applied`, and
  /// the highest stream id in there.
  void begin(log_index applied, wall_time at, stream_id last_stream);

private:
  struct tail {
    event_number first;
    std::deque<event_ptr> events;
  };

  /// Names of streams that LMDB does not have yet, as rows.
  std::vector<row_change> new_names(partition_id p, const record& what);

  stream_id last_named_; // by the one thread that applies

  mutable std::mutex mutex_;
  generation active_;
  std::shared_ptr<const generation> frozen_;
  std::unordered_map<stream_id, tail> tails_;
  std::deque<std::pair<stream_id, std::size_t>> kept_; // in log order, bytes
  std::size_t kept_bytes_ = 0;
  std::size_t unflushed_events_ = 0; // the last ones of kept_
  log_index applied_;
  wall_time applied_at_;
  std::atomic<std::size_t> unflushed_{0};
  std::atomic<std::size_t> changed_streams_{0};
};

} // namespace callboard
