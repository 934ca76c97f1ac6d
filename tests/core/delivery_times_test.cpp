// Names, order and values of a group's extra statistics.
#include "actors/core/delivery_times.hpp"
#include "actors/core/limits.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

namespace {

using described = std::vector<std::pair<std::string, std::int64_t>>;

} // namespace

TEST_CASE("nothing is told of deliveries that did not happen") {
  CHECK(delivery_times{}.described().empty());
}

TEST_CASE("delivery times by the dialect's names, in its order") {
  delivery_times times;
  for (auto ms : {70U, 10U, 40U, 20U, 100U, 30U, 60U, 50U, 90U, 85U})
    times.add(ms);
  CHECK(times.described()
        == described{{"Mean", 55},
                     {"Median", 60},
                     {"Fastest", 10},
                     {"Quintile 1", 10},
                     {"Quintile 2", 30},
                     {"Quintile 3", 50},
                     {"Quintile 4", 70},
                     {"Quintile 5", 90},
                     {"90%", 100},
                     {"95%", 100},
                     {"99%", 100},
                     {"99.5%", 100},
                     {"99.9%", 100},
                     {"Highest", 100}});
}

TEST_CASE("only the last deliveries count") {
  delivery_times times;
  times.add(1'000'000);
  for (std::size_t i = 0; i < limits::measured_deliveries_max; ++i)
    times.add(i % 7);
  CHECK(times.described().back() == std::pair{std::string{"Highest"}, 6L});
  times.add(8);
  CHECK(times.described().back().second == 8);
  times.clear();
  CHECK(times.described().empty());
}
