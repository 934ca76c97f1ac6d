// Cron lines, rules, and clocks that are put forward and back.
#include "actors/core/cron.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/recurrence.hpp"
#include "actors/core/time_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <vector>

using namespace callboard;

namespace {

const time_zone utc{[](std::int64_t x) { return x; },
                    [](std::int64_t x) { return x; }};

wall_time at(const std::string& text) {
  return parse_time(text).value();
}

std::int64_t seconds(const std::string& text) {
  return std::int64_t(at(text).value / 1000);
}

/// Summer time (+2 h) from 2027-03-28T01:00Z to 2027-10-31T01:00Z, else +1 h.
time_zone central_europe() {
  static const auto begin = seconds("2027-03-28T01:00:00Z");
  static const auto end = seconds("2027-10-31T01:00:00Z");
  return {
    [](std::int64_t x) { return x + (x >= begin && x < end ? 7200 : 3600); },
    [](std::int64_t local) {
      if (local >= begin + 3600 && local < begin + 7200)
        return begin; // the gap
      return local
             - (local >= begin + 7200 && local < end + 7200 ? 7200 : 3600);
    }};
}

std::vector<wall_time> times(const recurrence& rule, wall_time after,
                             std::size_t count, const time_zone& zone = utc) {
  std::vector<wall_time> out;
  while (out.size() < count)
    if (auto next = next_time(rule, after, zone))
      out.push_back(after = *next);
    else
      break;
  return out;
}

recurrence cron(std::string line) {
  recurrence out;
  out.cron = std::move(line);
  return out;
}

} // namespace

TEST_CASE("a cron line has five fields of numbers, ranges, steps and names") {
  CHECK(parse_cron("* * * * *").has_value());
  CHECK(parse_cron("  */5 9-17 * * 1-5\t").has_value());
  CHECK(parse_cron("0,30 0 1,15 JAN-mar Sun").has_value());
  CHECK(parse_cron("5/10 0 * * 7") == parse_cron("5,15,25,35,45,55 0 * * 0"));
  for (auto text :
       {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
        "* * 32 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *",
        "a * * * *", "1, * * * *", "@daily", "-1 * * * *", "* * * 1-foo *"}) {
    INFO(text);
    CHECK(!parse_cron(text));
  }
}

TEST_CASE("the next time of a cron line is the first full minute behind") {
  auto rule = cron("*/15 9-17 * * 1-5");
  CHECK(times(rule, at("2027-01-01T17:30:00Z"), 3) // a Friday
        == std::vector{at("2027-01-01T17:45:00Z"), at("2027-01-04T09:00:00Z"),
                       at("2027-01-04T09:15:00Z")});
  CHECK(next_time(rule, at("2027-01-04T09:00:00.5Z"), utc)
        == at("2027-01-04T09:15:00Z"));
  CHECK(times(cron("0 0 29 2 *"), at("2026-01-01T00:00:00Z"), 2)
        == std::vector{at("2028-02-29T00:00:00Z"), at("2032-02-29T00:00:00Z")});
}

TEST_CASE("if both kinds of day are given, one of them is enough") {
  CHECK(times(cron("0 12 13 * 5"), at("2027-08-01T00:00:00Z"), 4)
        == std::vector{at("2027-08-06T12:00:00Z"), at("2027-08-13T12:00:00Z"),
                       at("2027-08-20T12:00:00Z"), at("2027-08-27T12:00:00Z")});
  CHECK(times(cron("0 12 13 * 1"), at("2027-08-10T00:00:00Z"), 2)
        == std::vector{at("2027-08-13T12:00:00Z"), at("2027-08-16T12:00:00Z")});
}

TEST_CASE("a day that never comes is found out") {
  CHECK(!next_time(cron("0 0 30 2 *"), at("2027-01-01T00:00:00Z"), utc));
  CHECK(!next_time(cron("0 0 31 4,6,9,11 *"), at("2027-01-01T00:00:00Z"), utc));
  CHECK(next_time(cron("0 0 29 2 *"), at("2096-03-01T00:00:00Z"), utc)
        == at("2104-02-29T00:00:00Z"));
}

TEST_CASE("a time that does not exist is the first moment after the gap") {
  auto zone = central_europe();
  CHECK(times(cron("30 2 * * *"), at("2027-03-27T00:00:00Z"), 3, zone)
        == std::vector{at("2027-03-27T01:30:00Z"), at("2027-03-28T01:00:00Z"),
                       at("2027-03-29T00:30:00Z")});
  // All that lies in the gap comes once, together with what follows it.
  CHECK(times(cron("*/20 * * * *"), at("2027-03-28T00:30:00Z"), 3, zone)
        == std::vector{at("2027-03-28T00:40:00Z"), at("2027-03-28T01:00:00Z"),
                       at("2027-03-28T01:20:00Z")});
}

TEST_CASE("a time that comes twice counts once, the first time") {
  auto zone = central_europe();
  CHECK(times(cron("30 2 * * *"), at("2027-10-30T00:00:00Z"), 3, zone)
        == std::vector{at("2027-10-30T00:30:00Z"), at("2027-10-31T00:30:00Z"),
                       at("2027-11-01T01:30:00Z")});
  CHECK(times(cron("*/30 * * * *"), at("2027-10-30T23:45:00Z"), 4, zone)
        == std::vector{at("2027-10-31T00:00:00Z"), at("2027-10-31T00:30:00Z"),
                       at("2027-10-31T02:00:00Z"), at("2027-10-31T02:30:00Z")});
}

TEST_CASE("so often after a beginning, whatever the clock shows") {
  recurrence rule;
  rule.every_ms = 900'000;
  rule.from = {1'000'000};
  CHECK(next_time(rule, {0}, utc) == wall_time{1'000'000});
  CHECK(next_time(rule, {1'000'000}, utc) == wall_time{1'900'000});
  CHECK(next_time(rule, {1'899'999}, utc) == wall_time{1'900'000});
  CHECK(next_time(rule, {91'000'001}, utc) == wall_time{91'900'000});
}

TEST_CASE("a rule ends before its end") {
  recurrence rule;
  rule.every_ms = 1000;
  rule.from = {1000};
  rule.until = {3000};
  CHECK(times(rule, {0}, 10) == std::vector{wall_time{1000}, wall_time{2000}});
  auto line = cron("0 * * * *");
  line.from = at("2027-01-01T10:00:00Z");
  line.until = at("2027-01-01T11:00:00Z");
  CHECK(times(line, {0}, 10) == std::vector{at("2027-01-01T10:00:00Z")});
}

TEST_CASE("what was missed is skipped, comes once, or comes whole") {
  recurrence rule;
  rule.every_ms = 60'000;
  rule.from = {60'000};
  wall_time due{60'000};
  wall_time late{600'500}; // the tenth is due since half a second
  rule.missed = catch_up::all;
  auto all = at_occurrence(rule, 0, due, late, utc);
  CHECK(all.publishes);
  CHECK(all.next == wall_time{120'000});
  rule.missed = catch_up::once;
  auto once = at_occurrence(rule, 0, due, late, utc);
  CHECK(once.publishes);
  CHECK(once.next == wall_time{660'000});
  rule.missed = catch_up::skip;
  auto skip = at_occurrence(rule, 0, due, late, utc);
  CHECK(!skip.publishes);
  // Late by less than a minute is not missed.
  CHECK(skip.next == wall_time{600'000});
  auto kept = at_occurrence(rule, 0, *skip.next, late, utc);
  CHECK(kept.publishes);
  CHECK(kept.next == wall_time{660'000});
}

TEST_CASE("a schedule with a count ends with its last event") {
  recurrence rule;
  rule.every_ms = 1000;
  rule.count = 2;
  CHECK(at_occurrence(rule, 0, {1000}, {1000}, utc).next == wall_time{2000});
  auto last = at_occurrence(rule, 1, {2000}, {2000}, utc);
  CHECK(last.publishes);
  CHECK(!last.next);
}

TEST_CASE("each time of a schedule has an id of its own, always the same") {
  uuid schedule;
  schedule.bytes[3] = 7;
  std::set<uuid> ids;
  for (std::uint64_t t = 0; t < 10'000; ++t)
    ids.insert(id_of_occurrence(schedule, {1'700'000'000'000 + t * 1000}));
  CHECK(ids.size() == 10'000);
  CHECK(id_of_occurrence(schedule, {5}) == id_of_occurrence(schedule, {5}));
  CHECK(id_of_occurrence(schedule, {5}) != id_of_occurrence({}, {5}));
}
