// Each refusal names the header or member, what it says, and what it may say.
#include "net/delayed_times.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/time_text.hpp"

#include <string>

namespace callboard {

namespace {

std::string quoted(std::string_view text) {
  return "'" + std::string{text.substr(0, 100)} + "'";
}

} // namespace

std::string_view too_far() noexcept {
  return "The time is more than 36525 days (100 years) ahead.";
}

accepted<due_time> read_delay_of(std::string_view name, std::string_view text) {
  auto delay = parse_duration(text, std::chrono::seconds{1});
  if (!delay)
    return refusal{400, std::string{name} + " is " + quoted(text)
                          + "; allowed: seconds (90), a number with ms, s, m, "
                            "h or d behind it (90s), or an ISO 8601 duration "
                            "without months and years (PT90S)."};
  if (*delay > limits::delay_max)
    return refusal{400, std::string{name} + ": " + std::string{too_far()}};
  return due_time{delay, {}};
}

accepted<wall_time> read_moment(std::string_view name, std::string_view text) {
  auto at = parse_time(text);
  if (!at)
    return refusal{400, std::string{name} + " is " + quoted(text)
                          + "; allowed: an ISO 8601 time with its zone "
                            "(2027-01-01T00:00:00Z)."};
  return *at;
}

accepted<std::optional<due_time>> read_due(const http_request& request) {
  auto delay = request.header("Delay");
  auto at = request.header("Deliver-At");
  if (!delay && !at)
    return std::optional<due_time>{};
  if (delay && at)
    return refusal{400, "There are both Delay and Deliver-At; one of them says "
                        "when."};
  if (delay) {
    auto due = read_delay_of("Delay", *delay);
    if (!due)
      return due.error();
    return std::optional{*due};
  }
  auto moment = read_moment("Deliver-At", *at);
  if (!moment)
    return moment.error();
  return std::optional{due_time{{}, *moment}};
}

} // namespace callboard
