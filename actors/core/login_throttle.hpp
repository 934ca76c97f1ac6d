// How often somebody may be wrong: failed logins by user and by address.
#pragma once

#include "actors/core/ids.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace callboard {

/// Counts failures by name: so many in a row, then one more each `interval`. A
/// name that is not known has none. At `names_max` names the one that would be
/// forgotten first makes room, so memory is bounded, and whoever floods it has
/// to fail that often. Deterministic; one thread.
class failure_budget {
public:
  failure_budget(std::uint64_t failures_max, std::chrono::milliseconds interval,
                 std::size_t names_max)
      : failures_max_(failures_max),
        interval_ms_(static_cast<std::uint64_t>(interval.count())),
        names_max_(names_max) {}

  /// Whether one more failure is allowed.
  bool allows(const std::string& name, wall_time now) const;

  void failed(const std::string& name, wall_time now);

  std::size_t names() const noexcept { return forgotten_.size(); }

private:
  void make_room(wall_time now);

  std::uint64_t failures_max_;
  std::uint64_t interval_ms_;
  std::size_t names_max_;
  std::unordered_map<std::string, wall_time> forgotten_; // all failures, when
};

/// The budgets of users and of addresses (`limits.hpp`).
class login_throttle {
public:
  login_throttle();

  /// Whether a password may be checked. A login that no user can have is only
  /// counted for its address.
  bool allows(const std::string& login, const std::string& address,
              wall_time now) const;

  /// It was wrong.
  void failed(const std::string& login, const std::string& address,
              wall_time now);

private:
  failure_budget logins_;
  failure_budget addresses_;
};

} // namespace callboard
