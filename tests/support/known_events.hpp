// What clients know of a group's events, exactly: who has which, with how many
// attempts, until when.
#pragma once

#include "actors/core/ids.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace callboard::test {

/// Free, in flight, waiting for its retry, or acked.
struct known_event {
  bool acked = false;
  std::uint32_t charged = 0; // attempts that count
  std::string lease{};       // in flight
  wall_time ends{};          // the lease
  std::string holder{};      // name of the consumer that has it
  wall_time due{};           // waiting: not before

  bool in_flight() const noexcept { return !lease.empty(); }
};

/// The promises of a delivery, as `delivered` checks them: what was acked is
/// over, what somebody has comes to nobody else, what waits does not come
/// early, and the attempt is the number of those that count, and one.
class known_events {
public:
  explicit known_events(std::uint64_t lease_ms) : lease_ms_(lease_ms) {}

  void published(const std::string& id) { all_[id] = {}; }

  void delivered(const std::string& id, std::uint32_t attempt,
                 const std::string& lease, const std::string& holder,
                 wall_time now) {
    auto& one = all_.at(id);
    INFO("event " << id << " lease " << lease << " to " << holder);
    REQUIRE(!one.acked);
    REQUIRE(!one.in_flight());
    REQUIRE(one.due <= now);
    REQUIRE(attempt == one.charged + 1);
    one.lease = lease;
    one.ends = now + lease_ms_;
    one.holder = holder;
  }

  /// Whether it was in flight: else settling it changes nothing.
  bool ack(const std::string& id) {
    auto& one = all_.at(id);
    if (!one.in_flight())
      return false;
    one.lease.clear();
    one.acked = true;
    return true;
  }

  bool retry(const std::string& id, wall_time due) {
    auto& one = all_.at(id);
    if (!one.in_flight())
      return false;
    one.lease.clear();
    ++one.charged;
    one.due = due;
    return true;
  }

  /// Leases that are over, each of whose events is charged. How many.
  std::size_t expire(wall_time now) {
    return free_if([&](auto& one) {
      bool over = one.ends <= now;
      one.charged += over ? 1 : 0;
      return over;
    });
  }

  /// A consumer, or a lease, gives its events back, and nothing is charged. How
  /// many.
  std::size_t left(const std::string& holder) {
    return free_if([&](auto& one) { return one.holder == holder; });
  }

  std::size_t released(const std::string& lease) {
    return free_if([&](auto& one) { return one.lease == lease; });
  }

  /// When the next lease ends or the next retry is due, at most `end`.
  wall_time next_moment(wall_time now, wall_time end) const {
    for (auto& [id, one] : all_)
      if (auto at = one.in_flight() ? one.ends : one.due; at > now)
        end = std::min(end, at);
    return end;
  }

  std::size_t held_by(const std::string& holder) const {
    return std::size_t(
      std::count_if(all_.begin(), all_.end(), [&](auto& entry) {
        return entry.second.in_flight() && entry.second.holder == holder;
      }));
  }

  template <class Chosen>
  std::vector<std::string> ids_of(Chosen chosen) const {
    std::vector<std::string> out;
    for (auto& [id, one] : all_)
      if (chosen(one))
        out.push_back(id);
    return out;
  }

  bool all_acked() const {
    return ids_of([](auto& one) { return !one.acked; }).empty();
  }

private:
  template <class Chosen>
  std::size_t free_if(Chosen chosen) {
    std::size_t out = 0;
    for (auto& [id, one] : all_)
      if (one.in_flight() && chosen(one)) {
        one.lease.clear();
        ++out;
      }
    return out;
  }

  std::uint64_t lease_ms_;
  std::map<std::string, known_event> all_;
};

} // namespace callboard::test
