// Sends delayed messages when they are due; what is pending lies in LMDB.
#pragma once

#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <functional>
#include <map>
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
/// `limits::timer_unanswered_max`, and keeps no other one waiting; within it a
/// message that is refused waits for `limits::refused_delay`, alone.
struct timer_state {
  static inline const char* name = "timer";

  /// Where a message is handed to. Set before the first wake-up.
  using partitions_of = std::function<partition_actor(partition_id)>;

  /// Due time first: the earliest is the first.
  using place = std::pair<wall_time, delayed_id>;

  struct refused_message {
    wall_time again; // when it is offered
    delayed_message what;
  };

  struct lane {
    partition_id partition;
    bool publishes = false;
    place read; // all rows up to here were read, and are below or done
    bool at_horizon = false; // no others are before `read`: it is a time
    std::map<place, delayed_message> window;
    std::deque<refused_message> refused; // in order of `again`
    std::set<place> fired; // handed out, or refused, and not erased by a record
    std::size_t unanswered = 0;
  };

  void changed(delayed_changes& what);
  void wake(std::uint64_t generation);
  lane& lane_of(partition_id partition, delayed_id id);
  bool has_room(const lane& in) const;
  bool must_read_on(const lane& in) const;
  errc read_on(lane& in);
  void fire_due(lane& in);
  void fire(lane& in, const delayed_message& what);
  void answered(lane& in);
  void count_late(const delayed_message& what) const;
  void add(partition_id partition, delayed_message&& what);
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
  wall_time armed;
  std::uint64_t armed_generation = 0;
};

/// Starts with what LMDB has. Spawn before the partitions; it hands out nothing
/// before the first `wake_atom`.
timer_actor::behavior_type
timer_behavior(timer_actor::stateful_pointer<timer_state> self, node_ptr node,
               std::size_t partitions, timer_state::partitions_of partition);

} // namespace callboard
