// The five fields of a cron line, and the next minute that they match.
#pragma once

#include "actors/core/error.hpp"

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

namespace callboard {

/// `minute hour day-of-month month day-of-week`, each `*`, a number, a range
/// `a-b`, either with a step `/n`, or several of these with commas. Months and
/// days of the week also by the first three letters of their English names;
/// Sunday is 0 and 7. If both kinds of day are restricted (do not begin with
/// `*`), one of them is enough, as in every cron.
struct cron_line {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;   // 1 ... 31
  std::bitset<13> months; // 1 ... 12
  std::bitset<7> weekdays;
  bool any_day = true;     // the field begins with `*`
  bool any_weekday = true; // the field begins with `*`

  friend bool operator==(const cron_line&, const cron_line&) = default;
};

/// Nothing if the text is not one.
std::optional<cron_line> parse_cron(std::string_view text);

/// The first full minute after `local` (seconds since 1970 on the same clock)
/// that matches. Nothing: there is none within nine years, so there never will
/// be (30 February); the search looks at each day once.
std::optional<std::int64_t> next_match(const cron_line& line,
                                       std::int64_t local);

} // namespace callboard
