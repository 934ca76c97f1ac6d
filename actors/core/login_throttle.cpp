// A bucket is kept as the time when it is full again.
#include "actors/core/login_throttle.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>

namespace callboard {

bool failure_budget::allows(const std::string& name, wall_time now) const {
  auto found = forgotten_.find(name);
  return found == forgotten_.end()
         || found->second.value
              <= now.value + (failures_max_ - 1) * interval_ms_;
}

void failure_budget::failed(const std::string& name, wall_time now) {
  if (forgotten_.size() >= names_max_ && !forgotten_.contains(name))
    make_room(now);
  auto& at = forgotten_[name];
  at = std::max(at, now) + interval_ms_;
}

void failure_budget::make_room(wall_time now) {
  std::erase_if(forgotten_, [now](auto& one) { return one.second <= now; });
  if (forgotten_.size() >= names_max_)
    forgotten_.erase(
      std::min_element(forgotten_.begin(), forgotten_.end(),
                       [](auto& x, auto& y) { return x.second < y.second; }));
}

login_throttle::login_throttle()
    : logins_(limits::login_failures_max, limits::login_failure_forgotten,
              limits::throttled_max),
      addresses_(limits::address_failures_max,
                 limits::address_failure_forgotten, limits::throttled_max) {}

bool login_throttle::allows(const std::string& login,
                            const std::string& address, wall_time now) const {
  return addresses_.allows(address, now) && logins_.allows(login, now);
}

void login_throttle::failed(const std::string& login,
                            const std::string& address, wall_time now) {
  addresses_.failed(address, now);
  if (login.size() <= limits::login_bytes_max)
    logins_.failed(login, now);
}

} // namespace callboard
