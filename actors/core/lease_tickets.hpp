// Which delayed message belongs to what of a group.
#pragma once

#include "actors/core/record.hpp"

#include <cstdint>

namespace callboard {

/// Groups that a partition can ever have had: their messages' ids stay below
/// those of `delayed_ids`.
inline constexpr std::uint64_t groups_max = (std::uint64_t{1} << 23) - 1;
static_assert((groups_max + 1) << 40 == delayed_ids::sweeps);

/// The id of a ticket's delayed message: unique in the partition, because
/// groups are. `groups_max` groups and 2^40 - 3 tickets each can exist: the
/// first number and the last two are those of other messages.
constexpr delayed_id delayed_of(group_id group, lease_id ticket) noexcept {
  return {(group.value << 40)
          | (ticket.value & ((std::uint64_t{1} << 40) - 1))};
}

/// Of `resume` messages.
inline constexpr lease_id pause_ticket{0};
inline constexpr lease_id breaker_ticket{(std::uint64_t{1} << 40) - 1};
/// Of a replay or discard that goes on.
inline constexpr lease_id parked_job_ticket{(std::uint64_t{1} << 40) - 2};

} // namespace callboard
