// Wrong passwords: some at once, then one now and then.
#include "actors/core/limits.hpp"
#include "actors/core/login_throttle.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace std::chrono_literals;

TEST_CASE("failures are allowed in a row, then one each interval") {
  failure_budget budget{3, 5s, 100};
  wall_time now{1'000'000};
  for (int i = 0; i < 3; ++i) {
    CHECK(budget.allows("anna", now));
    budget.failed("anna", now);
  }
  CHECK_FALSE(budget.allows("anna", now));
  CHECK(budget.allows("bob", now));
  CHECK_FALSE(budget.allows("anna", now + 4'999));
  CHECK(budget.allows("anna", now + 5'000));
  budget.failed("anna", now + 5'000);
  CHECK_FALSE(budget.allows("anna", now + 5'000));
  // All is forgotten after a while.
  now = now + 20'000;
  for (int i = 0; i < 3; ++i) {
    CHECK(budget.allows("anna", now));
    budget.failed("anna", now);
  }
  CHECK_FALSE(budget.allows("anna", now));
}

TEST_CASE("so many names are remembered, the worst for longest") {
  failure_budget budget{2, 5s, 3};
  wall_time now{1'000'000};
  for (int i = 0; i < 3; ++i)
    budget.failed("anna", now);
  for (int i = 0; i < 50; ++i)
    budget.failed("name " + std::to_string(i), now);
  CHECK(budget.names() == 3);
  CHECK_FALSE(budget.allows("anna", now));
  now = now + 60'000;
  budget.failed("bob", now); // the others are over
  CHECK(budget.names() == 1);
}

TEST_CASE("a login and an address are counted each for itself") {
  login_throttle throttle;
  wall_time now{1'000'000};
  for (std::uint64_t i = 0; i < limits::login_failures_max; ++i)
    throttle.failed("anna", "10.0.0." + std::to_string(i), now);
  CHECK_FALSE(throttle.allows("anna", "10.9.9.9", now));
  CHECK(throttle.allows("bob", "10.0.0.1", now));
  for (std::uint64_t i = 0; i < limits::address_failures_max; ++i)
    throttle.failed("user " + std::to_string(i), "10.1.1.1", now);
  CHECK_FALSE(throttle.allows("bob", "10.1.1.1", now));
  CHECK(throttle.allows("bob", "10.1.1.2", now));
  CHECK(throttle.allows("bob", "10.1.1.1",
                        now + limits::address_failure_forgotten.count()));
}
