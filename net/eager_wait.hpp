// When a thread with nothing to do looks for more before it sleeps.
#pragma once

#include <algorithm>
#include <chrono>

namespace callboard {

/// A thread that sleeps is woken late: on a virtual machine that takes some 20
/// microseconds, as long as all of publishing an event takes. So while what it
/// waits for comes soon, it looks again and again, for `look_max`, before it
/// sleeps (Seastar's `idle-poll-time-us`). That is worth it if nearly all waits
/// are short: who is idle, or has a few things to do now and then, sleeps at
/// once. A look that takes long means that others want this CPU: for `rest` it
/// is left to them.
///
/// One wait is `begin`, `again` until it says no or something was found, and
/// `end`.
class eager_wait {
public:
  using clock = std::chrono::steady_clock;

  /// So many short waits in a row are worth looking, and are remembered; a long
  /// one counts as much as so many.
  static constexpr int worth = 4;
  static constexpr int remembered = 8;
  static constexpr int long_wait = 4;
  static constexpr std::chrono::microseconds long_look{50};
  static constexpr std::chrono::milliseconds rest{100};

  /// `look_max`: 0 is never.
  explicit eager_wait(std::chrono::microseconds look_max) noexcept
      : look_max_(look_max) {}

  void begin(clock::time_point now) noexcept { began_ = looked_ = now; }

  /// Nothing was found up to `now`: whether to look again, and not to sleep.
  bool again(clock::time_point now) noexcept {
    if (now - looked_ > long_look)
      rest_until_ = now + rest;
    looked_ = now;
    return short_ >= worth && now - began_ < look_max_ && now >= rest_until_;
  }

  /// What was waited for has come.
  void end(clock::time_point now) noexcept {
    short_ = now - began_ < look_max_ ? std::min(short_ + 1, remembered)
                                      : std::max(short_ - long_wait, 0);
  }

private:
  std::chrono::microseconds look_max_;
  int short_ = 0; // waits, of late
  clock::time_point began_;
  clock::time_point looked_;
  clock::time_point rest_until_ = clock::time_point::min();
};

} // namespace callboard
