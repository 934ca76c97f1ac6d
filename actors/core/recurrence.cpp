// The next time of a rule, and what an occurrence comes to.
#include "actors/core/recurrence.hpp"

#include "actors/core/cron.hpp"
#include "actors/core/limits.hpp"

#include <algorithm>

namespace callboard {

namespace {

std::optional<wall_time> next_every(const recurrence& rule, wall_time after) {
  if (after < rule.from)
    return rule.from;
  auto passed = (after.value - rule.from.value) / rule.every_ms;
  return rule.from + (passed + 1) * rule.every_ms;
}

std::optional<wall_time> next_cron(const recurrence& rule, wall_time after,
                                   const time_zone& zone) {
  auto line = parse_cron(rule.cron);
  if (!line)
    return std::nullopt;
  // A time that begins with `from` counts.
  if (rule.from.value > 0)
    after = std::max(after, wall_time{rule.from.value - 1});
  auto local = zone.to_local(std::int64_t(after.value / 1000));
  // Where clocks are put back, local times come again: those are passed over.
  for (auto next = next_match(*line, local); next;
       next = next_match(*line, *next)) {
    auto utc = zone.to_utc(*next);
    if (utc >= 0 && std::uint64_t(utc) * 1000 > after.value)
      return wall_time{std::uint64_t(utc) * 1000};
  }
  return std::nullopt;
}

std::uint64_t mixed(std::uint64_t x) noexcept { // splitmix64
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

} // namespace

std::optional<wall_time> next_time(const recurrence& rule, wall_time after,
                                   const time_zone& zone) {
  auto next =
    rule.every_ms > 0 ? next_every(rule, after) : next_cron(rule, after, zone);
  if (next && rule.until.value > 0 && *next >= rule.until)
    return std::nullopt;
  return next;
}

occurrence at_occurrence(const recurrence& rule, std::uint64_t fired,
                         wall_time due, wall_time now, const time_zone& zone) {
  auto late_max = std::uint64_t(limits::late_max.count());
  occurrence out;
  out.publishes =
    rule.missed != catch_up::skip || now.value <= due.value + late_max;
  if (rule.count > 0 && out.publishes && fired + 1 >= rule.count)
    return out;
  auto passed = due;
  if (rule.missed == catch_up::once)
    passed = std::max(due, now);
  else if (rule.missed == catch_up::skip && now.value > due.value + late_max)
    passed = {now.value - late_max - 1};
  out.next = next_time(rule, passed, zone);
  return out;
}

uuid id_of_occurrence(const uuid& schedule, wall_time at) noexcept {
  // All 128 bits of the schedule's id stay: two of its times differ in what is
  // mixed from them, two schedules in what they began with.
  auto low = mixed(at.value);
  auto high = mixed(low);
  uuid out = schedule;
  for (std::size_t i = 0; i < 8; ++i) {
    out.bytes[i] ^= std::uint8_t(high >> (8 * i));
    out.bytes[8 + i] ^= std::uint8_t(low >> (8 * i));
  }
  return out;
}

} // namespace callboard
