// What became of an event, from its state and from what is stored of it.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/subscription.hpp"

#include <functional>
#include <vector>

namespace callboard {

/// The stored history of a lane's events from `first` on, below `end`; all of
/// it, or the first `limits::explained_rows_max` rows.
using history_reader = std::function<result<std::vector<history_row>>(
  lane in, event_number first, event_number end)>;

/// Follows an event from where it is in the source lane through its parking and
/// its replays: everything of an explanation but `now` and `what`.
void follow(const subscription& core, position at, const history_reader& rows,
            explanation& into);

} // namespace callboard
