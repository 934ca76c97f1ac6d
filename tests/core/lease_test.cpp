// Leases in detail: holders, tokens, extensions, what is given back; bounds.
#include "tests/support/one_subscription.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

settle_item item(settle_verb verb, std::uint8_t id_of) {
  settle_item out;
  out.verb = verb;
  out.id = event_id(id_of);
  return out;
}

settle_item of_lease(settle_verb verb, lease_token token) {
  settle_item out;
  out.verb = verb;
  out.lease = token;
  return out;
}

std::size_t moved(one_subscription& g, std::optional<lease_id> ticket,
                  wall_time due) {
  auto which = ticket ? std::vector{*ticket} : g.core->waiting_retries(g.now);
  auto todo = g.core->move(which, due, g.now);
  auto events = todo.applied;
  g.record(std::move(todo));
  return events;
}

using outcomes = std::vector<settle_outcome>;
constexpr auto applied = settle_outcome::applied;
constexpr auto stale = settle_outcome::stale;
constexpr auto unknown = settle_outcome::unknown;

} // namespace

TEST_CASE("a lease note is read back as it was written") {
  for (lease_note note : {lease_note{{"worker 1", "127.0.0.1"}, {17}, 3, false},
                          lease_note{{"", ""}, {}, 0, true},
                          lease_note{{"12 34", "5 6"}, {1}, 0, false}})
    CHECK(parse_lease_note(to_body(note)) == note);
  for (auto text : {"", "1", "1 2", "1 2 0 9 short", "x 0 0 0 "})
    CHECK(!parse_lease_note(text));
}

TEST_CASE("text that is too long is cut between characters") {
  CHECK(clipped("abc", 3) == "abc");
  CHECK(clipped("abcd", 3) == "abc");
  CHECK(clipped("ab\xc3\xa4", 3) == "ab");
  CHECK(clipped("ab\xc3\xa4", 4) == "ab\xc3\xa4");
}

TEST_CASE("who holds a lease, since when, and how often it was extended "
          "survives a restart") {
  one_subscription g{3};
  auto token = g.lease(3, {"alice", "10.0.0.1"});
  g.now = g.now + 2'000;
  g.settle({of_lease(settle_verb::extend, token)});
  g.restart();
  auto held = g.core->leases({}, 10);
  REQUIRE(held.size() == 1);
  CHECK(held[0].token == token);
  CHECK(held[0].ids.size() == 3);
  CHECK(held[0].holder == lease_holder{"alice", "10.0.0.1"});
  CHECK(held[0].since == one_subscription::start);
  CHECK(held[0].until == one_subscription::start + 12'000);
  CHECK(held[0].extensions == 1);
  CHECK(g.messages() == 1);
}

TEST_CASE("the list of leases is read in pages") {
  one_subscription g{6};
  g.lease(2);
  g.lease(3);
  g.ack(3); // in the middle of the second
  auto first = g.core->leases({}, 2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].first == event_number{0});
  CHECK(first[1].first == event_number{2});
  auto next = g.core->leases(std::pair{first[1].in, first[1].first}, 2);
  REQUIRE(next.size() == 1);
  CHECK(next[0].first == event_number{4});
}

TEST_CASE("items of a batch are settled in order, each with its outcome") {
  one_subscription g{4};
  g.lease(4);
  CHECK(g.settle({item(settle_verb::ack, 0), item(settle_verb::ack, 0),
                  item(settle_verb::skip, 1), item(settle_verb::retry, 2),
                  item(settle_verb::park, 3), item(settle_verb::ack, 9)})
        == outcomes{applied, unknown, applied, applied, applied, unknown});
  CHECK(g.core->row().settled == 2);
  CHECK(g.core->parked() == 1);
  CHECK(g.core->ready() == 1);
  CHECK(g.core->in_flight() == 0);
}

TEST_CASE("a token settles what its lease still holds, and nothing else") {
  one_subscription g{4};
  auto first = g.lease(2);
  auto second = g.lease(2);
  auto named = item(settle_verb::ack, 2);
  named.lease = first;
  CHECK(g.settle({named}) == outcomes{stale}); // it is in the second
  named.lease = lease_token{{99}, second.lease};
  CHECK(g.settle({named}) == outcomes{stale}); // of another group
  CHECK(g.core->in_flight() == 4);
  named.lease = second;
  CHECK(g.settle({named, of_lease(settle_verb::ack, first),
                  of_lease(settle_verb::ack, first)})
        == outcomes{applied, applied, stale});
  CHECK(g.core->in_flight() == 1);
}

TEST_CASE("a token is stale once its lease ended, whoever has the event now") {
  one_subscription g{1};
  auto old = g.lease(1);
  g.now = g.now + 10'000;
  g.fire_due();
  auto fresh = g.lease(1);
  auto late = item(settle_verb::ack, 0);
  late.lease = old;
  CHECK(g.settle({late}) == outcomes{stale});
  CHECK(g.core->in_flight() == 1);
  late.lease = fresh;
  CHECK(g.settle({late}) == outcomes{applied});
}

TEST_CASE("an extended lease ends at its new time, and not at the old one") {
  one_subscription g{2};
  g.lease(2);
  g.now = g.now + 9'000;
  auto extend = item(settle_verb::extend, 0);
  extend.by = 5s;
  CHECK(g.settle({extend}) == outcomes{applied});
  g.now = g.now + 4'999;
  g.fire_due();
  CHECK(g.core->in_flight() == 2); // the lease is one: both are extended
  // The message with the old time may be on its way: no effect.
  g.core->fire({delayed_of({1}, {1}), one_subscription::start + 10'000,
                delayed_kind::lease_end, "stream", "group", 1},
               g.now, 0);
  CHECK(g.core->in_flight() == 2);
  g.now = g.now + 1;
  g.fire_due();
  CHECK(g.core->in_flight() == 0);
  CHECK(g.core->ready() == 2);
}

TEST_CASE("all retries can be moved, or those of one message") {
  one_subscription g{3};
  g.lease(3);
  auto later = item(settle_verb::retry, 0);
  later.by = 60s;
  auto much_later = item(settle_verb::retry, 1);
  much_later.by = 600s;
  g.settle({later, much_later, item(settle_verb::retry, 2)});
  CHECK(g.core->waiting() == 2);
  CHECK(g.core->ready() == 1); // its time has come: it is not moved
  auto soon = g.now + 5'000;
  CHECK(moved(g, {}, soon) == 2);
  g.restart();
  CHECK(g.core->next_due(delayed_kind::retry_due) == soon);
  g.now = soon;
  g.fire_due();
  CHECK(g.core->ready() == 3);
  CHECK(g.messages() == 0);
}

TEST_CASE("the end of a lease can be moved, also to now") {
  one_subscription g{2};
  auto token = g.lease(2);
  CHECK(moved(g, token.lease, g.now) == 2);
  CHECK(g.messages() == 1);
  g.fire_due();
  CHECK(g.core->in_flight() == 0);
  CHECK(g.core->ready() == 2);
  CHECK(moved(g, token.lease, g.now) == 0);
}

TEST_CASE("what is extended and acked at once leaves no message behind") {
  one_subscription g{1};
  auto token = g.lease(1);
  auto extend = of_lease(settle_verb::extend, token);
  extend.by = 5s;
  auto twice = extend;
  twice.by = 10s; // the time that it has already
  g.settle({extend, twice, of_lease(settle_verb::ack, token)});
  CHECK(g.messages() == 0);
}

TEST_CASE("an event that is given back was not delivered") {
  one_subscription g{2};
  g.lease(2);
  g.settle({item(settle_verb::retry, 1)});
  g.lease(1);
  CHECK(g.settle({item(settle_verb::release, 0), item(settle_verb::release, 1)})
        == outcomes{applied, applied});
  g.restart();
  CHECK(g.core->ready() == 2);
  auto again = g.deliver(2);
  REQUIRE(again.size() == 2);
  CHECK(again[0].attempt == 2);
  CHECK(again[0].at.number == event_number{1}); // retries come first
  CHECK(again[1].attempt == 1);
}

TEST_CASE("no more is leased than the group's bound, and its consumers' own") {
  group_settings settings;
  settings.max_in_flight = 5;
  settings.max_in_flight_per_consumer = 3;
  one_subscription g{10, settings};
  CHECK(g.core->allowance({"alice", ""}, 0) == 3);
  CHECK(g.core->allowance({"alice", ""}, 2) == 2);
  CHECK(g.core->allowance({"", "10.0.0.1"}, 2) == UINT64_MAX);
  g.lease(3, {"alice", ""});
  CHECK(g.core->allowance({"alice", ""}, 0) == 0);
  CHECK(g.core->allowance({"bob", ""}, 0) == 3);
  g.restart();
  CHECK(g.core->allowance({"alice", ""}, 0) == 0);
  CHECK(g.deliver(10).size() == 2);
  CHECK(g.core->blocked());
  g.ack(0);
  CHECK(g.core->allowance({"alice", ""}, 0) == 1);
  CHECK(g.deliver(10).size() == 1);
}

TEST_CASE("a consumer may have one more for each event that it has no more") {
  group_settings settings;
  settings.max_in_flight_per_consumer = 6;
  one_subscription g{10, settings};
  auto room = [&] { return g.core->allowance({"alice", ""}, 0); };
  g.lease(3, {"alice", ""});
  g.lease(3, {"alice", ""});
  CHECK(room() == 0);
  g.ack(0);
  CHECK(room() == 1);
  g.settle({item(settle_verb::retry, 1), item(settle_verb::park, 3)});
  CHECK(room() == 3);
  g.settle({item(settle_verb::release, 4)});
  CHECK(room() == 4);
  g.record(g.core->drop(std::vector{position{lane::source, {2}}}));
  CHECK(room() == 5);
  g.restart();
  CHECK(room() == 5);
  g.now = g.now + 10'000;
  g.fire_due();
  CHECK(room() == 6);
}

TEST_CASE("a lazy lease leaves early only if its number is never used again") {
  group_settings settings;
  settings.durability = lease_durability::lazy;
  one_subscription g{2'000, settings};
  auto first = g.lease(1);
  CHECK(!g.core->leaves_early(first.lease));
  g.core->stored(g.row.next_lease);
  lease_id last;
  std::uint64_t lost = 0;
  for (bool early = true; early; ++lost) { // none of them is recorded
    leasable next{{lane::source, {1 + lost}}, event_id(1 + lost), {}, {}};
    auto ticket = g.core->lease({&next, 1}, g.now).leased.at(0).lease;
    early = g.core->leaves_early(ticket);
    last = early ? ticket : last;
  }
  CHECK(lost > 900);
  g.restart();
  auto fresh = g.lease(1).lease;
  CHECK(last < fresh);
  CHECK(!g.core->leaves_early(fresh));
}

TEST_CASE("numbers of strict leases go on where they were") {
  one_subscription g{2};
  auto first = g.lease(1).lease;
  CHECK(!g.core->leaves_early(first));
  g.restart();
  CHECK(g.lease(1).lease == lease_id{first.value + 1});
}

TEST_CASE("an event is not parked for its count before its time") {
  group_settings settings;
  settings.max_retry_count = 1;
  settings.min_retry_span_ms = 60'000;
  one_subscription g{1, settings};
  for (std::uint32_t attempt = 1; attempt <= 6; ++attempt) {
    auto got = g.deliver(1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].attempt == attempt);
    g.restart(); // when it was leased first is durable
    g.now = g.now + 10'000;
    g.fire_due();
  }
  CHECK(g.deliver(1).empty());
  CHECK(g.core->parked() == 1);
}

TEST_CASE("an event that is to be given up is parked instead of tried again") {
  one_subscription g{2};
  g.give_up_at = g.now + 15'000;
  g.lease(1);
  g.settle({item(settle_verb::retry, 0)});
  g.lease(1);
  g.now = g.now + 15'000;
  g.fire_due(); // its lease ended before
  REQUIRE(g.core->parked() == 1);
  CHECK(g.reasons.back() == "Give-Up-At has passed");
  CHECK(g.deliver(1).empty()); // the other one's time is over too
  CHECK(g.core->parked() == 2);
}
