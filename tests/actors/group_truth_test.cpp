// Pauses and breakers in virtual time; why nothing comes; what became of an
// event.
#include "tests/support/world.hpp"

#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>

namespace callboard::test::group_truth_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;
using texts = std::vector<std::string>;

constexpr auto stream = "orders";
constexpr auto group = "workers";

struct one_group : world {
  explicit one_group(const group_settings& chosen = {}) {
    REQUIRE(create(stream, group, chosen).has_value());
  }

  auto next(std::size_t count = 1) { return fetch(stream, group, count); }

  result<group_info> pause(std::chrono::milliseconds span) {
    group_command what{
      {stream, group}, group_verb::pause, {}, {}, due_time{span}, "busy"};
    return command(what);
  }

  void ack(std::uint64_t n) {
    REQUIRE(settle(stream, group, settle_action::ack, {id(n)})->applied == 1);
  }

  /// A nack for the whole group.
  void trip(std::uint64_t n, std::chrono::milliseconds delay) {
    settle_request what{{stream, group},
                        settle_action::retry,
                        {id(n)},
                        delay,
                        "the shop is down"};
    what.whole_group = true;
    REQUIRE(
      vt->ask<settle_reply>(partition_of(stream), settle_atom_v, what)->applied
      == 1);
  }

  group_standing standing() {
    return *vt->ask<group_standing_ptr>(partition_of(stream), why_atom_v,
                                        group_key{stream, group})
              .value();
  }

  texts codes() {
    texts out;
    for (auto& one : standing().reasons)
      out.push_back(one.code);
    return out;
  }

  explanation explain(const uuid& of) {
    return *vt->ask<explanation_ptr>(partition_of(stream), explain_atom_v,
                                     explain_query{{stream, group}, of})
              .value();
  }

  std::vector<lease_outcome> ends(const explanation& of) {
    std::vector<lease_outcome> out;
    for (auto& one : of.history)
      out.push_back(one.outcome);
    return out;
  }

  group_info now_info() { return info(stream, group); }
};

using ends = std::vector<lease_outcome>;

} // namespace

TEST_CASE("a pause holds polls back until it is over, crash or not") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(g.pause(60s).has_value());
  CHECK(g.next().empty());
  CHECK(g.now_info().pause_reason == "busy");
  CHECK(g.codes() == texts{"paused"});
  CHECK(!g.standing().delivers);
  g.vt->advance(30s);
  g.crash();
  caf::scoped_actor self{g.vt->sys};
  self->send(g.partition_of(stream), fetch_atom_v,
             fetch_request{{stream, group}, 1, 50s, 7});
  g.vt->advance(29'999ms);
  CHECK(self->mailbox().empty());
  g.vt->advance(1ms);
  CHECK(!self->mailbox().empty());
  CHECK(g.now_info().paused_until == wall_time{});
}

TEST_CASE("a pause that is resumed is over at once; one in the past is none") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  CHECK(g.pause(0ms).error() == errc::invalid_argument);
  REQUIRE(g.pause(1h).has_value());
  REQUIRE(g.command({{stream, group}, group_verb::resume, {}, {}}).has_value());
  CHECK(g.next() == pairs{{0, 1}});
  CHECK(g.node->counts.progress_breaches == 0);
}

TEST_CASE("a nack for the whole group opens its breaker; then one event is "
          "tried, crash or not") {
  one_group g;
  REQUIRE(g.publish(stream, 3).has_value());
  REQUIRE(g.next(1).size() == 1);
  g.trip(0, 30s);
  CHECK(g.codes() == texts{"breaker-open"});
  g.vt->advance(20s);
  g.crash();
  CHECK(g.next(5).empty());
  g.vt->advance(10s);
  CHECK(g.codes() == texts{"breaker-half-open"});
  CHECK(g.next(5) == pairs{{0, 2}}); // without a delay of its own
  CHECK(g.next(5).empty());
  g.crash();
  CHECK(g.next(5).empty());
  SECTION("it is acked") {
    g.ack(0);
    CHECK(g.next(5) == pairs{{1, 1}, {2, 1}});
  }
  SECTION("its lease ends") {
    g.vt->advance(10s);
    CHECK(g.now_info().breaker == breaker_state::open);
    g.vt->advance(30s);
    CHECK(g.next(5) == pairs{{0, 3}});
  }
}

TEST_CASE("why says what a group waits for, with figures") {
  one_group g;
  CHECK(g.codes() == texts{"nothing-published"});
  REQUIRE(g.publish(stream).has_value());
  CHECK(g.standing().delivers);
  REQUIRE(g.next().size() == 1);
  auto leased = g.standing();
  REQUIRE(leased.reasons.size() == 1);
  CHECK(leased.reasons[0].code == "all-leased");
  CHECK(leased.reasons[0].figures
        == std::vector<std::pair<std::string, std::int64_t>>{
          {"leased", 1}, {"firstEnd", std::int64_t(g.now().value) + 10'000}});
  g.log->at_once = false;
  caf::scoped_actor self{g.vt->sys};
  self->send(g.partition_of(stream), settle_atom_v,
             settle_request{
               {stream, group}, settle_action::ack, {world::id(0)}, {}, {}});
  g.vt->run();
  CHECK(g.codes() == texts{"recording", "nothing-new"});
  g.log->flush();
  g.vt->run();
  CHECK(g.codes() == texts{"nothing-new"});
}

TEST_CASE("what became of an event is told from its leases, its parking and "
          "its replay, crash or not") {
  group_settings settings;
  settings.max_retry_count = 1;
  one_group g{settings};
  REQUIRE(g.publish(stream, 3).has_value());
  CHECK(g.explain(world::id(0)).standing == event_standing::ready);
  REQUIRE(g.next(1).size() == 1);
  auto leased = g.explain(world::id(0));
  CHECK(leased.standing == event_standing::leased);
  CHECK(leased.attempts == 1);
  REQUIRE(leased.lease);
  CHECK(leased.lease->ids == std::vector{world::id(0)});
  REQUIRE(g.settle(stream, group, settle_action::retry, {world::id(0)}, 20s)
            .has_value());
  auto waits = g.explain(world::id(0));
  CHECK(waits.standing == event_standing::waiting);
  CHECK(waits.due == g.now() + 20'000);
  REQUIRE(waits.history.size() == 1);
  CHECK(waits.history[0].words == "test");
  CHECK(waits.history[0].delay_ms == 20'000);
  g.vt->advance(20s);
  REQUIRE(g.next(1) == pairs{{0, 2}});
  g.vt->advance(10s);
  g.crash();
  auto parked = g.explain(world::id(0));
  CHECK(parked.standing == event_standing::parked);
  CHECK(parked.in == lane::replay);
  CHECK(g.ends(parked) == ends{lease_outcome::retried, lease_outcome::parked});
  CHECK(parked.what->id == world::id(0));
  CHECK(!parked.cut);
  REQUIRE(g.command({{stream, group}, group_verb::replay_parked, {}, {}})
            .has_value());
  auto batch = g.try_fetch(stream, group).value().value();
  auto link = batch->events.at(0).what.original->id;
  CHECK(g.explain(link).standing == event_standing::leased);
  REQUIRE(g.settle(stream, group, settle_action::ack, {link})->applied == 1);
  g.flush_store();
  g.crash();
  auto acked = g.explain(world::id(0));
  CHECK(acked.standing == event_standing::settled);
  CHECK(g.ends(acked)
        == ends{lease_outcome::retried, lease_outcome::parked,
                lease_outcome::acked});
  CHECK(g.explain(world::id(99)).standing == event_standing::not_found);
}

TEST_CASE("a lease that died says of which events it was not charged") {
  group_settings settings;
  settings.on_lease_loss = lease_loss::charge_guilty;
  one_group g{settings};
  REQUIRE(g.publish(stream, 4).has_value());
  REQUIRE(g.next(4).size() == 4);
  g.vt->advance(10s);
  CHECK(g.next(4) == pairs{{0, 1}, {1, 1}});
  g.crash();
  CHECK(g.next(4) == pairs{{2, 1}, {3, 1}});
  auto told = g.explain(world::id(3));
  REQUIRE(told.history.size() == 1);
  CHECK(told.history[0].outcome == lease_outcome::expired);
  CHECK(told.history[0].words
        == "one of 4 in its lease: the attempt is not charged");
}

TEST_CASE("an event that is to be given up is parked when its time is over") {
  one_group g;
  append_request what{stream, expected_version::any, {}, {}};
  what.events.push_back({world::id(0), "order", "{}", "", true});
  what.events[0].give_up_at = g.now() + 25'000;
  REQUIRE(g.vt->ask<append_reply>(g.partition_of(stream), append_atom_v, what)
            .has_value());
  REQUIRE(g.next() == pairs{{0, 1}});
  g.vt->advance(10s);
  REQUIRE(g.next() == pairs{{0, 2}});
  g.crash(); // it is read again with the leased event
  g.vt->advance(10s);
  REQUIRE(g.next() == pairs{{0, 3}});
  g.vt->advance(10s);
  CHECK(g.next().empty());
  CHECK(g.now_info().parked == 1);
  CHECK(g.explain(world::id(0)).history.back().words
        == "Give-Up-At has passed (its lease ended)");
}

} // namespace callboard::test::group_truth_test
