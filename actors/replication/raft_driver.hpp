// One member of a raft group, without I/O: events in, effects out.
#pragma once

#include "actors/core/error.hpp"
#include "actors/replication/raft_types.hpp"

#include <deque>
#include <functional>
#include <map>
#include <span>

namespace callboard {

struct raft_options {
  raft_id self = 0;
  unsigned seed = 0; // of the election timeouts; differs between members
  std::uint64_t session = 0;
  unsigned election_timeout_ms = 1000;
  unsigned heartbeat_ms = 100;
  unsigned in_flight_entries_max = 256; // per follower, without an answer
  /// A leader that lost its group keeps at most so many entries that nobody
  /// has. A follower's log is compared one entry a round trip, so such a
  /// leftover costs as many round trips when it comes back.
  unsigned uncommitted_entries_max = 1024;
  std::size_t message_bytes_max = std::size_t{1} << 20;
  std::size_t tail_entries_max = 1024; // newest entries kept in memory
};

/// What a member finds on its disk when it starts.
struct stored_log {
  hard_state state;
  snapshot_ptr snapshot;
  entry_index first = 1; // of `entries`
  /// Only terms and kinds are used, and the payload of configurations.
  std::vector<log_entry> entries;
};

/// Drives C-raft's `raft_step`. Deterministic: no clock, no disk, no network,
/// no threads; its owner, one actor a group, serialises calls. The engine holds
/// no payload: entries live in the owner's storage and the newest also here.
///
/// Calls throw `std::runtime_error` if the engine reports a broken invariant:
/// the owner then ends and starts again from what is stored.
class raft_driver {
public:
  /// Reads a stored entry. Called only for indexes that were reported `stored`
  /// and not compacted.
  using entry_reader = std::function<std::optional<log_entry>(entry_index)>;

  raft_driver(const raft_options& options, entry_reader read);
  raft_driver(const raft_driver&) = delete;
  raft_driver& operator=(const raft_driver&) = delete;
  ~raft_driver();

  /// Starts from what is stored. Before that, make `state_for_start` durable.
  raft_effects start(raft_ms now, const stored_log& log);

  /// Appends entries, if this member leads. They are committed when `apply`
  /// brings them back. Errors: `unavailable` if it does not,
  /// `too_many_in_flight` if too many wait to be committed already.
  result<raft_effects> submit(raft_ms now, std::vector<log_entry> entries);

  /// The time of `wake_at` has come.
  raft_effects timeout(raft_ms now);

  /// Takes a message in. Drops it silently if it is older than one before it.
  raft_effects receive(raft_ms now, const peer_message& message);

  /// The oldest unfinished storage step is durable.
  raft_effects stored(raft_ms now);

  /// `snapshot` is durable; the log may lose its entries but the last
  /// `trailing`. Must exceed `in_flight_entries_max`.
  raft_effects compacted(raft_ms now, snapshot_ptr snapshot, unsigned trailing);

  bool is_leader() const noexcept;
  entry_term term() const noexcept;

  entry_index applied() const noexcept { return applied_; }

  entry_index last_index() const noexcept { return last_; }

  /// A snapshot from its owner can only be taken now if this is true.
  bool idle() const noexcept;

  /// The configuration to store in a snapshot at `applied()`.
  log_snapshot describe_applied() const;

private:
  struct unfinished_step {
    entry_index first = 0; // 0: no entries, or superseded by a later step
    entry_index last = 0;
    bool has_state = false;
    snapshot_ptr install;
  };

  struct peer_position {
    std::uint64_t session = 0;
    std::uint64_t sequence = 0;
  };

  void step(raft_event& event, raft_effects& out);
  int try_step(raft_event& event, raft_effects& out);
  void collect_storage(const raft_update& update, raft_effects& out);
  void collect_entries(const raft_update& update, storage_step& job);
  void append_to_tail(const storage_step& job);
  void trim_tail();
  void apply_committed(raft_ms now, raft_effects& out);
  void send(const raft_message& message, raft_effects& out);
  void send_entries(peer_message whole, raft_effects& out);
  void emit(peer_message message, raft_effects& out);
  bool accept(const peer_message& message);
  log_entry entry(entry_index index) const;

  raft_options options_;
  entry_reader read_;
  ::raft engine_{};
  entry_index applied_ = 0; // only grows; the engine's commit index may not
  entry_index last_ = 0;
  snapshot_ptr snapshot_; // the newest durable one
  std::deque<log_entry> tail_;
  entry_index tail_first_ = 1;
  std::deque<unfinished_step> unfinished_;
  unsigned unstored_states_ = 0;       // messages wait for these
  std::vector<peer_message> deferred_; // those messages
  std::map<raft_id, peer_position> heard_;
  std::map<raft_id, std::uint64_t> sent_;
  std::span<const log_entry> incoming_; // payloads of the event in progress
  const raft_entry* incoming_raw_ = nullptr;
  snapshot_ptr incoming_snapshot_;
};

/// The hard state to make durable before `start`. A member that is its group's
/// only voter must not reuse its term: the engine would lead again in the same
/// one, and a standby could then keep entries that this member lost.
hard_state state_for_start(raft_id self, const stored_log& log);

/// A configuration of voters, encoded: the payload of a log's first entry.
std::string encode_voters(std::span<const raft_id> voters);

} // namespace callboard
