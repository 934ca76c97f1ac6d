// Names that are time zones, and files beside them that are none.
#include "actors/time_zones.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::time_zones_test {

TEST_CASE("tables of the time zone database are no zones") {
  // Newer ones have the first; no library knows all of them.
  for (auto* name : {"zonenow.tab", "zone.tab", "tzdata.zi", "../UTC", "."})
    CHECK(!find_time_zone(name).has_value());
  auto berlin = find_time_zone("Europe/Berlin");
  REQUIRE(berlin.has_value());
  CHECK(berlin->to_local(0) == 3'600);
  CHECK(find_time_zone("")->to_utc(5) == 5);
}

} // namespace callboard::test::time_zones_test
