// The life of each kind of delayed message in virtual time, with the machine's
// clock set forwards or backwards by an hour in the middle of it.
#include "actors/core/lease_note.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

namespace callboard::test::clock_steps_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

constexpr auto stream = "orders";
constexpr auto group = "workers";
constexpr std::int64_t hour_ms = 3'600'000;

/// None, and an hour each way.
std::int64_t some_step() {
  return GENERATE(std::int64_t{0}, hour_ms, -hour_ms);
}

std::size_t stored(world& w) {
  return w.node->db
    ->delayed(w.node->placement.home_of(stream), {}, {}, {UINT64_MAX}, 1'000)
    ->size();
}

std::vector<std::uint64_t> visible(world& w) {
  auto page =
    w.vt
      ->ask<event_page_ptr>(
        w.partition_of(stream), read_atom_v,
        read_request{stream, event_number{0}, 1'000, direction::forward, false})
      .value();
  std::vector<std::uint64_t> out;
  for (auto& one : page->events)
    out.push_back(one.original->number.value);
  return out;
}

event_number erased_below(world& w) {
  return w.node->db->stream(w.node->placement.home_of(stream), stream)
    .value()
    ->first_live;
}

} // namespace

TEST_CASE("a lease's end: stored with the lease, fired once, erased, whatever "
          "the clock does") {
  auto step = some_step();
  bool crash = GENERATE(false, true);
  world w;
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  CHECK(stored(w) == 1);
  w.vt->advance(4s);
  w.wall_step_ms = step;
  if (crash)
    w.crash();
  w.vt->advance(5'999ms);
  CHECK(w.fetch(stream, group).empty());
  w.vt->advance(1ms);
  CHECK(stored(w) == 0);
  CHECK(w.fetch(stream, group) == pairs{{0, 2}});
  CHECK(w.node->counts.delayed_fired == 1);
}

TEST_CASE("a retry's time: stored with the nack, comes when it was promised, "
          "whatever the clock does") {
  auto step = some_step();
  bool crash = GENERATE(false, true);
  world w;
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  REQUIRE(w.settle(stream, group, settle_action::retry, {world::id(0)}, 10min)
            .has_value());
  CHECK(stored(w) == 1); // the lease's end is gone
  w.vt->advance(3min);
  w.wall_step_ms = step;
  if (crash)
    w.crash();
  w.vt->advance(7min - 1ms);
  CHECK(w.fetch(stream, group).empty());
  w.vt->advance(1ms);
  CHECK(stored(w) == 0);
  CHECK(w.fetch(stream, group) == pairs{{0, 2}});
}

TEST_CASE("a waiting poll ends when it said, whatever the clock does") {
  auto step = some_step();
  world w;
  REQUIRE(w.create(stream, group).has_value());
  caf::scoped_actor consumer{w.vt->sys};
  caf::scoped_actor reader{w.vt->sys};
  consumer->send(w.partition_of(stream), fetch_atom_v,
                 fetch_request{{stream, group}, 1, 30s, 1});
  reader->send(w.partition_of(stream), await_atom_v, std::string{stream},
               event_number{0}, std::uint64_t{2}, std::uint64_t{30'000});
  w.vt->advance(10s);
  w.wall_step_ms = step;
  w.vt->advance(19'999ms);
  CHECK(consumer->mailbox().empty());
  CHECK(reader->mailbox().empty());
  w.vt->advance(1ms);
  CHECK(consumer->mailbox().size() == 1);
  CHECK(reader->mailbox().size() == 1);
  CHECK(stored(w) == 0); // it promises nothing durable
}

TEST_CASE("$maxAge goes by the machine's clock, its sweeps by the broker's") {
  auto step = some_step();
  bool crash = GENERATE(false, true);
  world w;
  REQUIRE(w.vt
            ->ask<append_reply>(
              w.partition_of(stream), append_atom_v,
              append_request{"$$orders",
                             expected_version::any,
                             {{world::id(900), "$metadata", "{}", "", true}},
                             stream_policy{.max_age_seconds = 60, .acl = {}}})
            .has_value());
  REQUIRE(w.publish(stream, 2).has_value());
  CHECK(stored(w) == 1); // the next sweep
  w.vt->advance(30s);
  w.wall_step_ms = step;
  if (crash)
    w.crash();
  REQUIRE(w.publish(stream).has_value());
  // People compare an event's time with the clock on the wall.
  if (step > 0)
    CHECK(visible(w) == std::vector<std::uint64_t>{2});
  else
    CHECK(visible(w) == std::vector<std::uint64_t>{0, 1, 2});
  w.vt->advance(45s);
  if (step < 0)
    CHECK(erased_below(w) == event_number{0}); // they are from the future
  else
    CHECK(erased_below(w) == event_number{2});
  CHECK(visible(w).back() == 2);
  w.vt->advance(step < 0 ? 62min : 2min);
  CHECK(visible(w).empty());
  CHECK(erased_below(w) == event_number{3});
  CHECK(stored(w) == 0); // nothing is left to sweep
}

TEST_CASE("an event is given up by the machine's clock") {
  auto step = some_step();
  bool crash = GENERATE(false, true);
  world w;
  w.wall_step_ms = step;
  REQUIRE(w.create(stream, group).has_value());
  append_request what{stream, expected_version::any, {}, {}};
  what.events.push_back({world::id(0), "order", "{}", "", true});
  what.events[0].give_up_at = w.node->wall() + 15'000;
  REQUIRE(w.vt->ask<append_reply>(w.partition_of(stream), append_atom_v, what)
            .has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  if (crash)
    w.crash(); // it is read again with the leased event
  w.vt->advance(10s);
  REQUIRE(w.fetch(stream, group) == pairs{{0, 2}});
  w.vt->advance(10s);
  CHECK(w.fetch(stream, group).empty());
  CHECK(w.info(stream, group).parked == 1);
}

TEST_CASE("a pause until a time ends then by the machine's clock, and is told "
          "so") {
  world w;
  w.wall_step_ms = some_step();
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream).has_value());
  auto until = w.node->wall() + 60'000;
  auto pause = [&](wall_time at) {
    return w.command({{stream, group},
                      group_verb::pause,
                      {},
                      {},
                      due_time{.in = {}, .at = at}});
  };
  CHECK(pause(w.node->wall()).error() == errc::invalid_argument);
  CHECK(pause(until)->paused_until == until);
  auto why = w.vt
               ->ask<group_standing_ptr>(w.partition_of(stream), why_atom_v,
                                         group_key{stream, group})
               .value();
  CHECK(why->now == w.node->wall());
  CHECK(why->info.paused_until == until);
  REQUIRE(why->reasons.size() == 1);
  CHECK(why->reasons[0].text == "the group is paused; it goes on in 60.0 s");
  CHECK(why->reasons[0].figures.front().second == std::int64_t(until.value));
  w.vt->advance(60s - 1ms);
  CHECK(w.fetch(stream, group).empty());
  w.vt->advance(1ms);
  CHECK(w.fetch(stream, group) == pairs{{0, 1}});
  REQUIRE(w.command({{stream, group}, group_verb::pause, {}, {}}).has_value());
  CHECK(w.info(stream, group).paused_until == never_ends);
}

TEST_CASE("leases and retries are told by the machine's clock, and moved by "
          "it") {
  world w;
  w.wall_step_ms = some_step();
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  auto leased = w.node->wall();
  auto explained = [&] {
    return w.vt
      ->ask<explanation_ptr>(w.partition_of(stream), explain_atom_v,
                             explain_query{{stream, group}, world::id(0)})
      .value();
  };
  auto list = w.vt
                ->ask<lease_list_ptr>(w.partition_of(stream), leases_atom_v,
                                      leases_query{{stream, group}, {}, 100})
                .value();
  CHECK(list->now == leased);
  REQUIRE(list->leases.size() == 1);
  CHECK(list->leases[0].since == leased);
  CHECK(list->leases[0].until == leased + 10'000);
  CHECK(explained()->lease->until == leased + 10'000);
  w.vt->advance(1s);
  REQUIRE(w.settle(stream, group, settle_action::retry, {world::id(0)}, 10min)
            .has_value());
  auto waits = explained();
  CHECK(waits->now == leased + 1'000);
  CHECK(waits->due == leased + 601'000);
  REQUIRE(waits->history.size() == 1);
  CHECK(waits->history[0].since == leased);
  CHECK(waits->history[0].until == leased + 10'000);
  CHECK(waits->history[0].ended == leased + 1'000);
  auto moved = w.command({{stream, group},
                          group_verb::move,
                          {},
                          {},
                          due_time{.in = {}, .at = leased + 60'000}});
  CHECK(moved->moved_to == leased + 60'000);
  CHECK(moved->next_retry == leased + 60'000);
  w.vt->advance(59s - 1ms);
  CHECK(w.fetch(stream, group).empty());
  w.vt->advance(1ms);
  CHECK(w.fetch(stream, group) == pairs{{0, 2}});
}

namespace {

recurring_request every_ten_seconds(catch_up missed) {
  recurring_request out{stream, {}, {world::id(1), "tick", "{}", "", true}};
  out.rule.every_ms = 10'000;
  out.rule.missed = missed;
  return out;
}

catch_up some_catch_up() {
  return GENERATE(catch_up::skip, catch_up::once, catch_up::all);
}

} // namespace

TEST_CASE("what recurs every so often does, while the clock is wrong for a "
          "moment and afterwards") {
  auto step = 3 * some_step();
  world w;
  REQUIRE(w.vt
            ->ask<schedule_reply>(w.partition_of(stream), schedule_atom_v,
                                  every_ten_seconds(some_catch_up()))
            .has_value());
  w.vt->advance(25s);
  CHECK(visible(w).size() == 2);
  w.wall_step_ms = step;
  w.vt->advance(6s);
  CHECK(visible(w).size() == 3);
  w.wall_step_ms = 0;
  w.vt->advance(30s);
  CHECK(visible(w).size() == 6);
  w.wall_step_ms = step; // for good
  w.vt->advance(10min);
  CHECK(visible(w).size() == 66);
  auto page =
    w.vt
      ->ask<delayed_page_ptr>(w.broker.broker, delayed_atom_v, delayed_query{})
      .value();
  REQUIRE(page->items.size() == 1);
  CHECK(page->items[0].due == w.node->wall() + 9'000); // as the wall will show
}

TEST_CASE("what recurs every so often is caught up with after hours without a "
          "broker") {
  auto missed = some_catch_up();
  world w;
  REQUIRE(w.vt
            ->ask<schedule_reply>(w.partition_of(stream), schedule_atom_v,
                                  every_ten_seconds(missed))
            .has_value());
  w.vt->advance(15s);
  w.crash(1h, {});
  w.vt->advance(100ms);
  auto late = visible(w).size() - 1;
  if (missed == catch_up::all)
    CHECK(late == 360);
  else // of just now, the last minute is not missed
    CHECK(late == (missed == catch_up::once ? 1U : 6U));
  w.vt->advance(10s); // in step with what was
  CHECK(visible(w).size() == 1 + late + 1);
  w.vt->advance(4'800ms);
  CHECK(visible(w).size() == 1 + late + 1);
}

} // namespace callboard::test::clock_steps_test
