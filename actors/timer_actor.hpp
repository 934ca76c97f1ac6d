// Sends delayed messages when they are due; what is pending lies in LMDB.
#pragma once

#include "actors/core/delayed_rows.hpp"
#include "actors/log_limit.hpp"
#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace callboard {

/// Holds the delayed messages of the next minute, at most
/// `limits::timer_window_max`, ordered by due time; reads on when time or room
/// comes. Rows are put and erased by the partitions' records: they say so with
/// `delayed_changes`, and the record that takes a fired message over is what
/// erases it here. Due times are the broker's clock, which runs as steadily as
/// the timer's own, so a step of the wall clock moves nothing.
///
/// What publishes (and so may be refused for long) and what does not go in two
/// lanes for each partition. A lane has its share of the room and of
/// `limits::timer_unanswered_max`, and keeps no other one waiting, not even if
/// it cannot be read; within it a message that is refused waits alone, on the
/// disk: only its place is remembered, and the row is read again when its turn
/// comes. What is damaged is left alone until the next start.
struct timer_state {
  static inline const char* name = "timer";

  /// Where a message is handed to. Set before the first wake-up.
  using partitions_of = std::function<partition_actor(partition_id)>;

  /// Due time first: the earliest is the first.
  using place = delayed_place;

  /// Of a message that was handed out: how often in vain, in a way.
  struct patience {
    wall_time again; // when it is offered, if it was refused
    std::uint64_t wait_ms = 0;
    errc why = errc::none; // it was refused last
  };

  struct lane {
    partition_id partition;
    bool publishes = false;
    place read; // all rows up to here were read, and are below or done
    bool at_horizon = false; // no others are before `read`: it is a time
    wall_time not_before;    // it could not be read: when that is tried again
    std::map<place, delayed_message> window;
    std::map<place, patience> fired; // handed out, or refused, and not erased
    std::set<std::pair<wall_time, place>> turns; // of those that were refused
    std::set<place> left_alone;
    std::optional<place> forgotten; // the first for whose turn was no room
    wall_time back_at;              // when what is forgotten is read again
    std::size_t unanswered = 0;
  };

  void changed(delayed_changes& what);
  void wake(std::uint64_t generation);
  lane& lane_of(partition_id partition, delayed_id id);
  bool has_room(const lane& in) const;
  /// When a lane has to be read, as things are; never: the last of all times.
  wall_time reads_at(const lane& in) const;
  errc read_on(lane& in);
  void fire_due(lane& in);
  void take_turns(lane& in);
  errc take_turn(lane& in);
  void fire(lane& in, const delayed_message& what);
  void refused(lane& in, const place& at, delayed_kind kind, errc why);
  void forget_for_now(lane& in, const place& at);
  void answered(lane& in);
  void leave_damaged(lane& in, const place& at);
  bool leave_alone(lane& in, const place& at);
  void cannot_read(lane& in, errc why);
  void count_late(const delayed_message& what) const;
  void add(partition_id partition, delayed_message&& what);
  static void drop(lane& in, const place& at);
  /// When there is something to do in a lane, as things are.
  wall_time next_in(const lane& in) const;
  void arm();
  void arm_in(std::chrono::milliseconds wait);

  timer_actor::pointer self = nullptr;
  node_ptr node;
  partitions_of partition;
  std::vector<lane> lanes;        // two for each partition
  std::size_t messages_max = 0;   // of a lane
  std::size_t unanswered_max = 0; // of a lane
  std::size_t refused_max = 0;    // of a lane
  std::size_t left_alone_max = 0; // of a lane
  log_limit log;
  wall_time armed;
  std::uint64_t armed_generation = 0;
};

/// Starts with what LMDB has. Spawn before the partitions; it hands out nothing
/// before the first `wake_atom`.
timer_actor::behavior_type
timer_behavior(timer_actor::stateful_pointer<timer_state> self, node_ptr node,
               std::size_t partitions, timer_state::partitions_of partition);

} // namespace callboard
