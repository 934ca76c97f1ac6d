// Bytes to JSON text: strings, numbers, ids and times, appended without a DOM.
#pragma once

#include "actors/core/ids.hpp"

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace callboard {

/// Appends `text` as the inside of a JSON string, without the quotes. Quotes,
/// backslashes and control characters are escaped; each part that is not UTF-8
/// becomes one U+FFFD; everything else is copied in runs.
void append_escaped(std::string& out, std::string_view text);

/// The same, in quotes.
void append_json_string(std::string& out, std::string_view text);

/// The first quote, backslash or control character: until there the inside of a
/// JSON string stands for itself.
const char* skip_plain(const char* at, const char* end) noexcept;

template <std::integral Number>
void append_number(std::string& out, Number x) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, x).ptr;
  out.append(digits, end);
}

/// Appends an id as `to_string` has it.
void append_id(std::string& out, const uuid& id);

/// Appends a time as ISO 8601 in UTC, trailing zeros of the fraction left out:
/// `2015-12-02T09:17:48.55Z` (spec 0.5).
void append_time(std::string& out, wall_time x);
std::string time_text(wall_time x);

/// What stands where there is no time: the year 1.
inline constexpr std::string_view no_time = "0001-01-01T00:00:00Z";

} // namespace callboard
