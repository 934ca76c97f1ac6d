// Digit by digit; calendars by <chrono>.
#include "actors/core/time_text.hpp"

#include <charconv>

namespace callboard {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t duration_ms_max = 200LL * 366 * 86'400'000;

/// Takes exactly `digits` digits from the front.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits)
    return std::nullopt;
  int out = 0;
  for (auto c : text.substr(0, digits)) {
    if (c < '0' || c > '9')
      return std::nullopt;
    out = out * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return out;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c)
    return false;
  text.remove_prefix(1);
  return true;
}

/// `.125`: milliseconds, further digits are cut off.
std::optional<int> take_fraction(std::string_view& text) {
  if (!take(text, '.'))
    return 0;
  int out = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9';
       ++digits, text.remove_prefix(1))
    if (digits < 3)
      out = out * 10 + (text.front() - '0');
  if (digits == 0)
    return std::nullopt;
  for (; digits < 3; ++digits)
    out *= 10;
  return out;
}

/// `Z`, or minutes east of it.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z'))
    return 0;
  bool east = take(text, '+');
  if (!east && !take(text, '-'))
    return std::nullopt;
  auto hours = take_digits(text, 2);
  take(text, ':');
  auto minutes = take_digits(text, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59)
    return std::nullopt;
  auto out = *hours * 60 + *minutes;
  return east ? out : -out;
}

} // namespace

std::optional<wall_time> parse_time(std::string_view text) {
  auto year = take_digits(text, 4);
  auto dash = take(text, '-');
  auto month = take_digits(text, 2);
  dash = take(text, '-') && dash;
  auto day = take_digits(text, 2);
  auto between = take(text, 'T') || take(text, 't') || take(text, ' ');
  auto hour = take_digits(text, 2);
  auto colon = take(text, ':');
  auto minute = take_digits(text, 2);
  colon = take(text, ':') && colon;
  auto second = take_digits(text, 2);
  auto fraction = take_fraction(text);
  auto offset = take_offset(text);
  if (!year || !month || !day || !hour || !minute || !second || !fraction
      || !offset || !dash || !colon || !between || !text.empty())
    return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year{*year},
                                   std::chrono::month{unsigned(*month)},
                                   std::chrono::day{unsigned(*day)}};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  auto at = std::chrono::sys_days{date}.time_since_epoch()
            + std::chrono::hours{*hour}
            + std::chrono::minutes{*minute - *offset}
            + std::chrono::seconds{*second} + milliseconds{*fraction};
  auto ms = std::chrono::duration_cast<milliseconds>(at).count();
  if (ms < 0)
    return std::nullopt;
  return wall_time{std::uint64_t(ms)};
}

namespace {

/// A number, with at most three digits behind a dot, in thousandths.
std::optional<std::int64_t> take_thousandths(std::string_view& text) {
  std::int64_t whole = 0;
  auto [end, error] =
    std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{} || whole < 0 || whole > duration_ms_max
      || text.front() == '-')
    return std::nullopt;
  text.remove_prefix(std::size_t(end - text.data()));
  auto fraction = take_fraction(text);
  if (!fraction)
    return std::nullopt;
  return whole * 1000 + *fraction;
}

std::optional<milliseconds> of(std::int64_t thousandths, std::int64_t unit_ms) {
  if (thousandths > duration_ms_max / unit_ms * 1000)
    return std::nullopt;
  // Seconds, the unit of fractions, are never large enough to overflow.
  auto ms = thousandths / 1000 * unit_ms + thousandths % 1000 * unit_ms / 1000;
  return milliseconds{ms};
}

/// Behind the `P`: units in falling order, each at most once.
std::optional<milliseconds> iso_duration(std::string_view text) {
  struct unit {
    char letter;
    bool time; // stands behind the `T`
    std::int64_t ms;
  };

  constexpr unit units[] = {{'W', false, 604'800'000},
                            {'D', false, 86'400'000},
                            {'H', true, 3'600'000},
                            {'M', true, 60'000},
                            {'S', true, 1000}};
  milliseconds out{0};
  bool time = false;
  bool any = false;
  auto* next = units;
  while (!text.empty()) {
    if (!time && take(text, 'T')) {
      time = true;
      any = false;
      continue;
    }
    auto number = take_thousandths(text);
    while (
      next != std::end(units)
      && (text.empty() || next->letter != text.front() || next->time != time))
      ++next;
    if (!number || next == std::end(units))
      return std::nullopt;
    auto part = of(*number, next->ms);
    if (!part)
      return std::nullopt;
    out += *part;
    any = true;
    ++next;
    text.remove_prefix(1);
  }
  if (!any || out.count() > duration_ms_max)
    return std::nullopt;
  return out;
}

} // namespace

std::optional<milliseconds> parse_duration(std::string_view text,
                                           milliseconds unit) {
  if (text.empty())
    return std::nullopt;
  if (take(text, 'P'))
    return iso_duration(text);
  auto number = take_thousandths(text);
  if (!number)
    return std::nullopt;
  if (text.empty())
    return of(*number, unit.count());
  if (text == "ms")
    return of(*number, 1);
  if (text == "s")
    return of(*number, 1000);
  if (text == "m")
    return of(*number, 60'000);
  if (text == "h")
    return of(*number, 3'600'000);
  if (text == "d")
    return of(*number, 86'400'000);
  return std::nullopt;
}

} // namespace callboard
