// Times and durations as people write them.
#pragma once

#include "actors/core/ids.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace callboard {

/// A time as RFC 3339 has it: `2027-01-01T00:00:00Z`, with or without a
/// fraction, with `Z` or an offset (`+01:00`). Nothing: it is not one, has no
/// offset, or lies before 1970.
std::optional<wall_time> parse_time(std::string_view text);

/// A duration: `1500ms`, `90s`, `5m`, `2h`, `1d`, or ISO 8601 with weeks or
/// days and shorter units (`PT90S`, `P1DT2H`); months and years have no length,
/// and are refused. A bare number is one of `unit`. Nothing: none of these, or
/// longer than 200 years.
std::optional<std::chrono::milliseconds>
parse_duration(std::string_view text,
               std::chrono::milliseconds unit = std::chrono::milliseconds{1});

} // namespace callboard
