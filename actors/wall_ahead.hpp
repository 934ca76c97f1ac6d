// One moment by two clocks: the broker's, which is stored, and the wall's.
#pragma once

#include "actors/node.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace callboard {

/// By how much the wall clock is ahead of the broker's. Each counts whole
/// milliseconds of its own, so their difference flickers; what is meant for one
/// time must come to one time, so as little as that is not followed.
class wall_ahead {
public:
  std::int64_t ms(const node_services& node) {
    constexpr std::int64_t flicker_ms = 2;
    auto ahead =
      std::int64_t(node.wall().value) - std::int64_t(node.now().value);
    if (std::abs(ahead - known_ms_) > flicker_ms)
      known_ms_ = ahead;
    return known_ms_;
  }

  wall_time wall_of(const node_services& node, wall_time stored) {
    return at_least(0, std::int64_t(stored.value) + ms(node));
  }

  /// Never 0, which says that there is no time.
  wall_time stored_of(const node_services& node, wall_time wall) {
    return at_least(1, std::int64_t(wall.value) - ms(node));
  }

private:
  static wall_time at_least(std::int64_t least, std::int64_t at) {
    return {std::uint64_t(std::max(at, least))};
  }

  std::int64_t known_ms_ = 0;
};

} // namespace callboard
