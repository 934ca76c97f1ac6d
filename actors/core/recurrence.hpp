// When something that recurs is due: every so often, or as a cron line says.
#pragma once

#include "actors/core/ids.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace callboard {

/// What became due while nobody could serve it: nothing of it is published (it
/// is late by more than `limits::late_max`), one event for all of it, or all.
enum class catch_up : std::uint8_t { skip, once, all };

/// A rule; times are those of the wall clock. Exactly one of `every_ms` and
/// `cron` is given.
struct recurrence {
  std::uint64_t every_ms = 0; // `from`, and so often after it
  std::string cron;           // as `cron_line` reads it
  std::string zone;           // of `cron`: an IANA name
  catch_up missed = catch_up::skip;
  wall_time from;          // not before
  wall_time until;         // not at or after; 0: no end
  std::uint64_t count = 0; // so many events; 0: no end

  friend bool operator==(const recurrence&, const recurrence&) = default;
};

/// A time zone: seconds since 1970 in UTC to seconds of its clocks, and back. A
/// local time that does not exist is the first moment after the gap; one that
/// comes twice is the first of the two.
struct time_zone {
  std::function<std::int64_t(std::int64_t utc)> to_local;
  std::function<std::int64_t(std::int64_t local)> to_utc;
};

/// The first time after `after` (ms, UTC) that the rule names. Nothing: there
/// is none within its bounds, or its cron line cannot be read. `zone` is looked
/// at for `cron` only.
std::optional<wall_time> next_time(const recurrence& rule, wall_time after,
                                   const time_zone& zone);

/// What to do with an occurrence, `fired` events having been published before.
struct occurrence {
  bool publishes = false;
  std::optional<wall_time> next; // nothing: this was the last one
};

occurrence at_occurrence(const recurrence& rule, std::uint64_t fired,
                         wall_time due, wall_time now, const time_zone& zone);

/// The id of the event of a schedule for one time: always the same, and no
/// other one's.
uuid id_of_occurrence(const uuid& schedule, wall_time at) noexcept;

} // namespace callboard
