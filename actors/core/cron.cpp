// Fields to sets of numbers; then days, hours and minutes from the outside in.
#include "actors/core/cron.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>

namespace callboard {

namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 12> month_names{
  "jan", "feb", "mar", "apr", "may", "jun",
  "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> day_names{"sun", "mon", "tue", "wed",
                                                    "thu", "fri", "sat"};

struct field {
  unsigned low;
  unsigned high;
  const std::string_view* names = nullptr; // of low, low + 1 ...
  std::size_t name_count = 0;
};

std::optional<unsigned> number(std::string_view text) {
  unsigned out = 0;
  auto end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, out);
  if (text.empty() || failed != std::errc{} || stop != end)
    return std::nullopt;
  return out;
}

std::optional<unsigned> value_of(std::string_view text, const field& of) {
  std::string lower{text};
  for (auto& c : lower)
    if (c >= 'A' && c <= 'Z')
      c = char(c - 'A' + 'a');
  for (unsigned i = 0; i < of.name_count; ++i)
    if (lower == of.names[i])
      return of.low + i;
  auto out = number(text);
  return out && *out >= of.low && *out <= of.high ? out : std::nullopt;
}

/// `*`, `a`, `a-b`, each with `/n`: calls `add` with each number in it.
template <class Add>
bool read_part(std::string_view text, const field& of, Add add) {
  unsigned step = 1;
  auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    auto n = number(text.substr(slash + 1));
    if (!n || *n == 0 || *n > of.high)
      return false;
    step = *n;
    text = text.substr(0, slash);
  }
  auto low = std::optional{of.low};
  auto high = std::optional{of.high};
  if (text != "*") {
    auto dash = text.find('-');
    low = value_of(text.substr(0, dash), of);
    if (dash != std::string_view::npos)
      high = value_of(text.substr(dash + 1), of);
    else if (slash == std::string_view::npos)
      high = low;
  }
  if (!low || !high || *low > *high)
    return false;
  for (auto x = *low; x <= *high; x += step)
    add(x);
  return true;
}

template <class Add>
bool read_field(std::string_view text, const field& of, Add add) {
  for (;;) {
    auto comma = text.find(',');
    if (!read_part(text.substr(0, comma), of, add))
      return false;
    if (comma == std::string_view::npos)
      return true;
    text.remove_prefix(comma + 1);
  }
}

/// The next part between white space; empty at the end.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view space = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(space), text.size()));
  auto out = text.substr(0, text.find_first_of(space));
  text.remove_prefix(out.size());
  return out;
}

template <std::size_t Size>
auto into(std::bitset<Size>& set) {
  return [&set](unsigned x) { set.set(x % Size); };
}

bool matches(const cron_line& line, sys_days day) {
  year_month_day date{day};
  if (!line.months[unsigned(date.month())])
    return false;
  auto in_month = line.days[unsigned(date.day())];
  auto in_week = line.weekdays[weekday{day}.c_encoding()];
  return line.any_day || line.any_weekday ? in_month && in_week
                                          : in_month || in_week;
}

template <std::size_t Size>
std::size_t first_from(const std::bitset<Size>& set, std::size_t at) {
  while (at < Size && !set[at])
    ++at;
  return at;
}

} // namespace

std::optional<cron_line> parse_cron(std::string_view text) {
  cron_line out;
  std::array<std::string_view, 5> words;
  for (auto& word : words)
    word = next_word(text);
  if (!next_word(text).empty())
    return std::nullopt;
  if (!read_field(words[0], {0, 59}, into(out.minutes))
      || !read_field(words[1], {0, 23}, into(out.hours))
      || !read_field(words[2], {1, 31}, into(out.days))
      || !read_field(words[3], {1, 12, month_names.data(), month_names.size()},
                     into(out.months))
      || !read_field(words[4], {0, 7, day_names.data(), day_names.size()},
                     into(out.weekdays)))
    return std::nullopt;
  out.any_day = words[2].starts_with('*');
  out.any_weekday = words[4].starts_with('*');
  return out;
}

std::optional<std::int64_t> next_match(const cron_line& line,
                                       std::int64_t local) {
  constexpr int days_max = 9 * 366; // 29 February: once in eight years at least
  auto minute = floor<minutes>(sys_seconds{seconds{local}}) + minutes{1};
  auto day = floor<days>(minute);
  auto rest = std::size_t((minute - day).count());
  for (int looked = 0; looked < days_max; ++looked, day += days{1}, rest = 0) {
    if (!matches(line, day))
      continue;
    for (auto hour = first_from(line.hours, rest / 60); hour < 24;
         hour = first_from(line.hours, hour + 1)) {
      auto from = hour == rest / 60 ? rest % 60 : 0;
      if (auto found = first_from(line.minutes, from); found < 60)
        return sys_seconds{day + hours{hour} + minutes{found}}
          .time_since_epoch()
          .count();
    }
  }
  return std::nullopt;
}

} // namespace callboard
