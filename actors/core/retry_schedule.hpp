// How long a failed event waits, and when it is given up.
#pragma once

#include "actors/core/group_settings.hpp"

#include <cstdint>

namespace callboard {

/// Milliseconds until the next delivery after `deliveries` (>= 1) have failed;
/// 0: at once. `random` (64 bits) feeds the jitter, which only shortens the
/// delay: it never exceeds what was asked for.
std::uint64_t delay_ms(const retry_plan& plan, std::uint32_t deliveries,
                       std::uint64_t random) noexcept;

/// Whether an event that was delivered so often has used up its attempts:
/// 1 + `max_retry_count` deliveries.
constexpr bool parks(std::uint32_t deliveries,
                     std::int32_t max_retry_count) noexcept {
  return std::int64_t{deliveries} > std::int64_t{max_retry_count};
}

} // namespace callboard
