// The broker's clock: wall-clock milliseconds that never step.
#pragma once

#include "actors/core/ids.hpp"

#include <algorithm>
#include <atomic>
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
///
/// In a cluster the first leader's clock is that of all: the others learn it,
/// whatever their own wall clocks say, and whoever leads next goes on from
/// there. Calls of any thread.
class broker_clock {
public:
  using steady = std::chrono::steady_clock::time_point;

  broker_clock(wall_time last_recorded, wall_time wall_at_start,
               steady at_start) noexcept {
    set(std::max(last_recorded, wall_at_start), at_start);
  }

  wall_time now(steady at) const noexcept {
    return {std::uint64_t(ahead_.load(std::memory_order_relaxed) + ms(at))};
  }

  /// This node leads: its clock is the broker's, if need be forward to `first`.
  void lead(wall_time first, steady at) noexcept {
    if (now(at) < first)
      set(first, at);
    known_ = true;
  }

  /// Another node's clock says `told`; steps forward or back, so not while this
  /// node leads. Those who follow may only tell what is not known yet. A
  /// message that was held up seems to be of a clock that is behind: of two
  /// that differ by less than `held_up_max` the one ahead is right, whoever has
  /// it.
  void learn(wall_time told, bool of_leader, steady at) noexcept {
    auto ours = now(at);
    bool close = told + held_up_max > ours && ours + held_up_max > told;
    if (known_ && (close ? told <= ours : !of_leader))
      return;
    set(told, at);
    known_ = true;
  }

  static constexpr std::uint64_t held_up_max = 5'000; // milliseconds

  /// It led, or learned from others, since it started.
  bool known() const noexcept { return known_; }

private:
  void set(wall_time now, steady at) noexcept {
    ahead_.store(std::int64_t(now.value) - ms(at), std::memory_order_relaxed);
  }

  static std::int64_t ms(steady at) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
             at.time_since_epoch())
      .count();
  }

  std::atomic<std::int64_t> ahead_{0}; // of the monotonic clock, milliseconds
  std::atomic<bool> known_{false};
};

} // namespace callboard
