// What a group decides about leases: small cases of the dialect's own engine
// tests. The simulation has the long ones.
#include "actors/core/subscription.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <variant>
#include <vector>

using namespace callboard;

namespace {

constexpr wall_time start{1'000'000};

uuid id(std::uint8_t n) {
  uuid out;
  out.bytes[15] = n;
  return out;
}

/// A group that begins at the first of `events` events.
subscription group_on(std::uint64_t events, const group_settings& settings) {
  auto row = subscription::first_row({1}, settings, {events}, {0});
  return {{"stream", "group"}, row, {}, {events}, {0}};
}

leasable one(std::uint64_t number, std::uint8_t id_of) {
  return {
    {lane::source, {number}}, id(id_of), std::to_string(number) + "@stream"};
}

std::size_t timers_in(const group_effects& effects) {
  std::size_t out = 0;
  for (auto& change : effects.changes)
    out += std::holds_alternative<put_delayed>(change) ? 1 : 0;
  return out;
}

} // namespace

TEST_CASE("a message timeout of 0 holds leases without an end: their message "
          "is never due") {
  group_settings settings;
  auto timed = group_on(1, settings);
  CHECK(timers_in(timed.lease(std::array{one(0, 1)}, start)) == 1);

  settings.message_timeout_ms = 0;
  auto endless = group_on(1, settings);
  auto effects = endless.lease(std::array{one(0, 1)}, start);
  CHECK(effects.leased.size() == 1);
  CHECK(timers_in(effects) == 1);
  CHECK(endless.messages().front().first == never_ends);
  CHECK(endless.leases({}, 1).front().until == wall_time{});
  CHECK(endless.in_flight() == 1);
}

TEST_CASE("an id that is in flight twice is settled once an ack, the lowest "
          "first") {
  auto group = group_on(2, {});
  group.lease(std::array{one(0, 7), one(1, 7)}, start);
  auto ack = [&] {
    return group.settle(settle_action::ack, std::array{id(7)}, {}, {}, start, 0)
      .applied;
  };
  CHECK(ack() == 1);
  CHECK(group.in_flight() == 1);
  CHECK(group.checkpoint(lane::source) == event_number{1});
  CHECK(ack() == 1);
  CHECK(group.in_flight() == 0);
  CHECK(ack() == 0);
}

TEST_CASE("that an ack has no effect is recorded before it is said") {
  auto group = group_on(1, {});
  auto early =
    group.settle(settle_action::ack, std::array{id(0)}, {}, {}, start, 0);
  CHECK(early.applied == 0);
  REQUIRE(early.changes.size() == 1);
  CHECK(std::get<put_group>(early.changes.front()).row == group.row());
  std::vector<settle_outcome> outcomes;
  settle_item item;
  item.id = id(0);
  CHECK_FALSE(group.settle({&item, 1}, start, 0, outcomes).nothing());
  CHECK(outcomes == std::vector{settle_outcome::unknown});
}

TEST_CASE("a list of ids may hold one twice, for two events in flight") {
  auto group = group_on(2, {});
  group.lease(std::array{one(0, 7), one(1, 7)}, start);
  auto done = group.settle(settle_action::ack, std::array{id(7), id(7)}, {}, {},
                           start, 0);
  CHECK(done.applied == 2);
  CHECK(group.in_flight() == 0);
}
