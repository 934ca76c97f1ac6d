// Sends delayed messages when they are due; what is pending lies in LMDB.
#pragma once

#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace callboard {

/// Holds the delayed messages of the next minute, at most
/// `limits::timer_window_max`, ordered by due time; reads on when time or room
/// comes. Rows are put and erased by the partitions' records: they say so with
/// `delayed_changes`, and the record that takes a fired message over is what
/// erases it here. Due times are the broker's clock, which runs as steadily as
/// the timer's own, so a step of the wall clock moves nothing.
struct timer_state {
  static inline const char* name = "timer";

  /// Where a message is handed to. Set before the first wake-up.
  using partitions_of = std::function<partition_actor(partition_id)>;

  struct waiting_message {
    partition_id partition;
    delayed_message what;
  };

  /// Due time first: the earliest is the first.
  using order = std::tuple<wall_time, partition_id, delayed_id>;

  /// How far the rows of a partition are in memory: all up to (due, id) were
  /// read, and are in the window or fired.
  struct cursor {
    wall_time due;
    delayed_id id;
    bool at_horizon = false; // nothing is left before the horizon
    friend auto operator<=>(const cursor&, const cursor&) = default;
  };

  void changed(delayed_changes& what);
  void wake(std::uint64_t generation);
  bool must_read_on() const;
  errc read_on();
  void fire(const waiting_message& message);
  void add(partition_id partition, delayed_message&& what);
  void arm();
  void arm_in(std::chrono::milliseconds wait);

  timer_actor::pointer self = nullptr;
  node_ptr node;
  partitions_of partition;
  std::vector<cursor> cursors; // by partition number
  wall_time horizon;           // how far ahead rows were read
  std::map<order, waiting_message> window;
  std::set<order> fired; // handed out, not yet erased by a record
  wall_time armed;
  std::uint64_t armed_generation = 0;
};

/// Starts with what LMDB has. Spawn before the partitions; it hands out nothing
/// before the first `wake_atom`.
timer_actor::behavior_type
timer_behavior(timer_actor::stateful_pointer<timer_state> self, node_ptr node,
               std::size_t partitions, timer_state::partitions_of partition);

} // namespace callboard
