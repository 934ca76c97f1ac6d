// Letting one node into a running group, or out of it, step by step.
#pragma once

#include "actors/replication/raft_driver.hpp"

#include <string>

namespace callboard {

enum class change_goal : std::uint8_t { none, add, remove };

enum class change_state : std::uint8_t { running, done, failed };

struct change_request {
  change_goal goal = change_goal::none;
  raft_id id = 0;
  std::string address{}; // of a node to add: host:port

  friend bool operator==(const change_request&,
                         const change_request&) = default;
};

/// The change under way, or the last one that this node saw end.
struct change_status {
  change_request request{}; // goal `none`: there was none
  change_state state = change_state::done;
  std::string text{}; // for people: what it waits for, or how it ended
};

/// What is told to who asked for something.
struct change_answer {
  errc error = errc::none;
  bool done = false; // else it goes on by itself
  std::string text{};
};

/// One change after the other, by the group's leader:
///
///   add      standby → caught up → voter; it stays a standby if
///            `cluster_voters_max` members vote already
///   remove   voter → standby → gone; a leader hands over first, see `begin`
///
/// Each step is taken as soon as the driver lets it, so an interrupted change
/// goes on from where it was when it is asked for again, of any leader.
/// Deterministic; its owner serialises calls.
class member_change {
public:
  /// Begins it, unless it is done or under way. Errors: `unavailable` (this
  /// member does not lead, or it leads and is to be removed: it must hand over,
  /// and the next leader be asked), `invalid_argument` (no such node can be, or
  /// it is the only voter), `not_found`, `already_exists` (another has the
  /// address), `too_large`, `too_many_in_flight` (another change is under way).
  change_answer begin(const raft_driver& driver, raft_ms now, raft_id self,
                      const change_request& request);

  /// Takes the next step if it is possible. Call it often while `running`.
  raft_effects advance(raft_driver& driver, raft_ms now);

  bool running() const noexcept {
    return status_.state == change_state::running;
  }

  const change_status& status() const noexcept { return status_; }

private:
  result<raft_effects> step(raft_driver& driver, raft_ms now);
  result<raft_effects> step_in(raft_driver& driver, raft_ms now);
  result<raft_effects> step_out(raft_driver& driver, raft_ms now);
  void say(std::string text, raft_ms now);
  void end(change_state state, std::string text);

  change_status status_;
  raft_ms progress_at_ = 0;
  entry_index match_ = 0; // of the node to add
};

} // namespace callboard
