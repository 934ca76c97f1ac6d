// What heals by itself: a handler that throws, a message that got lost.
#include "actors/core/limits.hpp"
#include "tests/support/world.hpp"

#include <caf/scheduled_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

namespace callboard::test::supervision_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

constexpr auto stream = "orders";
constexpr auto group = "workers";

/// A fetch that waits, in an actor of its own.
struct waiting_consumer {
  waiting_consumer(world& w, std::size_t count = 1) : self(w.vt->sys) {
    self->send(w.partition_of(stream), fetch_atom_v,
               fetch_request{{stream, group}, count, 30s, 7});
    w.vt->run();
  }

  bool answered() { return !self->mailbox().empty(); }

  /// Whether the answer is this error.
  bool refused(errc expected) {
    bool right = false;
    self->receive([](delivery_batch_ptr&) {},
                  [&](caf::error& why) { right = to_errc(why) == expected; });
    return right;
  }

  caf::scoped_actor self;
};

/// Runs actors, and loses what is sent to those of this name.
void run_and_lose_messages_to(virtual_time& vt, const std::string& name) {
  auto lose = [](auto&&...) { return caf::intrusive::task_result::resume; };
  while (vt.sched.has_job()) {
    for (auto* job : vt.sched.jobs)
      if (auto* actor = dynamic_cast<caf::scheduled_actor*>(job);
          actor != nullptr && actor->name() == name)
        actor->mailbox().new_round(100, lose);
    vt.sched.try_run_once();
  }
}

/// Stores an event that its group is not told of.
void publish_untold(world& w, std::uint8_t n) {
  w.log->at_once = false;
  caf::anon_send(w.partition_of(stream), append_atom_v,
                 append_request{stream,
                                expected_version::any,
                                {{world::id(n), "t", "d", "", false}},
                                {}});
  run_and_lose_messages_to(*w.vt, "group");
  w.log->flush();
  run_and_lose_messages_to(*w.vt, "group");
  w.log->at_once = true;
}

/// The random source throws as long as it is broken: groups use it for every
/// retry and for the ids of parked links.
struct breakable {
  explicit breakable(world& w) : bits(w.node->random) {
    w.node->random = [this] {
      if (broken)
        throw std::runtime_error("planted");
      return bits();
    };
  }

  std::function<std::uint64_t()> bits;
  bool broken = false;
};

} // namespace

TEST_CASE(
  "a group that was not told of an event is noticed, counted, rebuilt") {
  world w;
  REQUIRE(w.create(stream, group).has_value());
  waiting_consumer waiting{w};
  publish_untold(w, 0);
  CHECK_FALSE(waiting.answered());
  CHECK(w.node->counts.progress_breaches == 0);
  w.vt->advance(2s);
  CHECK(w.node->counts.progress_breaches == 1);
  REQUIRE(waiting.answered()); // the client comes again, at once
  CHECK(waiting.refused(errc::unavailable));
  CHECK(w.fetch(stream, group) == pairs{{0, 1}});
}

TEST_CASE(
  "a group that gets on is not rebuilt, though each look meets an event "
  "that it is about to be told of") {
  world w;
  REQUIRE(w.create(stream, group).has_value());
  waiting_consumer first{w};
  publish_untold(w, 90);
  w.vt->advance(1s);
  REQUIRE(w.publish(stream).has_value());
  CHECK(w.info(stream, group).last_known == 1); // it looked by itself
  CHECK(w.fetch(stream, group).size() == 1);
  CHECK(first.answered());
  waiting_consumer second{w};
  publish_untold(w, 91);
  w.vt->advance(1s);
  CHECK(w.node->counts.progress_breaches == 0);
  CHECK_FALSE(second.answered());
  w.vt->advance(1s);
  CHECK(w.node->counts.progress_breaches == 1); // now it does not get on
}

TEST_CASE("a group that waits for nothing in particular is left alone") {
  world w;
  REQUIRE(w.create(stream, group).has_value());
  waiting_consumer waiting{w};
  w.vt->advance(29s);
  CHECK_FALSE(waiting.answered());
  CHECK(w.node->counts.progress_breaches == 0);
}

TEST_CASE("a group whose handler throws is rebuilt from its rows; who waits is "
          "told to come again") {
  world w;
  breakable source{w};
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream, 2).has_value());
  REQUIRE(w.fetch(stream, group, 2) == pairs{{0, 1}, {1, 1}});
  REQUIRE(
    w.settle(stream, group, settle_action::ack, {world::id(1)}).has_value());
  waiting_consumer waiting{w};
  source.broken = true;
  CHECK(w.settle(stream, group, settle_action::retry, {world::id(0)}).error()
        == errc::unavailable);
  CHECK(w.node->counts.actor_failures == 1);
  REQUIRE(waiting.answered());
  CHECK(waiting.refused(errc::unavailable));
  source.broken = false;
  CHECK(w.info(stream, group).in_flight == 1); // as if it was never asked
  CHECK(w.settle(stream, group, settle_action::retry, {world::id(0)})->applied
        == 1);
  CHECK(w.fetch(stream, group, 5) == pairs{{0, 2}});
}

TEST_CASE("a delayed message whose handler throws is sent again") {
  world w;
  breakable source{w};
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  source.broken = true;
  w.vt->advance(15s); // the lease ends after 10
  CHECK(w.node->counts.actor_failures >= 1);
  source.broken = false;
  w.vt->advance(2s);
  CHECK(w.fetch(stream, group) == pairs{{0, 2}});
}

TEST_CASE("a partition whose handler throws is rebuilt from its rows") {
  world w;
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream, 2).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  auto wall = std::exchange(
    w.node->wall, []() -> wall_time { throw std::runtime_error("planted"); });
  CHECK(w.publish(stream).error() == errc::unavailable);
  w.node->wall = wall;
  CHECK(w.node->counts.actor_failures == 1);
  CHECK(w.node->counts.rebuilds == 1);
  CHECK(w.publish(stream)->first == event_number{2}); // nothing half-done
  CHECK(w.fetch(stream, group, 5) == pairs{{1, 1}, {2, 1}});
}

TEST_CASE("a group with all in flight that it may have says why it waits") {
  world w;
  REQUIRE(w.create(stream, group).has_value());
  for (std::size_t i = 0; i <= limits::in_flight_max / 1000; ++i)
    REQUIRE(w.publish(stream, 1000).has_value());
  std::size_t leased = 0;
  for (auto some = w.fetch(stream, group, 100); !some.empty();
       some = w.fetch(stream, group, 100))
    leased += some.size();
  CHECK(leased == limits::in_flight_max);
  auto info = w.info(stream, group);
  CHECK(info.ready == 1000);
  CHECK(info.blocked.find("10000 events are in flight") == 0);
  REQUIRE(
    w.settle(stream, group, settle_action::ack, {world::id(0)}).has_value());
  CHECK(w.info(stream, group).blocked.empty());
  CHECK(w.fetch(stream, group, 100).size() == 1);
}

TEST_CASE("a group with all runs that it may have says why it waits") {
  world w;
  REQUIRE(w.create(stream, group).has_value());
  REQUIRE(w.publish(stream).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  // Every other event behind it was settled: 100,000 runs with the leased one.
  auto p = w.node->placement.home_of(stream);
  auto head = w.node->db->stream(p, stream).value().value();
  head.next = {2 * limits::runs_max + 1};
  auto id = w.info(stream, group).created_order;
  record what;
  what.at = w.now();
  what.changes.emplace_back(put_stream{stream, head});
  for (std::uint64_t n = 1; n < limits::runs_max; ++n) {
    run_row settled;
    settled.first = {2 * n - 1};
    what.changes.emplace_back(put_run{{id}, settled});
  }
  log_index last;
  for (auto& entry : w.kept)
    if (entry.partition == p)
      last = entry.index;
  w.kept.push_back({p, {last.value + 1}, 1, encode(what)});
  w.crash();
  auto info = w.info(stream, group);
  CHECK(info.ready > 0);
  CHECK(info.blocked.find("more than 100000 separate runs") == 0);
  CHECK(w.fetch(stream, group, 100).empty());
  REQUIRE(
    w.settle(stream, group, settle_action::ack, {world::id(0)}).has_value());
  CHECK(w.info(stream, group).blocked.empty());
}

} // namespace callboard::test::supervision_test
