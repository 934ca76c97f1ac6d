// Gives space back on demand, in slices that let the flusher through.
#pragma once

#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace callboard {

/// State of the scavenger. At most one scavenge runs; a stop takes effect after
/// the slice that is being erased.
struct scavenger_state {
  static inline const char* name = "scavenger";

  caf::result<scavenge_status> command(const scavenge_command& what);
  void next_slice();
  void end(scavenge_outcome outcome);

  scavenger_actor::pointer self = nullptr;
  node_ptr node;
  scavenge_status status;
  bool flushed = false; // what this scavenge may erase is in LMDB
};

/// Spawn detached in the broker, and without it in tests.
scavenger_actor::behavior_type
scavenger_behavior(scavenger_actor::stateful_pointer<scavenger_state> self,
                   node_ptr node);

} // namespace callboard
