// Single parked events: chosen for a replay, discarded, parked again.
#include "actors/core/explaining.hpp"
#include "actors/core/parked_job.hpp"
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

using numbers = std::vector<event_number>;

leasable parked_link(std::uint64_t number) {
  return {{lane::replay, {number}},
          id(std::uint8_t(100 + number)),
          std::to_string(number) + "@stream"};
}

/// All of these events are parked: 0 ... `events` - 1 of the parked stream.
struct parked_group {
  explicit parked_group(std::uint64_t events)
      : core({"stream", "group"}, subscription::first_row({1}, {}, {0}, {0}),
             {}, {events}, {0}) {
    std::vector<leasable> all;
    std::vector<uuid> ids;
    for (std::uint64_t n = 0; n < events; ++n) {
      ids.push_back(id(std::uint8_t(n)));
      all.push_back(
        {{lane::source, {n}}, ids.back(), std::to_string(n) + "@s"});
    }
    core.lease(all, start);
    parked = core.settle(settle_action::park, ids, "bad", {}, start, 0).parked;
  }

  /// The same, as rows tell it.
  subscription reloaded() const {
    std::vector<run_row> rows;
    for (auto& [first, row] : runs)
      rows.push_back(row);
    return {core.key(), core.row(), rows, core.end(), core.parked_end()};
  }

  group_effects keep(group_effects what) {
    for (auto& one : what.changes)
      if (auto* put = std::get_if<put_run>(&one))
        runs[{put->row.in, put->row.first}] = put->row;
      else if (auto* gone = std::get_if<erase_run>(&one))
        runs.erase({gone->in, gone->first});
    return what;
  }

  std::vector<std::uint64_t> next() const {
    std::vector<std::uint64_t> out;
    for (auto& [in, range] : core.peek(100))
      for (auto n = range.first; n < range.end(); n = n + 1)
        out.push_back(n.value);
    return out;
  }

  subscription core;
  std::vector<parked_event> parked;
  std::map<std::pair<lane, event_number>, run_row> runs;
};

} // namespace

TEST_CASE("what is parked names the event and its attempts") {
  parked_group g{2};
  REQUIRE(g.parked.size() == 2);
  CHECK(g.parked[1].id == id(1));
  CHECK(g.parked[1].attempts == 1);
  CHECK(g.parked[1].target == "1@s");
}

TEST_CASE("single parked events are replayed, the others stay parked") {
  parked_group g{6};
  REQUIRE(g.core.parked() == 6);
  CHECK(g.keep(g.core.replay_these(numbers{{1}, {3}})).applied == 2);
  CHECK(g.core.parked() == 4);
  CHECK(g.core.replaying() == 2);
  CHECK(g.next() == std::vector<std::uint64_t>{1, 3});
  CHECK(g.core.next_parked({0}) == number_range{{0}, 1});
  CHECK(g.core.next_parked({1}) == number_range{{2}, 1});
  CHECK(g.core.next_parked({3}) == number_range{{4}, 2});
  CHECK(!g.core.next_parked({6}));
  CHECK(g.core.replay_these(numbers{{1}, {3}}).applied == 0);

  auto again = g.reloaded();
  CHECK(again.parked() == 4);
  CHECK(again.ready() == 2);
  CHECK(again.oldest_parked({}) == event_number{0});
}

TEST_CASE("a discarded event is settled, and the parked stream is cut behind "
          "it once all before it are") {
  parked_group g{4};
  auto first = g.keep(g.core.discard(numbers{{1}, {2}}, "why", start));
  CHECK(first.applied == 2);
  CHECK(!first.cut_parked);
  CHECK(g.core.parked() == 2);
  CHECK(g.core.row().settled == 2);
  CHECK(g.core.ready() == 0);
  CHECK(g.core.discard(numbers{{1}}, "why", start).applied == 0);
  auto rest = g.keep(g.core.discard(numbers{{0}}, "why", start));
  CHECK(rest.cut_parked == event_number{3});
  CHECK(g.core.parked() == 1);
  CHECK(g.reloaded().parked() == 1);
  CHECK(g.keep(g.core.discard(numbers{{3}}, "why", start)).cut_parked
        == event_number{4});
  CHECK(g.core.parked() == 0);
  CHECK(g.runs.empty());
}

TEST_CASE("each of many that are discarded at once is told to be") {
  parked_group g{250};
  numbers all;
  for (std::uint64_t n = 0; n < 250; ++n)
    all.push_back({n});
  std::vector<history_row> rows;
  for (auto& change : g.core.discard(all, "why", start).changes)
    if (auto* put = std::get_if<put_history>(&change))
      rows.push_back(put->row);
  CHECK(rows.size() == 3);
  auto read = [&](lane in, event_number first, event_number end) {
    std::vector<history_row> out;
    for (auto& row : rows)
      if (row.in == in && first <= row.first && row.first < end)
        out.push_back(row);
    return result<std::vector<history_row>>{std::move(out)};
  };
  for (std::uint64_t n : {0, 99, 100, 249}) {
    explanation told;
    follow(g.core, {lane::replay, {n}}, read, told);
    CHECK(told.standing == event_standing::settled);
    REQUIRE(told.history.size() == 1);
    CHECK(told.history[0].outcome == lease_outcome::discarded);
  }
}

TEST_CASE("an event is parked under its own name if it stands for no other") {
  subscription core{{"stream", "group"},
                    subscription::first_row({1}, {}, {0}, {0}),
                    {},
                    {1},
                    {0}};
  auto given_up = core.lease(
    std::array{leasable{{lane::source, {0}}, id(1), {}, start}}, start);
  REQUIRE(given_up.parked.size() == 1);
  CHECK(given_up.parked[0].target == "0@stream");
  CHECK(given_up.parked[0].id == id(1));
}

TEST_CASE("a replayed event whose link is gone is settled, not parked again") {
  parked_group g{1};
  g.keep(g.core.replay({}));
  auto leased = g.keep(g.core.lease(std::array{parked_link(0)}, start)).leased;
  REQUIRE(leased.size() == 1);
  auto again = g.reloaded(); // what it leased cannot be identified
  settle_item park;
  park.verb = settle_verb::park;
  park.lease = lease_token{{1}, leased[0].lease};
  std::vector<settle_outcome> outcomes;
  auto done = again.settle(std::array{park}, start, 0, outcomes);
  CHECK(outcomes == std::vector{settle_outcome::applied});
  CHECK(done.parked.empty());
  CHECK(again.row().settled == 1);
  CHECK(again.in_flight() == 0);
  CHECK(again.parked() == 0);
}

TEST_CASE("an event that is parked again is one entry: its old link is "
          "settled") {
  parked_group g{2};
  g.core.replay_these(numbers{{0}});
  g.core.take_parked_again();
  g.core.lease(std::array{parked_link(0)}, start);
  auto again = g.core.settle(settle_action::park, std::array{id(100)},
                             "still bad", {}, start, 0);
  REQUIRE(again.parked.size() == 1);
  CHECK(again.parked.front().target == "0@stream");
  CHECK(again.cut_parked == event_number{1});
  CHECK(g.core.parked() == 2);
  CHECK(g.core.next_parked({0}) == number_range{{1}, 2});
  CHECK(g.core.take_parked_again() == 1);
  CHECK(g.core.take_parked_again() == 0);
}

TEST_CASE("a replay of all takes what was left out before") {
  parked_group g{5};
  g.core.replay_these(numbers{{2}});
  g.core.replay(event_number{2});
  CHECK(g.next() == std::vector<std::uint64_t>{0, 1, 2});
  CHECK(g.core.parked() == 2);
  g.core.replay({});
  CHECK(g.next() == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(g.core.parked() == 0);
  CHECK(g.core.replay({}).nothing());
}

TEST_CASE(
  "what a replay has not delivered is parked again when it is stopped") {
  parked_group g{5};
  g.core.replay({});
  g.core.lease(std::array{parked_link(0)}, start);
  auto stopped = g.core.stop_replay();
  CHECK(stopped.applied == 4);
  CHECK(g.core.parked() == 4);
  CHECK(g.core.replaying() == 1);
  CHECK(g.next().empty());
  CHECK(g.core.stop_replay().applied == 0);
}

TEST_CASE("somebody truncates the parked stream: what is kept goes with it") {
  parked_group g{4};
  g.core.replay_these(numbers{{3}});
  CHECK(g.core.parked({2}) == 1);
  CHECK(g.core.oldest_parked({2}) == event_number{2});
  auto settled = g.core.row().settled;
  g.core.cut(lane::replay, {2});
  CHECK(g.core.parked() == 1);
  CHECK(g.core.row().settled == settled + 2);
}

TEST_CASE("the message of a replay is put in the place of the one before") {
  parked_group g{1};
  auto rows = [](const group_effects& what) {
    std::pair<int, int> out;
    for (auto& one : what.changes) {
      out.first += std::holds_alternative<put_delayed>(one) ? 1 : 0;
      out.second += std::holds_alternative<erase_delayed>(one) ? 1 : 0;
    }
    return out;
  };
  CHECK(rows(g.core.plan_parked_job(start, "a")) == std::pair{1, 0});
  CHECK(rows(g.core.plan_parked_job(start, "b")) == std::pair{1, 1});
  CHECK(g.core.row().parked_job_due == start + 1); // never the same row
  CHECK(rows(g.core.remove().back()).second == 1);
  CHECK(rows(g.core.plan_parked_job({})) == std::pair{0, 1});
  CHECK(rows(g.core.plan_parked_job({})) == std::pair{0, 0});
}

TEST_CASE("a filter of parked events: all that is given must hold") {
  event link;
  link.id = id(1);
  link.created = {500};
  event what;
  what.id = id(2);
  what.type = "order";
  std::string reason = "Reached retry count of 10";
  auto fits = [&](const parked_filter& filter) {
    return matches(filter, link, &what, reason);
  };
  CHECK(fits({}));
  CHECK(fits({.ids = {id(9), id(2)}}));
  CHECK(fits({.ids = {id(1)}}));
  CHECK(!fits({.ids = {id(9)}}));
  CHECK(fits({.reason = "retry count", .type = "order"}));
  CHECK(!fits({.reason = "retry count", .type = "other"}));
  CHECK(fits({.from = {500}, .to = {501}}));
  CHECK(!fits({.to = {500}}));
  CHECK(!matches({.type = "order"}, link, nullptr, reason));
}

TEST_CASE("portions of a replay: its rate, its watch, and when it ends") {
  parked_job job;
  job.end = {1000};
  CHECK(portion_of(job, 0) == 1000);
  CHECK(interval_ms(job) == 0);
  job.per_second = 10.5;
  CHECK(portion_of(job, 0) == 10);
  CHECK(interval_ms(job) == 952);
  job.per_second = 0.5;
  CHECK(portion_of(job, 0) == 1);
  CHECK(interval_ms(job) == 2000);

  job.stop_percent = 20;
  job.per_second = 500;
  CHECK(portion_of(job, 0) == 100);
  CHECK(portion_of(job, 90) == 10);
  CHECK(portion_of(job, 100) == 0);
  job.chosen = 20;
  job.failed = 2;
  CHECK(!fails_too_often(job, 15)); // two of five: too few to tell
  CHECK(!fails_too_often(job, 10)); // two of ten: as many as are allowed
  job.failed = 3;
  CHECK(fails_too_often(job, 10));
  job.next = job.end;
  CHECK(!is_over(job, 3)); // there is something to watch
  CHECK(is_over(job, 0));
}

TEST_CASE("a command about parked events that cannot be kept is refused") {
  parked_command what;
  CHECK(refusal_of(what) == errc::none);
  what.per_second = -1;
  CHECK(refusal_of(what) == errc::invalid_argument);
  what.per_second = 0;
  what.stop_percent = 101;
  CHECK(refusal_of(what) == errc::invalid_argument);
  what.stop_percent = 0;
  what.filter.ids.resize(101);
  CHECK(refusal_of(what) == errc::too_large);
}
