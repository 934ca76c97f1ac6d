// What a group decides about, and what a decision changes.
#pragma once

#include "actors/core/record.hpp"
#include "actors/core/runs.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

/// Where an event is delivered from.
struct position {
  lane in = lane::source;
  event_number number;
  friend auto operator<=>(const position&, const position&) = default;
};

struct position_hash {
  std::size_t operator()(const position& at) const noexcept {
    return std::hash<event_number>{}(at.number) * 2 + std::size_t(at.in);
  }
};

/// Consecutive positions.
struct position_range {
  lane in = lane::source;
  number_range numbers;
  friend bool operator==(const position_range&,
                         const position_range&) = default;
};

/// The numbers of sorted positions as ranges.
std::vector<position_range> as_ranges(std::span<const position> sorted);

/// What must be known of an event to lease it: the id it is settled by,
/// `N@stream` of the event behind it, which is what parking stores, and when it
/// is given up (0: never).
struct leasable {
  position at;
  uuid id;
  std::string target;
  wall_time give_up_at{};
};

/// An event that was leased; `attempt` counts this delivery.
struct leased_event {
  position at;
  std::uint32_t attempt = 1;
  lease_id lease;
};

/// An event to append to the parked stream, as a link.
struct parked_event {
  position from;
  std::string target; // N@stream
  std::string reason;
  uuid id;                    // of the event; zero: not known
  std::uint32_t attempts = 0; // deliveries that did not help
};

/// What a decision changes. Changes and parked events are one atomic record,
/// durable before any reply or delivery leaves the broker.
struct group_effects {
  std::vector<change> changes;
  std::vector<parked_event> parked;
  std::optional<event_number> cut_parked; // the parked stream begins here now
  std::vector<leased_event> leased;       // in delivery order
  std::size_t applied = 0;                // ids that were in flight
  std::size_t retried = 0;                // of these, to be delivered again
  bool removes = false; // the group is gone, and its own streams with it

  bool nothing() const noexcept { return changes.empty() && parked.empty(); }

  /// What was decided next, to be recorded together with this.
  void add(group_effects&& next) {
    for (auto& one : next.changes)
      changes.push_back(std::move(one));
    for (auto& one : next.parked)
      parked.push_back(std::move(one));
    if (next.cut_parked)
      cut_parked = next.cut_parked;
    for (auto& one : next.leased)
      leased.push_back(one);
    applied += next.applied;
    retried += next.retried;
    removes = removes || next.removes;
  }
};

} // namespace callboard
