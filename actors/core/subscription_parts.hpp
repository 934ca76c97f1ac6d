// What a subscription remembers of leases besides the runs of their events.
#pragma once

#include "actors/core/group_effects.hpp"
#include "actors/core/lease_note.hpp"
#include "actors/core/record.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// What is known of a leased event.
struct held_event {
  uuid id;
  std::string target;
  wall_time give_up_at;
  wall_time since; // 0: leased before a restart
};

/// A lease, or what waits for one message, or (due 0) comes back together.
struct ticket_state {
  wall_time due;
  delayed_kind kind = delayed_kind::lease_end;
  lease_note note;                    // of a lease
  std::vector<position_range> covers; // what it was given for
};

/// How an event left its lease, until it is known which others did alike.
struct ended_event {
  position at;
  std::uint64_t count = 1;
  std::uint32_t attempt = 0;
  lease_id ticket; // 0: it was not leased
  lease_outcome outcome = lease_outcome::acked;
  std::uint64_t delay_ms = 0;
  std::string words;
  event_number parked_as;
  wall_time ended;
  wall_time until{}; // of the lease, at that time
  std::uint32_t extensions = 0;
};

/// Why leased events are given back, and how.
struct return_plan {
  std::optional<std::uint64_t> delay_ms; // nothing: by the retry schedule
  lease_outcome outcome = lease_outcome::retried;
  std::string_view words;
  bool apart = false; // each is leased by itself from now on
};

} // namespace callboard
