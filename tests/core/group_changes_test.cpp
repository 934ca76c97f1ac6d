// What changes under a group: what its stream loses, where it begins, and the
// limits of its settings.
#include "tests/support/one_subscription.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

constexpr auto source = lane::source;

group_settings from(std::int64_t start) {
  group_settings out;
  out.start_from = start;
  return out;
}

group_settings attempts(std::int32_t retries) {
  group_settings out;
  out.max_retry_count = retries;
  return out;
}

event_standing standing(const one_subscription& g, std::uint64_t n) {
  return g.core->at({source, {n}}).standing;
}

} // namespace

TEST_CASE("what a stream loses stays with who holds it or retries it") {
  one_subscription g{10};
  g.lease(4);
  g.ack(1);
  g.retry(2, 5'000);
  CHECK(g.cut(6));
  g.restart();
  CHECK(g.core->in_flight() == 2);
  CHECK(g.core->retrying() == 1);
  CHECK(g.core->untouched(source) == 4);
  CHECK(g.row.settled == 3);
  CHECK(g.row.source_checkpoint == event_number{0});
  g.park(0);
  CHECK(g.row.parked == 1);
  CHECK(g.rows_of(source, 0).at(0).outcome == lease_outcome::parked);
  CHECK(g.row.source_checkpoint == event_number{2});
  g.now = g.now + 5'000;
  g.fire_due();
  REQUIRE(g.deliver(1).at(0).attempt == 2);
  g.ack(2);
  CHECK(g.row.source_checkpoint == event_number{3});
  g.now = g.now + 5'000;
  g.fire_due(); // the lease of 3 ends
  CHECK(g.core->ready() == 5);
  g.record(g.core->drop(std::vector{position{source, {3}}}));
  CHECK(g.row.source_checkpoint == event_number{6});
  CHECK(g.messages() == 0);
}

TEST_CASE("a cut of what is settled, leased or retried already costs nothing") {
  one_subscription g{10};
  g.lease(2);
  g.retry(1, 5'000);
  CHECK(!g.core->loses_below({2}));
  CHECK(!g.cut(2));
  CHECK(g.core->loses_below({5}));
  CHECK(g.cut(5));
  CHECK(!g.cut(5));
  g.restart();
  CHECK(!g.core->loses_below({5}));
  CHECK(!g.cut(5));
  CHECK(g.core->loses_below({6}));
}

TEST_CASE("what is given back and was lost meanwhile is cut by the next one") {
  one_subscription g{10};
  auto token = g.lease(1);
  g.cut(3);
  g.record(g.core->release(token.lease, g.now));
  CHECK(g.cut(3));
  CHECK(g.row.source_checkpoint == event_number{3});
  CHECK(g.row.settled == 3);
}

TEST_CASE("a group begins with the first event that can be read") {
  auto begins = [](std::int64_t start) {
    auto row = subscription::first_row({1}, from(start), {10}, {0}, {6});
    CHECK(row.began_at == row.source_checkpoint);
    CHECK(row.settled == 0);
    return row.began_at.value;
  };
  CHECK(begins(0) == 6);
  CHECK(begins(8) == 8);
  CHECK(begins(-1) == 10);
}

TEST_CASE("where a group that was used began does not change") {
  one_subscription g{10, from(2)};
  g.lease(1);
  g.update(from(5)); // nothing is settled, but it is on its way
  CHECK(g.row.source_checkpoint == event_number{2});
  g.ack(2);
  g.update(from(0));
  g.restart();
  CHECK(g.row.settings.start_from == 0);
  CHECK(g.row.began_at == event_number{2});
  CHECK(g.row.source_checkpoint == event_number{3});
  CHECK(standing(g, 1) == event_standing::before);
  CHECK(standing(g, 2) == event_standing::settled);
}

TEST_CASE("a group that was never used begins where an update says") {
  one_subscription g{10, from(100)};
  g.update(from(4));
  g.restart();
  CHECK(g.row.began_at == event_number{4});
  CHECK(g.core->ready() == 6);
  g.update(from(-1));
  CHECK(g.core->ready() == 0);
  g.update(from(0), {3});
  CHECK(g.row.source_checkpoint == event_number{3});
  g.update(from(0)); // as before: nothing to move
  CHECK(g.row.source_checkpoint == event_number{3});
  CHECK(g.deliver(1).at(0).at.number == event_number{3});
}

TEST_CASE("a group from the end knows where that was") {
  one_subscription g{10, from(-1)};
  CHECK(g.row.began_at == event_number{10});
  CHECK(standing(g, 9) == event_standing::before);
}

TEST_CASE("lower limits park what has used up its attempts, at once") {
  one_subscription g{4};
  g.lease(4);
  g.retry(0, 0); // will be leased again
  g.retry(1, 60'000);
  g.retry(2, 0);
  g.lease(2);
  g.retry(2, 60'000);
  g.update(attempts(1));
  CHECK(g.row.parked == 1);
  CHECK(g.reasons == std::vector<std::string>{"Reached retry count of 1"});
  auto rows = g.rows_of(source, 2);
  CHECK(rows.back().outcome == lease_outcome::retried);
  CHECK(rows.front().outcome == lease_outcome::parked); // of no lease
  CHECK(rows.front().attempt == 2);
  CHECK(g.core->retrying() == 1);
  g.update(attempts(0));
  CHECK(g.row.parked == 2);
  CHECK(g.core->retrying() == 0);
  CHECK(g.core->in_flight() == 2); // judged when their leases end
  CHECK(g.messages() == 2);
  g.restart();
  g.now = g.now + 10'000;
  g.fire_due();
  CHECK(g.row.parked == 4);
  CHECK(g.row.source_checkpoint == event_number{4});
  CHECK(g.messages() == 0);
}

TEST_CASE("lower limits park nothing before its minRetrySpan is over") {
  auto settings = attempts(3);
  settings.min_retry_span_ms = 60'000;
  one_subscription g{1, settings};
  g.lease(1);
  g.retry(0, 0);
  settings.max_retry_count = 0;
  g.update(settings);
  CHECK(g.core->retrying() == 1);
}

TEST_CASE("what is looked for to be parked goes on where it ended") {
  one_subscription g{6};
  g.lease(6);
  for (std::uint64_t n : {0, 1, 3, 4})
    g.retry(n, 0);
  g.record(g.core->update(attempts(0), {6}));
  using ranges = std::vector<position_range>;
  CHECK(g.core->used_up({}, 3, g.now)
        == ranges{{source, {{0}, 2}}, {source, {{3}, 1}}});
  CHECK(g.core->used_up({source, {4}}, 3, g.now) == ranges{{source, {{4}, 1}}});
  CHECK(g.core->used_up({lane::replay, {}}, 3, g.now).empty());
}
