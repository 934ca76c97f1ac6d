// A group in virtual time, over a real store: deliver, settle, wait, survive.
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::group_actor_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

constexpr auto stream = "orders";
constexpr auto group = "workers";

template <class Change>
group_settings settings(Change change_it) {
  group_settings out;
  change_it(out);
  return out;
}

struct one_group : world {
  explicit one_group(const group_settings& chosen = {}) {
    REQUIRE(create(stream, group, chosen).has_value());
  }

  auto next(std::size_t count = 1) { return fetch(stream, group, count); }

  auto ack(std::uint64_t n) {
    return settle(stream, group, settle_action::ack, {id(n)});
  }

  auto retry(std::uint64_t n,
             std::optional<std::chrono::milliseconds> delay = {}) {
    return settle(stream, group, settle_action::retry, {id(n)}, delay);
  }

  auto park(std::uint64_t n) {
    return settle(stream, group, settle_action::park, {id(n)});
  }

  auto now_info() { return info(stream, group); }
};

} // namespace

TEST_CASE("consumers share the events of a stream, each gets its own") {
  one_group g;
  REQUIRE(g.publish(stream, 4).has_value());
  CHECK(g.next(2) == pairs{{0, 1}, {1, 1}});
  CHECK(g.next(5) == pairs{{2, 1}, {3, 1}});
  CHECK(g.next().empty());
  CHECK(g.now_info().in_flight == 4);
}

TEST_CASE("an acked event never comes again, not even after a crash") {
  one_group g;
  REQUIRE(g.publish(stream, 3).has_value());
  REQUIRE(g.next(3).size() == 3);
  CHECK(g.ack(1)->applied == 1);
  g.crash();
  CHECK(g.now_info().in_flight == 2);
  g.vt->advance(10s);
  CHECK(g.next(5) == pairs{{0, 2}, {2, 2}});
}

TEST_CASE("a lease, its end and its attempt survive a crash") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(g.next() == pairs{{0, 1}});
  g.vt->advance(6s);
  g.crash();
  g.vt->advance(3999ms);
  CHECK(g.next().empty());
  g.vt->advance(1ms);
  CHECK(g.next() == pairs{{0, 2}});
}

TEST_CASE("an id that was leased before a crash can be acked after it") {
  one_group g;
  REQUIRE(g.publish(stream, 2).has_value());
  REQUIRE(g.next(2).size() == 2);
  g.flush_store();
  g.crash();
  CHECK(g.ack(0)->applied == 1);
  CHECK(g.ack(0)->applied == 0);
  g.vt->advance(1h);
  CHECK(g.next(2) == pairs{{1, 2}});
}

TEST_CASE("a fetch that waits is answered by the event that arrives") {
  one_group g;
  auto to = g.partition_of(stream);
  caf::scoped_actor self{g.vt->sys};
  auto pending = self->request(to, caf::infinite, fetch_atom_v,
                               fetch_request{{stream, group}, 1, 30s, 7});
  g.vt->run();
  CHECK(self->mailbox().empty());
  CHECK(g.now_info().waiting_polls == 1);
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(!self->mailbox().empty());
  pending.receive(
    [](delivery_batch_ptr& batch) { CHECK(batch->events.size() == 1); },
    [](caf::error&) { FAIL("no delivery"); });
}

TEST_CASE("a fetch waits no longer than it said") {
  one_group g;
  auto to = g.partition_of(stream);
  caf::scoped_actor self{g.vt->sys};
  auto pending = self->request(to, caf::infinite, fetch_atom_v,
                               fetch_request{{stream, group}, 1, 30s, 7});
  g.vt->advance(29'999ms);
  CHECK(self->mailbox().empty());
  g.vt->advance(1ms);
  REQUIRE(!self->mailbox().empty());
  pending.receive(
    [](delivery_batch_ptr& batch) { CHECK(batch->events.empty()); },
    [](caf::error&) { FAIL("an error"); });
  CHECK(g.now_info().waiting_polls == 0);
}

TEST_CASE("one event wakes one of two waiting fetches, the older") {
  one_group g;
  auto to = g.partition_of(stream);
  caf::scoped_actor older{g.vt->sys};
  caf::scoped_actor newer{g.vt->sys};
  fetch_request wait{{stream, group}, 1, 30s, 1};
  older->send(to, fetch_atom_v, wait);
  g.vt->run();
  newer->send(to, fetch_atom_v, wait);
  g.vt->run();
  REQUIRE(g.publish(stream).has_value());
  CHECK(!older->mailbox().empty());
  CHECK(newer->mailbox().empty());
}

TEST_CASE("a delayed retry holds no lease, comes when it was promised, and "
          "survives a crash") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(g.next().size() == 1);
  CHECK(g.retry(0, 90s)->applied == 1);
  CHECK(g.now_info().in_flight == 0);
  CHECK(g.now_info().retrying == 1);
  g.vt->advance(60s);
  g.crash();
  g.vt->advance(29'999ms);
  CHECK(g.next().empty());
  g.vt->advance(1ms);
  CHECK(g.next() == pairs{{0, 2}});
}

TEST_CASE("an event is parked after its last attempt, and replayed") {
  one_group g{settings([](auto& s) { s.max_retry_count = 1; })};
  REQUIRE(g.publish(stream).has_value());
  CHECK(g.next() == pairs{{0, 1}});
  g.vt->advance(10s);
  CHECK(g.next() == pairs{{0, 2}});
  g.vt->advance(10s);
  CHECK(g.next().empty());
  CHECK(g.now_info().parked == 1);
  g.crash();
  CHECK(g.now_info().parked == 1);
  REQUIRE(g.command({{stream, group}, group_verb::replay_parked, {}, {}})
            .has_value());
  CHECK(g.now_info().parked == 0);
  auto batch = g.try_fetch(stream, group).value().value();
  REQUIRE(batch->events.size() == 1);
  CHECK(batch->events[0].attempt == 1);
  CHECK(batch->events[0].what.resolved->id == world::id(0));
  CHECK(batch->events[0].what.target == stream);
  CHECK(g.settle(stream, group, settle_action::ack,
                 {batch->events[0].what.original->id})
          ->applied
        == 1);
  g.crash();
  CHECK(g.next().empty());
}

TEST_CASE("nothing is delivered before its lease is on disk") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  g.log->at_once = false;
  auto before = g.try_fetch(stream, group);
  CHECK(!before);
  CHECK(g.log->waiting() == 1);
  g.crash(); // the lease was never on disk: the attempt does not count
  CHECK(g.next() == pairs{{0, 1}});
}

TEST_CASE("a lazy lease is delivered before it is on disk") {
  one_group g{settings([](auto& s) { s.durability = lease_durability::lazy; })};
  REQUIRE(g.publish(stream, 2).has_value());
  REQUIRE(g.next() == pairs{{0, 1}}); // numbers for more are on disk with it
  g.log->at_once = false;
  auto batch = g.try_fetch(stream, group);
  REQUIRE(batch);
  CHECK(batch->value()->events.size() == 1);
}

TEST_CASE("an ack is answered only when it is on disk") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(g.next().size() == 1);
  g.log->at_once = false;
  settle_request ack{
    {stream, group}, settle_action::ack, {world::id(0)}, {}, {}};
  caf::scoped_actor self{g.vt->sys};
  self->send(g.partition_of(stream), settle_atom_v, ack);
  self->send(g.partition_of(stream), settle_atom_v, ack); // a repeat: no sooner
  g.vt->run();
  CHECK(self->mailbox().empty());
  g.log->flush();
  g.vt->run();
  CHECK(self->mailbox().size() == 2);
}

TEST_CASE("who can record no more does not say that an ack had no effect") {
  one_group g;
  g.log->at_once = false;
  asked<settle_reply> ack{
    *g.vt, g.partition_of(stream), settle_atom_v,
    settle_request{
      {stream, group}, settle_action::ack, {world::id(0)}, {}, {}}};
  CHECK(!ack.answer());
  g.log->fail(errc::unavailable); // as when another node leads
  CHECK(ack.answer()->error() == errc::unavailable);
}

TEST_CASE(
  "after a failed flush nobody is told that it was done, nor that it was not") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(g.next().size() == 1);
  g.log->at_once = false;
  caf::scoped_actor self{g.vt->sys};
  auto pending = self->request(
    g.partition_of(stream), caf::infinite, settle_atom_v,
    settle_request{
      {stream, group}, settle_action::ack, {world::id(0)}, {}, {}});
  g.vt->run();
  g.log->fail(errc::storage_full);
  g.vt->run();
  REQUIRE(!self->mailbox().empty());
  pending.receive(
    [](settle_reply&) { FAIL("it was not recorded"); },
    [](caf::error& why) { CHECK(why == caf::make_error(errc::unavailable)); });
  g.log->at_once = true;
  CHECK(g.ack(0)->applied == 1); // the lease is still there
}

TEST_CASE("what a group decided on top of a lost record is not recorded") {
  for (int turns = 0; turns < 10; ++turns) { // before the partition hears of it
    INFO(turns);
    one_group g;
    for (int i = 0; i < 2; ++i)
      REQUIRE(g.publish(stream).has_value());
    REQUIRE(g.next(2).size() == 2);
    g.log->at_once = false;
    auto request = [&](settle_action action, std::uint64_t which) {
      return settle_request{
        {stream, group}, action, {world::id(which)}, {}, {}};
    };
    asked<settle_reply> park{*g.vt, g.partition_of(stream), settle_atom_v,
                             request(settle_action::park, 0)};
    REQUIRE(g.log->waiting() == 1);
    caf::scoped_actor self{g.vt->sys};
    auto ack = self->request(g.partition_of(stream), caf::infinite,
                             settle_atom_v, request(settle_action::ack, 1));
    for (int i = 0; i < turns; ++i)
      g.vt->sched.try_run_once();
    g.log->fail(errc::storage_full);
    g.log->at_once = true;
    g.vt->run();
    CHECK(park.answer()->error() == errc::unavailable);
    bool acked = false;
    ack.receive([&](settle_reply&) { acked = true; }, [](caf::error&) {});
    CHECK(g.ack(1)->applied == (acked ? 0 : 1));
    CHECK(g.ack(0)->applied == 1); // neither parked nor lost
  }
}

TEST_CASE("a lease that its client never saw goes back without an attempt") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  auto batch = g.try_fetch(stream, group).value().value();
  caf::anon_send(g.partition_of(stream), release_atom_v,
                 group_key{stream, group}, batch->events[0].lease);
  g.vt->run();
  CHECK(g.next() == pairs{{0, 1}});
}

TEST_CASE("events that LMDB alone has are read for a group") {
  one_group g;
  for (int i = 0; i < 30; ++i)
    REQUIRE(g.publish(stream, 100).has_value());
  g.flush_store();
  g.crash(); // memory is empty now
  std::uint64_t expected = 0;
  while (expected < 3000)
    for (auto& [number, attempt] : g.next(100)) {
      CHECK(number == expected++);
      CHECK(attempt == 1);
    }
  CHECK(g.next().empty());
}

TEST_CASE("a removed group is gone, with its leases and its timers") {
  one_group g;
  REQUIRE(g.publish(stream, 2).has_value());
  REQUIRE(g.next(2).size() == 2);
  REQUIRE(g.command({{stream, group}, group_verb::remove, {}, {}}).has_value());
  CHECK(g.try_fetch(stream, group)->error() == errc::not_found);
  g.vt->advance(1h);
  auto left = g.node->db->delayed(g.node->placement.home_of(stream), {}, {},
                                  {UINT64_MAX}, 10);
  CHECK(left->empty());
  REQUIRE(g.create(stream, group).has_value());
  CHECK(g.next(5) == pairs{{0, 1}, {1, 1}});
}

TEST_CASE("a group that exists cannot be created again") {
  one_group g;
  CHECK(g.create(stream, group).error() == errc::already_exists);
  CHECK(g.create(stream, "others").has_value());
}

TEST_CASE("editing a group keeps its leases and attempts") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(g.next() == pairs{{0, 1}});
  REQUIRE(g.command({{stream, group},
                     group_verb::update,
                     settings([](auto& s) { s.message_timeout_ms = 1000; }),
                     {}})
            .has_value());
  CHECK(g.now_info().in_flight == 1);
  CHECK(g.ack(0)->applied == 1);
}

TEST_CASE("a clock that is set by an hour moves no deadline") {
  for (auto step : {-3'600'000, 3'600'000}) {
    one_group g;
    REQUIRE(g.publish(stream).has_value());
    REQUIRE(g.next().size() == 1);
    g.wall_step_ms = step;
    g.vt->advance(9'999ms);
    CHECK(g.next().empty());
    g.vt->advance(1ms);
    CHECK(g.next() == pairs{{0, 2}});
    CHECK(g.node->counts.wall_steps == 1);
  }
}

TEST_CASE("events below $maxCount leave the group, but not their consumers") {
  one_group g;
  REQUIRE(g.publish(stream, 5).has_value());
  REQUIRE(g.next(1) == pairs{{0, 1}});
  append_request meta{
    "$$orders",
    expected_version::any,
    {{world::id(900), "$metadata", "{\"$maxCount\":2}", "", true}},
    stream_policy{.max_count = 2, .acl = {}}};
  REQUIRE(
    g.vt->ask<append_reply>(g.partition_of("$$orders"), append_atom_v, meta)
      .has_value());
  CHECK(g.next(5) == pairs{{3, 1}, {4, 1}});
  CHECK(g.now_info().in_flight == 3);
  REQUIRE(g.settle(stream, group, settle_action::park, {world::id(0)})->applied
          == 1);
  CHECK(g.now_info().parked == 1);
  CHECK(g.now_info().checkpoint == 2);
}

} // namespace callboard::test::group_actor_test
