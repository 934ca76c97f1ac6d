// Why a group delivers nothing, or less than it could.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/group_requests.hpp"
#include "actors/core/subscription.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace callboard {

/// What the group's shell knows and its core does not.
struct group_work {
  wall_time now;
  errc refusal = errc::none;      // why nothing can be recorded
  bool loading = false;           // finds out what is leased, after a restart
  bool reading = false;           // waits for a page of its stream
  std::size_t recording = 0;      // records on their way to the disk
  std::size_t full_polls = 0;     // wait for events of their own to be settled
  event_number first_parked;      // where the parked stream begins
  std::int64_t wall_ahead_ms = 0; // of the broker's clock
};

/// All that hold, the most general first, each with its figures: times by the
/// wall clock. Codes: storage-refuses, loading, paused, breaker-open,
/// breaker-half-open, max-in-flight, in-flight-bound, runs-bound,
/// max-in-flight-per-consumer, consumer-credit, reading, recording; and if
/// nothing is ready all-leased, waiting-for-retries, or else nothing-published,
/// parked-only, nothing-new.
std::vector<stall_reason> stall_reasons(const subscription& core,
                                        const group_work& shell);

/// Whether a fetch now would get something, or as soon as it is read.
bool delivers(const subscription& core, const group_work& shell);

} // namespace callboard
