// The one face of what is stored: events and rows, from memory or LMDB.
#pragma once

#include "actors/core/delayed_rows.hpp"
#include "actors/core/error.hpp"
#include "actors/core/log_position.hpp"
#include "actors/core/recent_ids.hpp"
#include "actors/core/record.hpp"
#include "persistence/used_ids.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

struct store_options {
  std::filesystem::path folder; // of LMDB; made if missing
  std::size_t partitions = 4;
  /// Bytes that LMDB's file may have; 0: no quota of ours.
  std::uint64_t disk_bytes_max = 0;
  /// Sizes of the memory in front of LMDB (limits.hpp).
  std::size_t recent_bytes_max = std::size_t{64} << 20;
  std::size_t flush_bytes = std::size_t{16} << 20;
  bool flush_in_background = true; // false: only `flush()` flushes (tests)
};

struct stored_group {
  std::string stream;
  std::string group;
  group_row row;
};

/// Everything that the log's records add up to. Any thread may call anything;
/// one thread at a time applies to a partition. Readers see whole records.
///
/// `apply` changes memory only; a thread of the store's own moves what was
/// applied into LMDB in large sorted transactions, and then tells `flushed`,
/// after which the log may forget it.
class store {
public:
  /// Opens or makes the environment, and reads up to which log index each
  /// partition is complete. `diagnosis`, if not null: why not, in words, where
  /// that is known. Errors: locked, unknown_format, corrupt, storage_full,
  /// storage_failed.
  static result<std::unique_ptr<store>> open(const store_options& options,
                                             std::string* diagnosis = nullptr);

  ~store(); // stops the flusher; what is not flushed stays in the log only
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  std::size_t partitions() const noexcept;

  /// Index of the last record applied, in memory or LMDB. 0: none.
  log_index applied(partition_id p) const;

  /// Index of the last record that LMDB has. 0: none.
  log_index flushed(partition_id p) const;

  /// The latest `record::at` of all partitions. 0: nothing was ever recorded.
  wall_time last_time() const;

  /// Makes a record visible. `index` is the last applied one + 1; `bytes` is
  /// what it takes in the log (for the bounds).
  void apply(partition_id p, log_index index, const record& what,
             std::size_t bytes);

  /// Bytes applied and not yet in LMDB: publishers are slowed down by it.
  std::size_t unflushed_bytes() const noexcept;

  /// Why the flusher cannot write to LMDB at the moment, or none.
  errc refusal() const noexcept;

  /// It could: `refusal` is for `disk_bytes_max` alone.
  bool over_quota() const noexcept;

  /// Called on the flusher's thread after a transaction: everything up to
  /// these indexes (by partition number) is in LMDB. Set it before `apply`.
  void on_flushed(std::function<void(const std::vector<log_index>&)> call);

  /// Writes LMDB's file as it is now to a new file, while all else goes on.
  /// Blocks for as long as that takes. Errors: storage_full, storage_failed,
  /// corrupt.
  result<void> copy_to(const std::filesystem::path& file) const;

  /// About what such a copy would have.
  std::uint64_t used_bytes() const;

  /// Moves everything applied so far into LMDB, now. Blocks.
  result<void> flush();

  // --- rows (blocking point reads; nothing is "not there", not an error)
  // ------

  result<std::optional<stream_row>> stream(partition_id p,
                                           std::string_view name) const;

  /// Streams after `after` in byte order of their names.
  result<std::vector<std::pair<std::string, stream_row>>>
  streams(partition_id p, std::string_view after, std::size_t count) const;

  /// The name of a stream. Nothing: no event or row of it was ever recorded.
  result<std::optional<std::string>> stream_name(partition_id p,
                                                 stream_id s) const;

  result<std::optional<group_row>>
  group(partition_id p, std::string_view stream, std::string_view group) const;

  /// All groups, by stream name and group name.
  result<std::vector<stored_group>> groups(partition_id p) const;

  /// All runs of a group, ordered by lane and number.
  result<std::vector<run_row>> runs(partition_id p, group_id group) const;

  /// Delayed messages in order of (due, id), after (`due`, `id`), up to and
  /// including due time `until`; at most `count`. Errors: corrupt, if one of
  /// them is damaged.
  result<std::vector<delayed_message>> delayed(partition_id p, wall_time due,
                                               delayed_id id, wall_time until,
                                               std::size_t count) const;

  /// The same for who must get past a damaged one. `seen` < `count`: no others
  /// follow. Errors: corrupt, if LMDB cannot be read, or `count` rows have no
  /// place.
  result<delayed_rows> delayed_slice(partition_id p, wall_time due,
                                     delayed_id id, wall_time until,
                                     std::size_t count) const;

  /// History of a lane's events from number `first` on, below `end`, by (first,
  /// lease); at most `count`.
  result<std::vector<history_row>> history(partition_id p, group_id group,
                                           lane in, event_number first,
                                           event_number end,
                                           std::size_t count) const;

  result<std::optional<scheduled_row>> scheduled(partition_id p,
                                                 const uuid& id) const;

  /// The same of many, in their order.
  result<std::vector<std::optional<scheduled_row>>>
  scheduled(partition_id p, const std::vector<uuid>& ids) const;

  /// All pieces of a delayed message, one after the other. Errors: corrupt, if
  /// one of so many is missing.
  result<std::string> pieces(partition_id p, delayed_id of,
                             std::uint32_t count) const;

  /// Answers to settles of a group, by key; at most `limits::answers_max`.
  result<std::vector<std::pair<std::string, answer_row>>>
  answers(partition_id p, group_id group) const;

  result<std::optional<user_row>> user(std::string_view login) const;
  result<std::vector<std::pair<std::string, user_row>>> users() const;

  /// All registered consumers, in no particular order.
  result<std::vector<std::pair<consumer_key, consumer_row>>> consumers() const;

  /// Where a consumer group reads on, by stream name.
  result<std::vector<std::pair<std::string, event_number>>>
  positions(partition_id p, std::string_view group) const;

  /// The last ids published to the partition, oldest first, at most
  /// `limits::recent_ids_max`. What idempotent publishing starts with.
  result<std::vector<remembered_id>> recent_ids(partition_id p) const;

  result<used_ids> highest_ids(partition_id p) const;

  // --- events
  // -------------------------------------------------------------------

  /// Events [from, from + count) of a stream that memory has, without any I/O:
  /// nothing if the first one would have to come from LMDB, or if the stream
  /// has none there. Stops early at `bytes_max`, after at least one event, and
  /// at the first one that memory does not have. Does not know about cuts: the
  /// caller asks for live numbers only.
  std::optional<std::vector<event_ptr>> try_read(partition_id p, stream_id s,
                                                 event_number from,
                                                 std::size_t count,
                                                 std::size_t bytes_max) const;

  /// The same with LMDB. Blocks. Fewer than `count` events: the stream ends, or
  /// `bytes_max` was reached, or what follows was erased. Events below
  /// the first stored one are skipped over: the range then begins later.
  /// Errors: corrupt (a checksum is wrong, or what the stream has is not there;
  /// nothing of it is served).
  result<std::vector<event_ptr>> read(partition_id p, stream_id s,
                                      event_number from, std::size_t count,
                                      std::size_t bytes_max) const;

  // --- the order of all events of a partition ------------------------------

  /// Runs of events that reach into [from, to), in the order asked for, at most
  /// `count` and a few more; what was found is without a gap. Those on the
  /// borders are whole. Events that are invisible may be among them, or not.
  /// Blocks.
  result<std::vector<ordered_run>> order(partition_id p, log_position from,
                                         log_position to, std::size_t count,
                                         reading_order order) const;

  /// Erases all blocks of invisible events, and their places in the order, now.
  /// Blocks; the flusher has its turn after each slice.
  result<void> scavenge();

  /// The same in steps: flushes and marks what is to be looked at; then a slice
  /// at a time, which returns whether there is more. Blocks.
  result<void> begin_scavenge();
  result<bool> scavenge_slice();

private:
  struct impl;
  explicit store(std::unique_ptr<impl> self);
  std::unique_ptr<impl> impl_;
};

} // namespace callboard
