// Pauses, the breaker, and events that come back apart because a lease died.
#include "actors/core/limits.hpp"
#include "actors/core/stall_reasons.hpp"
#include "tests/support/one_subscription.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

void trip(one_subscription& g, std::uint64_t delay_ms = 30'000) {
  g.record(g.core->trip(delay_ms, "the shop is down", g.now));
}

std::vector<std::uint64_t> numbers(const std::vector<leased_event>& events) {
  std::vector<std::uint64_t> out;
  for (auto& one : events)
    out.push_back(one.at.number.value);
  return out;
}

using list = std::vector<std::uint64_t>;

group_settings guilty(std::int32_t max_retry_count = 10) {
  group_settings out;
  out.on_lease_loss = lease_loss::charge_guilty;
  out.max_retry_count = max_retry_count;
  return out;
}

/// A breaker that lets one event through.
one_subscription half_open(std::uint64_t events) {
  one_subscription g{events};
  trip(g);
  g.now = g.now + 30'000;
  g.fire_due();
  g.restart();
  return g;
}

} // namespace

TEST_CASE("a paused group leases nothing before its time, restart or not") {
  one_subscription g{2};
  g.record(g.core->pause(g.now + 60'000, "upgrade"));
  CHECK(g.core->peek(1).empty());
  g.restart();
  CHECK(g.core->held_back());
  g.now = g.now + 59'999;
  g.fire_due();
  CHECK(g.deliver(1).empty());
  g.now = g.now + 1;
  g.fire_due();
  CHECK(g.deliver(1).size() == 1);
  CHECK(g.row.pause_reason.empty());
  g.ack(0);
  CHECK(g.messages() == 0);
}

TEST_CASE("a pause that is replaced ends when the last one said, once") {
  one_subscription g{2};
  g.record(g.core->pause(g.now + 10'000, {}));
  g.record(g.core->pause(g.now + 20'000, {}));
  CHECK(g.messages() == 1);
  // The first one's message may be on its way.
  g.record(
    g.core->fire({delayed_of({1}, pause_ticket), g.now + 10'000,
                  delayed_kind::resume, "stream", "group", pause_ticket.value},
                 g.now + 10'000, 0));
  CHECK(g.core->held_back());
  g.record(g.core->resume());
  CHECK(!g.core->held_back());
  CHECK(g.messages() == 0);
}

TEST_CASE("events that were leased before a pause are settled in it") {
  one_subscription g{2};
  g.lease(1);
  g.record(g.core->pause(g.now + 60'000, {}));
  g.ack(0);
  CHECK(g.core->row().settled == 1);
}

TEST_CASE("an open breaker lets nothing through, a half-open one one event") {
  auto g = half_open(5);
  CHECK(g.row.breaker == breaker_state::half_open);
  CHECK(g.deliver(5).size() == 1);
  CHECK(g.deliver(5).empty());
  g.restart();
  CHECK(g.deliver(5).empty());
}

TEST_CASE("a half-open breaker closes when its event is acked") {
  auto g = half_open(5);
  g.deliver(5);
  g.restart();
  g.ack(0);
  CHECK(g.row.breaker == breaker_state::closed);
  CHECK(g.row.pause_reason.empty());
  CHECK(g.deliver(5).size() == 4);
}

TEST_CASE("a half-open breaker opens again for as long when its event fails") {
  for (bool nacked : {true, false}) {
    auto g = half_open(5);
    g.deliver(5);
    g.restart();
    if (nacked)
      g.retry(0);
    else
      g.now = g.now + 10'000, g.fire_due();
    CHECK(g.row.breaker == breaker_state::open);
    CHECK(g.row.breaker_until == g.now + 30'000);
    CHECK(g.deliver(5).empty());
    g.now = g.now + 30'000;
    g.fire_due();
    CHECK(g.deliver(5).size() == 1);
  }
}

TEST_CASE("a probe that is given back decides nothing: another one is tried") {
  auto g = half_open(5);
  auto probe = g.lease(5);
  g.record(g.core->release(probe.lease, g.now));
  CHECK(g.row.breaker == breaker_state::half_open);
  CHECK(g.deliver(5).size() == 1);
}

TEST_CASE("what was leased before the breaker opened does not close it") {
  one_subscription g{5};
  g.lease(1);
  trip(g, 1'000);
  g.now = g.now + 1'000;
  g.fire_due();
  g.deliver(1);
  g.ack(0);
  CHECK(g.row.breaker == breaker_state::half_open);
  g.ack(1);
  CHECK(g.row.breaker == breaker_state::closed);
}

TEST_CASE("events of a lease that died come back in halves until one is alone, "
          "and only that one is charged") {
  one_subscription g{8, guilty()};
  const std::uint64_t poison = 5;
  std::size_t deaths = 0;
  std::map<std::uint64_t, std::uint32_t> attempts;
  for (int round = 0; round < 30; ++round) {
    auto got = g.deliver(8);
    if (got.empty())
      break;
    bool dies = false;
    for (auto& one : got) {
      attempts[one.at.number.value] = one.attempt;
      dies = dies || one.at.number.value == poison;
    }
    if (!dies || deaths == 5) { // of 8, 4, 2, 1, and once more alone
      for (auto& one : got)
        g.ack(one.at.number.value);
      continue;
    }
    ++deaths;
    g.now = g.now + 10'000;
    g.restart();
    g.fire_due();
  }
  for (std::uint64_t n = 0; n < 8; ++n)
    CHECK(attempts[n] == (n == poison ? 3 : 1));
  CHECK(g.core->row().settled == 8);
}

TEST_CASE("with charge_all every event of a lease that died is charged") {
  one_subscription g{4};
  g.deliver(4);
  g.now = g.now + 10'000;
  g.fire_due();
  auto again = g.deliver(4);
  CHECK(numbers(again) == list{0, 1, 2, 3});
  CHECK(again[0].attempt == 2);
}

TEST_CASE("events that come back apart wait for their retry apart, and stay so "
          "when they are given back") {
  auto settings = guilty();
  settings.retries.delays_ms = {5'000};
  one_subscription g{4, settings};
  g.deliver(4);
  g.now = g.now + 10'000;
  g.fire_due();
  CHECK(g.core->waiting() == 4);
  g.restart();
  g.now = g.now + 5'000;
  g.fire_due();
  CHECK(g.messages() == 0);
  g.restart();
  auto half = g.deliver(4);
  CHECK(numbers(half) == list{0, 1});
  g.record(g.core->release(half[0].lease, g.now));
  g.restart();
  CHECK(numbers(g.deliver(4)) == list{0, 1});
  CHECK(numbers(g.deliver(4)) == list{2, 3});
}

TEST_CASE("only so many sets of suspects are halved at a time") {
  one_subscription g{1000, guilty()};
  for (int i = 0; i < 20; ++i)
    g.deliver(50);
  g.now = g.now + 10'000;
  g.fire_due();
  std::size_t halves = 0;
  std::size_t whole = 0;
  for (auto got = g.deliver(100); !got.empty(); got = g.deliver(100))
    ++(got.size() == 50 ? whole : halves);
  CHECK(halves == limits::suspects_max);
  CHECK(whole == 20 - limits::suspects_max / 2);
}
