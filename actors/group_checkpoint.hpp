// How far a group is, as the event that Event Store would have written.
#pragma once

#include "actors/core/event.hpp"
#include "actors/core/record.hpp"

#include <optional>
#include <string_view>

namespace callboard {

/// The newest event of the stream `name` (`checkpoint_stream`), made of the
/// rows of the group and of its stream, if that is there: the number of the
/// last event with everything up to it settled, as a JSON string (spec 5.6).
/// That number is the event's own too, so it grows with the checkpoint, and
/// number and id are the same whenever it is read. Null: nothing is settled
/// yet.
event_ptr checkpoint_event(std::string_view name, const group_row& row,
                           const std::optional<stream_row>& source,
                           wall_time now);

/// The row of a stream that ends with this event and has no other.
stream_row checkpoint_head(const event& latest);

} // namespace callboard
