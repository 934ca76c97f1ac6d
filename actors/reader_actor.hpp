// Reads for those who must not wait for a disk.
#pragma once

#include "actors/node.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace callboard {

/// Spawn detached in the broker, and without it in tests.
reader_actor::behavior_type reader_behavior(reader_actor::pointer self,
                                            node_ptr node);

} // namespace callboard
