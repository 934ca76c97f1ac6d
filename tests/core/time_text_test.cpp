// Times and durations as people write them.
#include "actors/core/time_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace std::chrono_literals;

TEST_CASE("a time is read with its offset and its fraction") {
  CHECK(parse_time("1970-01-01T00:00:00Z") == wall_time{0});
  CHECK(parse_time("2023-11-14T22:13:20.125Z") == wall_time{1'700'000'000'125});
  CHECK(parse_time("2023-11-14T23:13:20.1257+01:00")
        == wall_time{1'700'000'000'125});
  CHECK(parse_time("2023-11-14 16:43:20.1-0530")
        == wall_time{1'700'000'000'100});
  CHECK(parse_time("2024-02-29T00:00:00Z"));
}

TEST_CASE("what is no time, or has no offset, is refused") {
  for (auto* text :
       {"", "now", "2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z", "2027-01-01T24:00:00Z", "2027-01-01T00:60:00Z",
        "2027-01-01T00:00:00.Z", "2027-01-01T00:00:00Zx", "2027-1-01T00:00:00Z",
        "1969-12-31T23:59:59Z", "2027-01-01T00:00:00+25:00"})
    CHECK(!parse_time(text));
}

TEST_CASE("durations have a unit, or are ISO 8601, or bare numbers of one") {
  CHECK(parse_duration("1500") == 1500ms);
  CHECK(parse_duration("20", 1s) == 20s);
  CHECK(parse_duration("1.5", 1s) == 1500ms);
  CHECK(parse_duration("1500ms") == 1500ms);
  CHECK(parse_duration("90s") == 90s);
  CHECK(parse_duration("0.25s") == 250ms);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("2h") == 2h);
  CHECK(parse_duration("1d") == 24h);
  CHECK(parse_duration("PT90S") == 90s);
  CHECK(parse_duration("PT1H30M0.5S") == 90min + 500ms);
  CHECK(parse_duration("P1DT2H") == 26h);
  CHECK(parse_duration("P2W") == 336h);
  CHECK(parse_duration("36525d") == 24h * 36'525);
}

TEST_CASE("what is no duration, or too long a one, is refused") {
  for (auto* text : {"", "-1", "s", "1x", "1 s", "P", "PT", "P1DT", "P1M",
                     "P1Y", "PT1S1H", "PT1H1H", "P1H", "1.s", "+1s", "80000d",
                     "9223372036854775807", "P99999999W"})
    CHECK(!parse_duration(text));
}
