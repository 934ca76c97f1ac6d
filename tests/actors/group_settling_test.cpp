// Settling in one go, tokens, and what is told of leases, over a real store.
#include "actors/core/limits.hpp"
#include "tests/support/world.hpp"

#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace callboard::test::group_settling_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;
using outcomes = std::vector<settle_outcome>;

constexpr auto stream = "orders";
constexpr auto group = "workers";
constexpr auto applied = settle_outcome::applied;

settle_item item(settle_verb verb, std::uint64_t n) {
  settle_item out;
  out.verb = verb;
  out.id = world::id(n);
  return out;
}

settle_item of_lease(settle_verb verb, lease_token token) {
  settle_item out;
  out.verb = verb;
  out.lease = token;
  return out;
}

fetch_request wants(std::size_t count, std::chrono::milliseconds wait = {},
                    std::uint64_t session = 0, lease_holder who = {}) {
  return {{stream, group}, count, wait, session, std::move(who)};
}

/// A request that is being answered.
template <class Reply>
class pending {
public:
  template <class... Ts>
  pending(world& w, Ts... xs)
      : self_(w.vt->sys),
        handle_(self_->request(w.partition_of(stream), caf::infinite,
                               std::move(xs)...)) {
    w.vt->run();
  }

  bool answered() { return !self_->mailbox().empty(); }

  result<Reply> get() {
    std::optional<result<Reply>> out;
    handle_.receive([&](Reply& x) { out.emplace(std::move(x)); },
                    [&](caf::error& e) {
                      out.emplace(boost::system::in_place_error, to_errc(e));
                    });
    return *out;
  }

private:
  caf::scoped_actor self_;
  caf::response_handle<caf::blocking_actor, caf::detail::type_list<Reply>, true>
    handle_;
};

struct one_group : world {
  explicit one_group(const group_settings& chosen = {}) {
    REQUIRE(create(stream, group, chosen).has_value());
  }

  std::optional<result<settle_batch_reply_ptr>>
  try_settle(std::vector<settle_item> items,
             std::optional<fetch_request> next = {}, std::string repeat = {},
             std::optional<breaker_trip> trip = {}) {
    return vt->try_ask<settle_batch_reply_ptr>(partition_of(stream),
                                               settle_atom_v,
                                               settle_batch{{stream, group},
                                                            std::move(items),
                                                            std::move(trip),
                                                            std::move(next),
                                                            std::move(repeat)});
  }

  settle_batch_reply settle_all(std::vector<settle_item> items,
                                std::optional<fetch_request> next = {},
                                std::string repeat = {}) {
    return *try_settle(std::move(items), std::move(next), std::move(repeat))
              .value()
              .value();
  }

  lease_token lease(std::size_t count, lease_holder who = {}) {
    auto batch =
      vt->ask<delivery_batch_ptr>(partition_of(stream), fetch_atom_v,
                                  wants(count, {}, 0, std::move(who)))
        .value();
    return {batch->group, batch->events.at(0).lease};
  }

  lease_list leases() {
    return *vt->ask<lease_list_ptr>(partition_of(stream), leases_atom_v,
                                    leases_query{{stream, group}, {}, 100})
              .value();
  }

  group_info now_info() { return info(stream, group); }
};

pairs numbers(const delivery_batch_ptr& batch) {
  pairs out;
  for (auto& one : batch->events)
    out.emplace_back(one.what.original->number.value, one.attempt);
  return out;
}

} // namespace

TEST_CASE("a batch is settled and the next one leased in one record") {
  one_group g;
  REQUIRE(g.publish(stream, 4).has_value());
  auto token = g.lease(2);
  auto before = g.kept.size();
  auto reply = g.settle_all({of_lease(settle_verb::ack, token)}, wants(5));
  CHECK(g.kept.size() == before + 1);
  CHECK(reply.items == outcomes{applied});
  CHECK(numbers(reply.next) == pairs{{2, 1}, {3, 1}});
  CHECK(reply.next->group == reply.group);
  CHECK(reply.group == token.group);
  g.crash();
  CHECK(g.now_info().settled == 2);
  CHECK(g.now_info().in_flight == 2);
}

TEST_CASE("a settle with nothing to settle is a fetch, and one without `next` "
          "has none") {
  one_group g;
  REQUIRE(g.publish(stream, 2).has_value());
  CHECK(numbers(g.settle_all({}, wants(1)).next) == pairs{{0, 1}});
  CHECK(g.settle_all({item(settle_verb::ack, 0)}).next == nullptr);
  CHECK(g.settle_all({}, wants(5)).next->events.size() == 1);
  CHECK(g.settle_all({}, wants(5)).next->events.empty());
}

TEST_CASE("a settle whose `next` waits is on disk before, and kept if its "
          "client goes away") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  g.lease(1);
  auto asked = std::make_optional<pending<settle_batch_reply_ptr>>(
    g, settle_atom_v,
    settle_batch{
      {stream, group}, {item(settle_verb::ack, 0)}, {}, wants(1, 30s, 7), {}});
  auto& waits = *asked;
  CHECK(!waits.answered());
  CHECK(g.now_info().settled == 1);
  SECTION("an event comes") {
    REQUIRE(g.publish(stream).has_value());
    REQUIRE(waits.answered());
    CHECK(numbers(waits.get().value()->next) == pairs{{1, 1}});
  }
  SECTION("the time is over") {
    g.vt->advance(30s);
    REQUIRE(waits.answered());
    auto reply = waits.get().value();
    CHECK(reply->items == outcomes{applied});
    CHECK(reply->next->events.empty());
  }
  SECTION("the client goes away") {
    caf::anon_send(g.partition_of(stream), cancel_atom_v,
                   group_key{stream, group}, std::uint64_t{7});
    g.vt->run();
    REQUIRE(waits.answered());
    REQUIRE(g.publish(stream).has_value());
    CHECK(g.fetch(stream, group) == pairs{{1, 1}});
  }
  asked.reset(); // it must not outlive its system
  g.crash();
  CHECK(g.now_info().settled == 1);
}

TEST_CASE("nothing is answered before the batch is on disk, and a failed flush "
          "leaves nothing of it") {
  one_group g;
  REQUIRE(g.publish(stream, 3).has_value());
  g.lease(2);
  g.log->at_once = false;
  pending<settle_batch_reply_ptr> asked{
    g, settle_atom_v,
    settle_batch{{stream, group},
                 {item(settle_verb::ack, 0), item(settle_verb::park, 1)},
                 {},
                 wants(1),
                 {}}};
  CHECK(!asked.answered());
  g.log->fail(errc::storage_full);
  g.vt->run();
  REQUIRE(asked.answered());
  CHECK(asked.get().error() == errc::unavailable);
  g.log->at_once = true;
  CHECK(g.now_info().in_flight == 2);
  CHECK(g.now_info().settled == 0);
  CHECK(g.now_info().parked == 0);
}

TEST_CASE("a batch that is too long, or names nothing, has no effect") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  g.lease(1);
  auto ack = item(settle_verb::ack, 0);
  CHECK(g.try_settle({ack, settle_item{}})->error() == errc::invalid_argument);
  CHECK(
    g.try_settle(std::vector<settle_item>(limits::settle_items_max + 1, ack))
      ->error()
    == errc::too_large);
  CHECK(g.now_info().in_flight == 1);
}

TEST_CASE("an extension survives a crash, the lease ends at its new time") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  auto token = g.lease(1, {"alice", "10.0.0.1"});
  g.vt->advance(9s);
  auto extend = of_lease(settle_verb::extend, token);
  extend.by = 20s;
  CHECK(g.settle_all({extend}).items == outcomes{applied});
  g.crash();
  g.vt->advance(19'999ms);
  auto held = g.leases();
  REQUIRE(held.leases.size() == 1);
  CHECK(held.leases[0].holder == lease_holder{"alice", "10.0.0.1"});
  CHECK(held.leases[0].extensions == 1);
  CHECK(held.leases[0].ids == std::vector{world::id(0)});
  g.vt->advance(1ms);
  CHECK(g.leases().leases.empty());
  CHECK(g.fetch(stream, group) == pairs{{0, 2}});
}

TEST_CASE("the same idempotency key gets the same answer, before and after a "
          "crash") {
  one_group g;
  REQUIRE(g.publish(stream, 4).has_value());
  g.lease(1);
  auto ask = [&] {
    return g.settle_all({item(settle_verb::ack, 0), item(settle_verb::ack, 9)},
                        wants(2), "once");
  };
  auto first = ask();
  CHECK(numbers(first.next) == pairs{{1, 1}, {2, 1}});
  for (bool crashes : {false, true}) {
    if (crashes)
      g.crash();
    auto again = ask();
    CHECK(again.items == first.items);
    CHECK(numbers(again.next) == numbers(first.next));
    CHECK(again.next->events.at(0).lease == first.next->events.at(0).lease);
  }
  REQUIRE(
    g.settle(stream, group, settle_action::ack, {world::id(1)}).has_value());
  CHECK(numbers(ask().next) == pairs{{2, 1}}); // what is still leased
  CHECK(g.settle_all({item(settle_verb::ack, 2)}, {}, "once").error
        == errc::already_exists);
  CHECK(g.now_info().in_flight == 1);
  CHECK(g.now_info().settled == 2);
}

TEST_CASE("a repeat waits for the first use of its key, and takes its `next` "
          "over") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  g.lease(1);
  settle_batch what{
    {stream, group}, {item(settle_verb::ack, 0)}, {}, wants(1, 30s), "once"};
  g.log->at_once = false;
  pending<settle_batch_reply_ptr> first{g, settle_atom_v, what};
  pending<settle_batch_reply_ptr> second{g, settle_atom_v, what};
  CHECK(!first.answered());
  g.log->flush();
  g.vt->run();
  g.log->at_once = true;
  REQUIRE(first.answered());
  CHECK(first.get().value()->next->events.empty());
  CHECK(!second.answered());
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(second.answered());
  auto got = second.get().value();
  CHECK(got->items == outcomes{applied});
  CHECK(numbers(got->next) == pairs{{1, 1}});
  auto third = g.settle_all(what.items, what.next, "once");
  CHECK(numbers(third.next) == pairs{{1, 1}}); // the same lease
}

TEST_CASE(
  "the token of a lazy lease that a crash took is not given out again") {
  group_settings lazy;
  lazy.durability = lease_durability::lazy;
  one_group g{lazy};
  REQUIRE(g.publish(stream, 2).has_value());
  g.log->at_once = false;
  CHECK(!g.vt->try_ask<delivery_batch_ptr>(g.partition_of(stream), fetch_atom_v,
                                           wants(1))); // nothing is reserved
  g.crash();
  auto first = g.lease(1);
  g.log->at_once = false;
  auto lost = g.lease(1);
  CHECK(lost != first);
  g.crash();
  auto fresh = g.lease(1);
  CHECK(g.settle_all({of_lease(settle_verb::ack, lost)}).items
        == outcomes{settle_outcome::stale});
  CHECK(g.now_info().in_flight == 2);
  CHECK(g.settle_all({of_lease(settle_verb::ack, first),
                      of_lease(settle_verb::ack, fresh)})
          .items
        == outcomes{applied, applied});
}

TEST_CASE("a poll that has all that it may does not hold up those behind it") {
  one_group g;
  REQUIRE(g.publish(stream).has_value());
  auto mine = wants(1, 30s, 1, {"alice", ""});
  mine.in_flight_max = 1;
  REQUIRE(
    g.vt->ask<delivery_batch_ptr>(g.partition_of(stream), fetch_atom_v, mine)
      .value()
      ->events.size()
    == 1);
  pending<delivery_batch_ptr> held{g, fetch_atom_v, mine};
  pending<delivery_batch_ptr> other{g, fetch_atom_v,
                                    wants(1, 30s, 2, {"bob", ""})};
  REQUIRE(g.publish(stream, 2).has_value());
  CHECK(!held.answered());
  CHECK(other.answered());
  auto why = g.vt
               ->ask<group_standing_ptr>(g.partition_of(stream), why_atom_v,
                                         group_key{stream, group})
               .value();
  CHECK(std::any_of(why->reasons.begin(), why->reasons.end(),
                    [](auto& one) { return one.code == "consumer-credit"; }));
  CHECK(g.fetch(stream, group) == pairs{{2, 1}});
  REQUIRE(g.publish(stream).has_value());
  REQUIRE(
    g.settle(stream, group, settle_action::ack, {world::id(0)}).has_value());
  REQUIRE(held.answered());
  CHECK(numbers(held.get().value()) == pairs{{3, 1}});
}

TEST_CASE("a removed group leaves nothing behind: no history, no answers, no "
          "messages") {
  one_group g;
  REQUIRE(g.publish(stream, 3).has_value());
  g.lease(3);
  g.settle_all({item(settle_verb::ack, 0), item(settle_verb::retry, 1)}, {},
               "once");
  REQUIRE(g.command({{stream, group}, group_verb::pause, {}, {}, {}, "x"})
            .has_value());
  auto p = g.node->placement.home_of(stream);
  auto id = group_id{g.now_info().created_order};
  CHECK(g.node->db->history(p, id, lane::source, {}, {99}, 9)->size() == 2);
  REQUIRE(g.command({{stream, group}, group_verb::remove, {}, {}}).has_value());
  CHECK(g.node->db->history(p, id, lane::source, {}, {99}, 9)->empty());
  CHECK(g.node->db->answers(p, id)->empty());
  // That it was paused is still being told of.
  auto left = g.node->db->delayed(p, {}, {}, {UINT64_MAX}, 10).value();
  for (auto& one : left)
    CHECK(one.kind == delayed_kind::announce);
}

} // namespace callboard::test::group_settling_test
