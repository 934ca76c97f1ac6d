// What the raft driver exchanges with its owner: entries, messages, effects.
#pragma once

#include "actors/replication/raft_api.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

using entry_index = std::uint64_t; // the first entry of a log has index 1
using entry_term = std::uint64_t;
using raft_ms = std::uint64_t; // monotonic; raft never sees a wall clock

enum class entry_kind : std::uint8_t {
  command = RAFT_COMMAND,
  barrier = RAFT_BARRIER,
  configuration = RAFT_CHANGE,
};

/// A standby gets the log and has no vote; a spare gets nothing.
enum class member_role : std::uint8_t {
  standby = RAFT_STANDBY,
  voter = RAFT_VOTER,
  spare = RAFT_SPARE,
};

struct raft_member {
  raft_id id = 0;
  member_role role = member_role::voter;
  /// Where the others find it; opaque here. No two members have the same; one
  /// without any gets a stand-in that is no address.
  std::string address{};

  bool operator==(const raft_member&) const = default;
};

/// A member as this one sees it.
struct peer_state {
  raft_id id = 0;
  member_role role = member_role::voter;
  /// Known to the leader only, else 0: the newest entry that the member has
  /// durably, and the one to send it next.
  entry_index match = 0;
  entry_index next = 0;
  /// Since its last message, if there was one since this member started.
  std::optional<raft_ms> silent_ms{};
  std::string address{}; // by the configuration
};

enum class catch_up_state : std::uint8_t { none, running, aborted, finished };

/// One entry of the replicated log. Its payload is shared, never copied.
struct log_entry {
  entry_term term = 0;
  entry_kind kind = entry_kind::command;
  std::shared_ptr<const std::string> payload;
};

/// A state of the state machine that stands for all entries up to `index`.
struct log_snapshot {
  entry_index index = 0;
  entry_term term = 0;
  entry_index configuration_index = 0;
  std::string configuration; // encoded
  std::string state;         // or a descriptor of what the follower must pull
};

using snapshot_ptr = std::shared_ptr<const log_snapshot>;

/// What a member must never forget, besides its log.
struct hard_state {
  entry_term term = 0;
  raft_id vote = 0;
};

/// A message to another member. The transport keeps the order per peer.
struct peer_message {
  raft_id from = 0;
  raft_id to = 0;
  std::uint64_t session = 0;  // grows with each start of the sender
  std::uint64_t sequence = 0; // per receiver, within the session
  raft_message header{};      // without pointers: those are the fields below
  std::vector<log_entry> entries;
  snapshot_ptr snapshot;
};

/// One atomic step of storage. Steps are made durable in order; one transaction
/// may hold many. In order within a step: `install` replaces the whole log and
/// state, then everything from `first` on is replaced by `entries`. If the log
/// ends earlier, after a start from a snapshot that was ahead of it, `entries`
/// replace all of it.
struct storage_step {
  std::optional<hard_state> state;
  snapshot_ptr install;
  entry_index first = 0; // 0: no entries
  std::vector<log_entry> entries;
};

struct committed_entry {
  entry_index index = 0;
  log_entry entry;
};

/// What the owner must do after each call, in field order.
struct raft_effects {
  /// Make durable, in order; then call `stored` once for each.
  std::vector<storage_step> store;
  /// Send now. What depends on an unfinished storage step is held back.
  std::vector<peer_message> send;
  /// Replace the state machine by this one.
  snapshot_ptr restore;
  /// Apply to the state machine, in order. This member's own log may not have
  /// them yet: a state that is stored may be ahead of the log beside it.
  std::vector<committed_entry> apply;
  /// Call `timeout` at this time, instead of any earlier one.
  std::optional<raft_ms> wake_at;
  /// Leadership may have been won or lost: see `is_leader`.
  bool role_changed = false;
  /// A follower needs an entry that is gone from storage and that no snapshot
  /// stands for: make one of `applied()` and call `compacted`.
  bool snapshot_needed = false;
};

} // namespace callboard
