// How often a line may be written.
#include "actors/log_limit.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::log_limit_test {

using namespace std::chrono_literals;

TEST_CASE("a line is written once a minute, with how many were left out") {
  log_limit limit;
  log_limit::clock::time_point now{1h};
  CHECK(limit.pass("a", now) == 0);
  CHECK(!limit.pass("a", now + 1s));
  CHECK(limit.pass("b", now + 1s) == 0);
  CHECK(!limit.pass("a", now + 59s));
  CHECK(limit.pass("a", now + 60s) == 2);
  CHECK(!limit.pass("a", now + 61s));
  CHECK(limit.pass("a", now + 1h) == 1);
  // Keys that somebody makes up push the others out: no memory without end.
  for (int i = 0; i < 300; ++i)
    limit.pass(std::to_string(i), now + 1h);
  CHECK(limit.pass("a", now + 1h) == 0);
}

} // namespace callboard::test::log_limit_test
