// A replay or discard of many parked events: how much of it is done next.
#pragma once

#include "actors/core/group_requests.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace callboard {

/// What a command about parked events comes to, portion by portion. It goes
/// through the parked stream once, from `next` up to `end`, and with each
/// portion its state is recorded. Pure.
struct parked_job {
  parked_verb verb = parked_verb::replay;
  parked_filter filter;
  std::string words;
  double per_second = 0;
  double stop_percent = 0;
  event_number next;        // to be looked at
  event_number end;         // what was parked later is not meant
  std::uint64_t chosen = 0; // so far
  std::uint64_t failed = 0; // of them, parked again

  bool looked_at_all() const noexcept { return next >= end; }

  friend bool operator==(const parked_job&, const parked_job&) = default;
};

/// `link`: in the parked stream; `what`: the event behind it, or null.
bool matches(const parked_filter& filter, const event& link, const event* what,
             const std::string& reason);

/// Why a command cannot be done: too_large, invalid_argument, or none.
errc refusal_of(const parked_command& what) noexcept;

/// At most so many events are chosen now. `under_way`: being replayed.
std::size_t portion_of(const parked_job& job, std::uint64_t under_way) noexcept;

/// From one portion to the next, in milliseconds.
std::uint64_t interval_ms(const parked_job& job) noexcept;

/// More of what was replayed failed again than was allowed.
bool fails_too_often(const parked_job& job, std::uint64_t under_way) noexcept;

/// Nothing is left to do, or to watch.
bool is_over(const parked_job& job, std::uint64_t under_way) noexcept;

} // namespace callboard
