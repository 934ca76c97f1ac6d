// How leases end is written down, and forgotten; what is told of standing
// still, and what was answered before.
#include "actors/core/answer_book.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/stall_reasons.hpp"
#include "tests/support/one_subscription.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> codes(const one_subscription& g,
                               group_work shell = {}) {
  shell.now = g.now;
  std::vector<std::string> out;
  for (auto& one : stall_reasons(*g.core, shell)) {
    CHECK(!one.text.empty());
    out.push_back(one.code);
  }
  return out;
}

using texts = std::vector<std::string>;

settle_batch batch_of(settle_verb verb, std::uint64_t n) {
  settle_batch out;
  out.items.emplace_back();
  out.items[0].verb = verb;
  out.items[0].id = event_id(n);
  return out;
}

} // namespace

TEST_CASE("a batch that is acked together is one row of history") {
  one_subscription g{20};
  g.lease(20, {"alice", "10.0.0.1"});
  g.now = g.now + 500;
  std::vector<uuid> ids;
  for (std::uint64_t n = 0; n < 20; ++n)
    ids.push_back(event_id(n));
  auto todo = g.core->settle(settle_action::ack, ids, {}, {}, g.now, 0);
  g.record(std::move(todo));
  REQUIRE(g.history.size() == 1);
  auto& row = g.history.begin()->second;
  CHECK(row.count == 20);
  CHECK(row.outcome == lease_outcome::acked);
  CHECK(row.since == one_subscription::start);
  CHECK(row.until == one_subscription::start + 10'000);
  CHECK(row.ended == g.now);
  CHECK(row.holder.name == "alice");
}

TEST_CASE("history says how each lease of an event ended, where it was parked "
          "and what came of that") {
  group_settings settings;
  settings.max_retry_count = 2;
  one_subscription g{1, settings};
  g.lease(1);
  g.retry(0, 1'000, "cannot reach the shop");
  g.now = g.now + 1'000;
  g.fire_due();
  g.lease(1);
  g.now = g.now + 10'000;
  g.fire_due(); // expired
  g.restart();
  g.lease(1);
  g.retry(0, {}, "again"); // parked
  g.record(g.core->replay({}));
  g.lease(1);
  g.ack(1000);
  auto rows = g.rows_of(lane::source, 0);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].outcome == lease_outcome::retried);
  CHECK(rows[0].words == "cannot reach the shop");
  CHECK(rows[0].delay_ms == 1'000);
  CHECK(rows[1].outcome == lease_outcome::expired);
  CHECK(rows[1].attempt == 2);
  CHECK(rows[2].outcome == lease_outcome::parked);
  CHECK(rows[2].words == "Reached retry count of 2 (again)");
  CHECK(rows[2].parked_as == event_number{0});
  auto replayed = g.rows_of(lane::replay, 0);
  REQUIRE(replayed.size() == 1);
  CHECK(replayed[0].outcome == lease_outcome::acked);
}

TEST_CASE("history beyond its bound is forgotten, the oldest first") {
  one_subscription g{limits::history_rows_max + 50};
  for (std::uint64_t n = 0; n < limits::history_rows_max + 50; ++n) {
    g.lease(1);
    g.ack(n);
  }
  CHECK(g.history.size() == limits::history_rows_max);
  CHECK(g.rows_of(lane::source, 49).empty());
  CHECK(g.rows_of(lane::source, 50).size() == 1);
  g.restart();
  auto steps = g.core->remove();
  for (auto& one : steps) {
    CHECK(one.changes.size() <= limits::forgotten_rows_max);
    g.record(std::move(one));
  }
  CHECK(g.history.empty());
}

TEST_CASE("history is forgotten a day after its event was settled") {
  const auto day = std::uint64_t(limits::history_kept.count());
  one_subscription g{100};
  g.lease(1);
  g.retry(0, 2 * day); // still open in a day
  g.lease(1);
  g.ack(1);
  g.now = g.now + day + 60'000;
  g.lease(1);
  g.ack(2);
  CHECK(g.rows_of(lane::source, 1).empty());
  CHECK(g.rows_of(lane::source, 0).size() == 1);
  g.now = g.now + day;
  g.fire_due();
  g.lease(1);
  g.ack(0);
  CHECK(g.rows_of(lane::source, 0).size() == 2); // settled just now
  for (int i = 0; i < 3; ++i) {
    g.now = g.now + day + 60'000;
    g.lease(1);
    g.ack(std::uint64_t(3 + i));
  }
  CHECK(g.rows_of(lane::source, 0).empty());
}

TEST_CASE("rows of history are remembered as they are, to the minute") {
  kept_history kept;
  kept_row one{{lane::source, {123'456'789'012}},
               {987'654'321},
               100,
               {1'700'000'000'000},
               false};
  kept_row two{{lane::replay, {7}}, {1}, 1, {1'700'086'400'001}, true};
  kept.push(one);
  kept.push(two);
  REQUIRE(kept.size() == 2);
  CHECK(kept.due() == one.due);
  auto first = kept.pop();
  CHECK(first.first == one.first);
  CHECK(first.lease == one.lease);
  CHECK(first.count == 100);
  CHECK(!first.was_open);
  auto second = kept.pop();
  CHECK(second.first == two.first);
  CHECK(second.lease == two.lease);
  CHECK(second.was_open);
  CHECK(second.due >= two.due);
  CHECK(second.due.value < two.due.value + 60'000);
}

TEST_CASE("every kind of standing still has its own code") {
  one_subscription none{0};
  CHECK(codes(none) == texts{"nothing-published"});

  one_subscription g{3};
  CHECK(codes(g).empty());
  CHECK(delivers(*g.core, {}));
  g.lease(1, {"alice", ""});
  g.ack(0);
  g.lease(2, {"alice", ""});
  CHECK(codes(g) == texts{"all-leased"});
  CHECK(!delivers(*g.core, {}));
  g.retry(1, 5'000);
  CHECK(codes(g) == texts{"all-leased", "waiting-for-retries"});
  g.retry(2, 5'000);
  CHECK(codes(g) == texts{"waiting-for-retries"});
  g.now = g.now + 5'000;
  g.fire_due();
  CHECK(codes(g).empty());
  g.record(g.core->pause(g.now + 1'000, "upgrade"));
  CHECK(codes(g) == texts{"paused"});
  g.record(g.core->trip(1'000, "down", g.now));
  CHECK(codes(g) == texts{"paused", "breaker-open"});
  g.now = g.now + 1'000;
  g.fire_due();
  CHECK(codes(g) == texts{"breaker-half-open"});
  CHECK(delivers(*g.core, {}));
  g.lease(1);
  CHECK(codes(g) == texts{"breaker-half-open"});
  CHECK(!delivers(*g.core, {}));
  g.ack(1);
  g.lease(1);
  g.ack(2);
  CHECK(codes(g) == texts{"nothing-new"});
}

TEST_CASE("bounds and the shell's own work have codes too") {
  group_settings settings;
  settings.max_in_flight = 2;
  settings.max_in_flight_per_consumer = 1;
  one_subscription g{5, settings};
  g.lease(1, {"alice", ""});
  CHECK(codes(g) == texts{"max-in-flight-per-consumer"});
  CHECK(delivers(*g.core, {}));
  g.lease(1, {"bob", ""});
  CHECK(codes(g) == texts{"max-in-flight", "max-in-flight-per-consumer"});
  group_work shell;
  shell.refusal = errc::storage_full;
  shell.loading = shell.reading = true;
  shell.recording = 3;
  one_subscription idle{1};
  CHECK(codes(idle, shell)
        == texts{"storage-refuses", "loading", "reading", "recording"});
  CHECK(!delivers(*idle.core, shell));
  idle.lease(1);
  idle.record(idle.core->settle(settle_action::park, std::vector{event_id(0)},
                                "bad", {}, idle.now, 0));
  CHECK(codes(idle) == texts{"parked-only"});
}

TEST_CASE("the same batch has the same hash, another one has another") {
  auto one = batch_of(settle_verb::ack, 1);
  CHECK(hash_of(one) == hash_of(batch_of(settle_verb::ack, 1)));
  CHECK(hash_of(one) != hash_of(batch_of(settle_verb::skip, 1)));
  CHECK(hash_of(one) != hash_of(batch_of(settle_verb::ack, 2)));
  auto waits = one;
  waits.next.emplace();
  waits.next->wait = 5s;
  CHECK(hash_of(one) == hash_of(waits));
  auto trips = one;
  trips.trip.emplace();
  CHECK(hash_of(one) != hash_of(trips));
}

TEST_CASE("answers are kept in a bounded number, for a bounded time") {
  answer_book book{{1}, {}};
  std::vector<change> changes;
  wall_time at{1'000};
  for (std::size_t i = 0; i <= limits::answers_max; ++i)
    book.put("key" + std::to_string(i), {at + i, {}, {}, 7}, changes);
  CHECK(book.find("key0", at) == nullptr);
  REQUIRE(book.find("key1", at) != nullptr);
  CHECK(book.find("key1", at)->items == 7);
  CHECK(changes.size() == limits::answers_max + 2);
  auto late = at + std::uint64_t(limits::answers_kept.count()) + 2'000;
  CHECK(book.find("key5", late) == nullptr);
  changes.clear();
  book.put("new", {late, {}, {}, 0}, changes);
  CHECK(changes.size() == limits::answers_max + 1); // all old ones go
  CHECK(book.remove().size() == 1);
}
