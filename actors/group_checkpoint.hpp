// How far a group is, as the event that Event Store would have written.
#pragma once

#include "actors/core/event.hpp"
#include "actors/core/record.hpp"
#include "persistence/store.hpp"

#include <string_view>

namespace callboard {

/// The newest event of the group's `checkpoint_stream`, made of its rows and
/// that of its stream: the number of the last event with everything up to it
/// settled, as a JSON string (spec 5.6). That number is the event's own too, so
/// it grows with the checkpoint, and number and id are the same whenever it is
/// read. Null: nothing is settled yet, or there is no such group. Errors:
/// corrupt, storage_failed.
result<event_ptr> checkpoint_event(const store& db, partition_id p,
                                   std::string_view stream,
                                   std::string_view group, wall_time now);

/// The row of a stream that ends with this event and has no other.
stream_row checkpoint_head(const event& latest);

} // namespace callboard
