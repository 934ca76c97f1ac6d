// Who waits for what comes soon looks for it; who does not sleeps.
#include "net/eager_wait.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace callboard::test::eager_wait_test {

using namespace std::chrono_literals;

namespace {

/// Waits for what comes after `wait`, with a look each `look`. Returns how long
/// it looked before it slept, or found it.
std::chrono::microseconds looked_for(eager_wait& w,
                                     eager_wait::clock::time_point& now,
                                     std::chrono::microseconds wait,
                                     std::chrono::microseconds look = 1us) {
  auto from = now;
  w.begin(now);
  while (now - from < wait && w.again(now))
    now += look;
  auto looked = now - from;
  now = std::max(now, from + wait);
  w.end(now);
  return std::chrono::duration_cast<std::chrono::microseconds>(looked);
}

void wait_shortly(eager_wait& w, eager_wait::clock::time_point& now,
                  int times) {
  for (int i = 0; i < times; ++i)
    CHECK(looked_for(w, now, 30us) == 0us);
}

} // namespace

TEST_CASE("a thread looks before it sleeps once its waits are short, and "
          "sleeps at once when they are not") {
  eager_wait w{100us};
  eager_wait::clock::time_point now{1h};
  CHECK(looked_for(w, now, 1s) == 0us);
  wait_shortly(w, now, eager_wait::worth);
  CHECK(looked_for(w, now, 30us) == 30us); // found
  CHECK(looked_for(w, now, 99us) == 99us);
  CHECK(looked_for(w, now, 1s) == 100us);
  CHECK(looked_for(w, now, 1s) == 0us);
  for (int i = 0; i < 20; ++i) { // a message now and then
    CHECK(looked_for(w, now, 30us) == 0us);
    CHECK(looked_for(w, now, 800us) == 0us);
  }
}

TEST_CASE("one long wait among many short ones changes nothing") {
  eager_wait w{100us};
  eager_wait::clock::time_point now{1h};
  wait_shortly(w, now, eager_wait::worth);
  for (int i = eager_wait::worth; i < eager_wait::remembered; ++i)
    looked_for(w, now, 30us);
  CHECK(looked_for(w, now, 1s) == 100us);
  CHECK(looked_for(w, now, 30us) == 30us);
}

TEST_CASE("who is kept from looking leaves the CPU to others for a while") {
  eager_wait w{100us};
  eager_wait::clock::time_point now{1h};
  wait_shortly(w, now, eager_wait::worth);
  CHECK(looked_for(w, now, 90us, 60us) == 60us); // late: it sleeps
  auto until = now + eager_wait::rest - 1ms;
  while (now < until)
    wait_shortly(w, now, 1);
  now += 1ms;
  CHECK(looked_for(w, now, 20us) == 20us);
}

TEST_CASE("with no time to look, none is spent") {
  eager_wait w{0us};
  eager_wait::clock::time_point now{1h};
  for (int i = 0; i < 5; ++i)
    CHECK(looked_for(w, now, 1us) == 0us);
}

} // namespace callboard::test::eager_wait_test
