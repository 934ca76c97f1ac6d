// The broker's clock: wall-clock milliseconds that never step.
#pragma once

#include "actors/core/ids.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace callboard {

/// Deadlines are promises of *waiting*: a lease of ten seconds, a retry in an
/// hour. Somebody who sets the clock of the machine by an hour must not end all
/// leases or put off all retries. So they are stored in this clock: the wall
/// clock when the broker started, but never before the last time that was
/// recorded, and from then on as steady as the monotonic clock.
///
/// Running, a step of the wall clock changes nothing. After a restart with the
/// clock set back, time continues from the last record; with the clock set
/// forward, it looks like a long stop, and what became due meanwhile fires.
class broker_clock {
public:
  using steady = std::chrono::steady_clock::time_point;

  broker_clock(wall_time last_recorded, wall_time wall_at_start,
               steady at_start) noexcept
      : start_(std::max(last_recorded, wall_at_start)), steady_(at_start) {}

  wall_time now(steady at) const noexcept { return start_ + elapsed_ms(at); }

private:
  std::uint64_t elapsed_ms(steady at) const noexcept {
    auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(at - steady_);
    return std::uint64_t(std::max<std::int64_t>(passed.count(), 0));
  }

  wall_time start_;
  steady steady_;
};

} // namespace callboard
