// Delays: listed or growing, with jitter.
#include "actors/core/retry_schedule.hpp"

#include <algorithm>
#include <cmath>

namespace callboard {

std::uint64_t delay_ms(const retry_plan& plan, std::uint32_t deliveries,
                       std::uint64_t random) noexcept {
  if (plan.at_once())
    return 0; // and not 0 times what may be infinite
  auto failed = std::max(deliveries, 1U) - 1;
  double wait = 0;
  if (!plan.delays_ms.empty()) {
    auto last = plan.delays_ms.size() - 1;
    wait = plan.delays_ms[std::min<std::size_t>(failed, last)];
  } else {
    // pow of a large exponent is infinite: min makes it the maximum, as it does
    // of what is no number, in this order.
    wait = std::min(double(plan.max_ms),
                    double(plan.initial_ms) * std::pow(plan.factor, failed));
  }
  auto share = double(random >> 11) * 0x1.0p-53; // [0, 1)
  auto jitter = std::clamp(plan.jitter, 0.0, 1.0);
  return std::uint64_t(std::llround(wait * (1 - jitter * share)));
}

} // namespace callboard
