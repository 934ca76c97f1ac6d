// Time that never steps, and delays that grow.
#include "actors/core/clock.hpp"
#include "actors/core/retry_schedule.hpp"
#include "actors/core/session.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace callboard;
using namespace std::chrono_literals;

namespace {

const broker_clock::steady start{1h};

} // namespace

TEST_CASE("the broker's clock begins at the wall clock and runs steadily") {
  broker_clock clock{{0}, {5'000'000}, start};
  CHECK(clock.now(start) == wall_time{5'000'000});
  CHECK(clock.now(start + 90s) == wall_time{5'090'000});
}

TEST_CASE("after a restart with the clock set back, time goes on") {
  broker_clock clock{{9'000'000}, {5'400'000}, start};
  CHECK(clock.now(start) == wall_time{9'000'000});
  CHECK(clock.now(start + 1s) == wall_time{9'001'000});
}

TEST_CASE("a follower's clock goes on from its leader's, whatever its own wall "
          "clock says") {
  broker_clock leader{{0}, {5'000'000}, start};
  for (auto wall : {wall_time{6'200'000}, wall_time{3'800'000}}) {
    broker_clock follower{{0}, wall, start + 7s}; // started another time
    CHECK(!follower.known());
    follower.learn(leader.now(start + 10s), true, start + 10s);
    // It takes over: later than what was recorded, which it is already.
    follower.lead({5'009'000}, start + 40s);
    CHECK(follower.now(start + 40s) == wall_time{5'040'000});
    CHECK(follower.now(start + 41s) == leader.now(start + 41s));
  }
}

TEST_CASE("a leader that restarts learns the broker's clock from those who "
          "follow, who then learn nothing from it") {
  broker_clock follower{{0}, {1'000'000}, start};
  follower.learn({5'000'000}, true, start);
  broker_clock restarted{{0}, {6'200'000}, start + 1s};
  restarted.learn(follower.now(start + 2s), false, start + 2s);
  CHECK(restarted.now(start + 2s) == wall_time{5'002'000});
  restarted.learn({7'000'000}, false, start + 2s);
  CHECK(restarted.now(start + 3s) == wall_time{5'003'000});
}

TEST_CASE("a message that was held up sets no clock back") {
  broker_clock clock{{0}, {1'000'000}, start};
  clock.learn({5'000'000}, true, start + 1s); // 760 ms under way
  clock.learn({5'000'760}, false, start + 1s);
  CHECK(clock.now(start + 1s) == wall_time{5'000'760});
  clock.learn({5'000'900}, true, start + 3s); // 1,860 ms under way
  CHECK(clock.now(start + 3s) == wall_time{5'002'760});
  clock.learn({4'000'000}, true, start + 3s); // another clock
  CHECK(clock.now(start + 3s) == wall_time{4'000'000});
}

TEST_CASE("who takes over begins later than all that was recorded") {
  broker_clock clock{{0}, {5'000'000}, start};
  clock.lead({5'003'001}, start + 2s);
  CHECK(clock.known());
  CHECK(clock.now(start + 2s) == wall_time{5'003'001});
  CHECK(clock.now(start + 3s) == wall_time{5'004'001});
}

TEST_CASE("without a plan a retry comes at once") {
  CHECK(delay_ms({}, 1, 0) == 0);
  CHECK(delay_ms({}, 100, ~std::uint64_t{0}) == 0);
  CHECK(delay_ms({}, 1'025, 0) == 0); // the factor's power is infinite
}

TEST_CASE("listed delays are used in order, the last one repeats") {
  retry_plan plan;
  plan.delays_ms = {100, 500, 2'000};
  CHECK(delay_ms(plan, 1, 0) == 100);
  CHECK(delay_ms(plan, 2, 0) == 500);
  CHECK(delay_ms(plan, 3, 0) == 2'000);
  CHECK(delay_ms(plan, 50, 0) == 2'000);
}

TEST_CASE("delays grow by their factor up to a maximum, without overflow") {
  retry_plan plan;
  plan.initial_ms = 100;
  plan.factor = 3;
  plan.max_ms = 5'000;
  CHECK(delay_ms(plan, 1, 0) == 100);
  CHECK(delay_ms(plan, 2, 0) == 300);
  CHECK(delay_ms(plan, 4, 0) == 2'700);
  CHECK(delay_ms(plan, 5, 0) == 5'000);
  CHECK(delay_ms(plan, 4'000'000'000U, 0) == 5'000);
  plan.factor = std::numeric_limits<double>::quiet_NaN();
  CHECK(delay_ms(plan, 2, 0) == 5'000);
}

TEST_CASE("jitter only shortens, by its share at most") {
  retry_plan plan;
  plan.delays_ms = {1'000};
  plan.jitter = 0.25;
  CHECK(delay_ms(plan, 1, 0) == 1'000);
  auto shortest = delay_ms(plan, 1, ~std::uint64_t{0});
  CHECK(shortest >= 750);
  CHECK(shortest < 760);
}

TEST_CASE("1 + maxRetryCount deliveries, then it is parked") {
  CHECK(!parks(1, 1));
  CHECK(parks(2, 1));
  CHECK(parks(1, 0));
  CHECK(!parks(10, 10));
  CHECK(parks(11, 10));
}

TEST_CASE("what comes for a client that left goes back") {
  session poll;
  CHECK(poll.leave());
  CHECK(!poll.leave());
  CHECK(poll.deliver() == session::outcome::give_back);
}

TEST_CASE("a client that leaves after its answer gives nothing back") {
  session poll;
  CHECK(poll.deliver() == session::outcome::answer);
  CHECK(!poll.leave());
  CHECK(poll.now() == session::phase::answered);
}
