// Schedules, changes of many delayed messages, and lists of what waits.
#include "actors/core/limits.hpp"
#include "actors/core/scheduled.hpp"
#include "actors/core/time_text.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>

namespace callboard::test::delayed_jobs_test {

using namespace std::chrono_literals;

namespace {

new_event event_of(std::uint64_t n) {
  return {world::id(n), "tick", "{}", "", true};
}

recurring_request every(std::uint64_t n, std::uint64_t ms) {
  recurring_request out{"ticks", {}, event_of(n)};
  out.rule.every_ms = ms;
  return out;
}

result<schedule_reply> repeat(world& w, recurring_request what) {
  auto to = w.partition_of(what.stream);
  return w.vt->ask<schedule_reply>(to, schedule_atom_v, std::move(what));
}

std::vector<event_ptr> read(world& w, const std::string& stream = "ticks") {
  read_request what{stream, event_number{0}, 1'000, direction::forward, false};
  auto page =
    w.vt->ask<event_page_ptr>(w.partition_of(stream), read_atom_v, what)
      .value();
  std::vector<event_ptr> out;
  for (auto& one : page->events)
    out.push_back(one.original);
  return out;
}

std::size_t rows(world& w, const std::string& stream = "ticks") {
  return w.node->db
    ->delayed(w.node->placement.home_of(stream), {}, {}, {UINT64_MAX}, 10'000)
    ->size();
}

/// Event `n` of stream `stream`, due in so many seconds.
void schedule(world& w, std::uint64_t n, std::uint64_t seconds,
              const std::string& stream = "orders") {
  auto reply = w.vt->ask<schedule_reply>(
    w.partition_of(stream), schedule_atom_v,
    schedule_request{stream,
                     {{event_of(n), {std::chrono::seconds{seconds}, {}}}}});
  REQUIRE(reply->error == errc::none);
}

schedule_reply begin(world& w, bulk_command what,
                     const std::string& stream = "orders") {
  return w.vt
    ->ask<schedule_reply>(w.partition_of(stream), delayed_atom_v,
                          std::move(what))
    .value();
}

bulk_progress progress(world& w, std::uint64_t job,
                       const std::string& stream = "orders") {
  delayed_ref which{w.node->placement.home_of(stream), world::id(job)};
  auto found =
    w.vt->ask<delayed_detail_ptr>(w.broker.broker, delayed_atom_v, which)
      .value();
  REQUIRE(found != nullptr);
  return found->job.value();
}

delayed_page_ptr list(world& w, delayed_query what) {
  return w.vt->ask<delayed_page_ptr>(w.broker.broker, delayed_atom_v, what)
    .value();
}

bulk_command job(std::uint64_t n, bulk_verb verb,
                 const std::string& stream = {}) {
  bulk_command out{.id = world::id(n), .verb = verb};
  out.filter.stream = stream;
  return out;
}

} // namespace

TEST_CASE("what recurs is published each time, until it is taken away") {
  world w;
  auto reply = repeat(w, every(1, 10'000));
  CHECK(reply->due == w.now() + 10'000);
  CHECK(repeat(w, every(1, 10'000))->repeated);
  w.vt->advance(35s);
  CHECK(read(w).size() == 3);
  CHECK(rows(w) == 1);
  auto gone = w.vt->ask<schedule_reply>(w.partition_of("ticks"), delayed_atom_v,
                                        delayed_command{world::id(1), {}, {}});
  CHECK(gone->error == errc::none);
  w.vt->advance(60s);
  auto events = read(w);
  CHECK(events.size() == 3);
  std::set<uuid> ids;
  for (auto& one : events)
    ids.insert(one->id);
  CHECK(ids.size() == 3);
  CHECK(rows(w) == 0);
}

TEST_CASE("a schedule with a count ends, and leaves nothing") {
  world w;
  auto what = every(1, 1'000);
  what.rule.count = 3;
  REQUIRE(repeat(w, what).has_value());
  w.vt->advance(10s);
  CHECK(read(w).size() == 3);
  CHECK(rows(w) == 0);
  CHECK(w.node->db->scheduled(w.node->placement.home_of("ticks"), world::id(1))
          ->has_value()
        == false);
}

TEST_CASE("a crash between two times of a schedule neither loses nor repeats") {
  world w;
  REQUIRE(repeat(w, every(1, 1'000)).has_value());
  for (int i = 0; i < 8; ++i) {
    w.vt->advance(1'300ms);
    if (i % 2 == 0)
      w.flush_store();
    w.crash();
  }
  w.vt->advance(1'600ms); // twelve seconds in all
  CHECK(read(w).size() == 12);
}

TEST_CASE("what recurs is caught up with as the schedule says") {
  auto events_after_a_stop = [](catch_up missed) {
    world w;
    auto what = every(1, 60'000);
    what.rule.missed = missed;
    REQUIRE(repeat(w, what).has_value());
    w.log->refuses_publishing = errc::storage_full;
    w.vt->advance(10min + 30s);
    w.log->refuses_publishing = errc::none;
    w.vt->advance(5s);
    return read(w).size();
  };
  CHECK(events_after_a_stop(catch_up::all) == 10);
  CHECK(events_after_a_stop(catch_up::once) == 1);
  CHECK(events_after_a_stop(catch_up::skip) == 1); // the one of just now
}

TEST_CASE("a cron line follows the clocks of its time zone") {
  world w;
  recurring_request what{"ticks", {}, event_of(1)};
  what.rule.cron = "30 6 * * *";
  what.rule.zone = "Europe/Berlin";
  auto reply = repeat(w, what); // the virtual clock begins in November 2023
  CHECK(reply->due == parse_time("2023-11-15T05:30:00Z"));
  what.event.id = world::id(2);
  what.rule.zone = "Europe/Nowhere";
  CHECK(repeat(w, what)->error == errc::not_found);
  what.rule.zone = {};
  what.rule.cron = "0 0 30 2 *";
  CHECK(repeat(w, what)->error == errc::invalid_argument);
  CHECK(rows(w) == 1);
  w.vt->advance(48h);
  CHECK(read(w).size() == 2);
}

TEST_CASE("the clocks of a real time zone are put forward and back once") {
  world w;
  w.wall_step_ms = std::int64_t(parse_time("2027-03-27T12:00:00Z")->value)
                   - std::int64_t(w.now().value);
  recurring_request what{"ticks", {}, event_of(1)};
  what.rule.cron = "30 2 * * *";
  what.rule.zone = "Europe/Berlin";
  CHECK(repeat(w, what)->due == parse_time("2027-03-28T01:00:00Z"));
  w.wall_step_ms = std::int64_t(parse_time("2027-10-30T12:00:00Z")->value)
                   - std::int64_t(w.now().value);
  what.event.id = world::id(2);
  CHECK(repeat(w, what)->due == parse_time("2027-10-31T00:30:00Z"));
}

TEST_CASE("a schedule ends with its stream") {
  world w;
  REQUIRE(repeat(w, every(1, 1'000)).has_value());
  w.vt->advance(2500ms);
  REQUIRE(
    w.vt
      ->ask<append_reply>(w.partition_of("ticks"), delete_atom_v,
                          delete_request{"ticks", expected_version::any, true})
      .has_value());
  w.vt->advance(5s);
  CHECK(rows(w) == 0);
  CHECK(w.node->counts.delayed_dropped == 1);
}

TEST_CASE("many are taken away in steps, what came later stays") {
  world w{0, 1};
  constexpr std::uint64_t many = 2 * limits::bulk_step_rows + 100;
  for (std::uint64_t n = 1; n <= many; ++n)
    schedule(w, n, 100 + n % 7);
  schedule(w, 60'000, 100, "others");
  REQUIRE(repeat(w, every(60'001, 3'600'000)).has_value());
  CHECK(!begin(w, job(70'000, bulk_verb::cancel, "orders")).repeated);
  CHECK(begin(w, job(70'000, bulk_verb::cancel, "orders")).repeated);
  w.vt->advance(1s);
  auto done = progress(w, 70'000);
  CHECK(done.done);
  CHECK(done.changed == many);
  schedule(w, 1, 100);
  CHECK(rows(w) == 4); // others, the schedule, the job, the one that came later
  w.vt->advance(200s);
  CHECK(read(w, "orders").size() == 1);
  CHECK(read(w, "others").size() == 1);
  w.vt->advance(limits::bulk_kept);
  CHECK(w.node->counts.delayed_pending[std::size_t(delayed_class::bulk)] == 0);
}

TEST_CASE("a job goes on after a crash, and does nothing twice") {
  world w{0, 1};
  constexpr std::uint64_t many = 3 * limits::bulk_step_rows;
  std::uint64_t last = 0;
  for (std::uint64_t n = 1; n <= many; ++n)
    schedule(w, n, last = 1'000 + n);
  auto what = job(70'000, bulk_verb::shift);
  what.shift_ms = 500'000;
  w.log->at_once = false;
  { // it must not outlive its system
    caf::scoped_actor self{w.vt->sys};
    self->send(w.partition_of("orders"), delayed_atom_v, what);
  }
  w.vt->run();
  w.log->flush();
  w.vt->run();
  w.vt->advance(1ms);
  w.log->flush(); // the first step
  w.vt->run();
  w.crash();
  w.vt->advance(2s);
  auto done = progress(w, 70'000);
  CHECK(done.done);
  CHECK(done.changed == many);
  CHECK(done.looked_at >= many);
  // All of them moved once.
  delayed_query first_one;
  first_one.count = 1;
  auto page = list(w, first_one);
  REQUIRE(page->items.size() == 1);
  auto first = page->items.front().due.value;
  CHECK(first >= w.now().value + 1'490'000);
  CHECK(first <= w.now().value + 1'510'000);
  w.vt->advance(std::chrono::seconds{last + 600});
  CHECK(rows(w, "orders") == 1); // the job
}

TEST_CASE("many are moved to one time, in the order of their scheduling") {
  world w{0, 1};
  for (std::uint64_t n = 1; n <= 50; ++n)
    schedule(w, n, 1'000 - n);
  auto what = job(70'000, bulk_verb::move, "orders");
  what.due.in = 10s;
  begin(w, what);
  w.vt->advance(11s);
  auto events = read(w, "orders");
  REQUIRE(events.size() == 50);
  for (std::uint64_t n = 1; n <= 50; ++n)
    CHECK(events[n - 1]->id == world::id(n));
}

TEST_CASE("a job is stopped like what it changes") {
  world w{0, 1};
  for (std::uint64_t n = 1; n <= limits::bulk_step_rows + 1; ++n)
    schedule(w, n, 1'000);
  w.log->refuses = errc::storage_full; // it waits
  w.log->refuses = errc::none;
  begin(w, job(70'000, bulk_verb::cancel, "orders"));
  auto stop = w.vt->ask<schedule_reply>(
    w.partition_of("orders"), delayed_atom_v,
    delayed_command{world::id(70'000), delayed_verb::stop, {}});
  CHECK(stop->error == errc::none);
  auto wrong = w.vt->ask<schedule_reply>(
    w.partition_of("orders"), delayed_atom_v,
    delayed_command{world::id(1), delayed_verb::stop, {}});
  CHECK(wrong->error == errc::not_found);
}

TEST_CASE("what waits is listed in order over all partitions, page by page") {
  world w;
  std::set<std::pair<std::string, std::uint64_t>> wanted;
  for (std::uint64_t n = 1; n <= 60; ++n) {
    auto stream = "s" + std::to_string(n % 9);
    schedule(w, n, 100 + n * 7 % 20, stream);
    wanted.emplace(stream, n);
  }
  std::vector<wall_time> due;
  std::set<uuid> seen;
  delayed_query query;
  query.count = 7;
  for (;;) {
    auto page = list(w, query);
    for (auto& one : page->items) {
      due.push_back(one.due);
      seen.insert(unpack_body(one.what.body)->id);
    }
    if (!page->more)
      break;
    query.after_due = page->due;
    query.after_partition = page->partition;
    query.after_id = page->id;
  }
  CHECK(due.size() == 60);
  CHECK(seen.size() == 60);
  CHECK(std::is_sorted(due.begin(), due.end()));
  delayed_query some;
  some.filter.stream = "s3";
  some.filter.from = w.now() + 105'000;
  some.filter.to = w.now() + 110'000;
  auto listed = list(w, some);
  for (auto& one : listed->items) {
    CHECK(one.what.stream == "s3");
    CHECK(one.due >= some.filter.from);
    CHECK(one.due < some.filter.to);
  }
  some.filter = {{delayed_kind::recurring}};
  CHECK(list(w, some)->items.empty());
}

TEST_CASE("one that waits is shown with its event, until it happens") {
  world w;
  schedule(w, 1, 10);
  delayed_ref which{w.node->placement.home_of("orders"), world::id(1)};
  auto found =
    w.vt->ask<delayed_detail_ptr>(w.broker.broker, delayed_atom_v, which)
      .value();
  REQUIRE(found != nullptr);
  CHECK(found->event == event_of(1));
  CHECK(found->item.due == w.now() + 10'000);
  w.vt->advance(11s);
  CHECK(w.vt->ask<delayed_detail_ptr>(w.broker.broker, delayed_atom_v, which)
          .value()
        == nullptr);
}

TEST_CASE("jobs that shift take turns: each moves everything once") {
  world w{0, 1};
  constexpr std::uint64_t many = 3 * limits::bulk_step_rows;
  for (std::uint64_t n = 1; n <= many; ++n)
    schedule(w, n, 1'000 + n);
  auto started = w.now();
  for (std::uint64_t id : {70'001, 70'002, 70'003}) {
    auto what = job(id, bulk_verb::shift);
    what.shift_ms = 500'000;
    begin(w, what);
  }
  w.vt->advance(1ms);
  w.crash(); // which job is the first one is known again
  w.vt->advance(10s);
  for (std::uint64_t id : {70'001, 70'002, 70'003}) {
    CHECK(progress(w, id).done);
    CHECK(progress(w, id).changed == many);
  }
  delayed_query all;
  all.count = many;
  all.filter.kinds = {delayed_kind::publish};
  auto page = list(w, all);
  REQUIRE(page->items.size() == many);
  CHECK(page->items.front().due >= started + 2'501'000);
  CHECK(page->items.back().due <= started + 2'511'000 + many * 1'000);
}

TEST_CASE("a job that is stopped gives its turn to the next") {
  world w{0, 1};
  for (std::uint64_t n = 1; n <= 3 * limits::bulk_step_rows; ++n)
    schedule(w, n, 1'000);
  w.log->at_once = false;
  { // it must not outlive its system
    caf::scoped_actor self{w.vt->sys};
    auto to = w.partition_of("orders");
    self->send(to, delayed_atom_v, job(70'001, bulk_verb::shift));
    self->send(to, delayed_atom_v, job(70'002, bulk_verb::cancel));
    w.vt->run();
    w.log->flush();
    w.vt->advance(1ms); // the first one's first step; the second one waits
    self->send(to, delayed_atom_v,
               delayed_command{world::id(70'001), delayed_verb::stop, {}});
    w.vt->run();
  }
  w.log->at_once = true;
  w.log->flush();
  w.vt->advance(2s);
  CHECK(progress(w, 70'002).done);
  CHECK(rows(w, "orders") == 1); // the job
}

} // namespace callboard::test::delayed_jobs_test
