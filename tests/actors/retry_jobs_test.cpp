// Jobs that move retries: what the filter names, once, whatever crashes.
#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>

namespace callboard::test::retry_jobs_test {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t job_id = 70'000;

/// Events of a group that wait for retries, each for one of its own: the first
/// for `from` seconds, and each other a second longer.
void wait_for_retries(world& w, const std::string& stream,
                      const std::string& group, std::uint64_t count,
                      std::uint64_t from) {
  REQUIRE(w.create(stream, group).has_value());
  for (std::uint64_t n = 0; n < count; ++n) {
    auto batch = w.try_fetch(stream, group).value().value();
    REQUIRE(batch->events.size() == 1);
    auto id = batch->events.front().what.original->id;
    w.settle(stream, group, settle_action::retry, {id},
             std::chrono::seconds{from + n})
      .value();
  }
}

/// When each retry of a group is due, by the id of its message.
std::map<delayed_id, wall_time> retries(world& w, const std::string& stream,
                                        const std::string& group) {
  std::map<delayed_id, wall_time> out;
  auto rows = w.node->db->delayed(w.node->placement.home_of(stream), {}, {},
                                  {UINT64_MAX}, 10'000);
  for (auto& row : *rows)
    if (row.kind == delayed_kind::retry_due && row.stream == stream
        && row.group == group)
      CHECK(out.emplace(row.id, row.due).second); // none has two
  return out;
}

bulk_command job(bulk_verb verb, std::string stream = {},
                 std::string group = {}) {
  bulk_command out{.id = world::id(job_id), .verb = verb};
  out.filter.kinds = {delayed_kind::retry_due};
  out.filter.stream = std::move(stream);
  out.filter.group = std::move(group);
  return out;
}

schedule_reply begin(world& w, const bulk_command& what) {
  return w.vt
    ->ask<schedule_reply>(w.partition_of("orders"), delayed_atom_v, what)
    .value();
}

bulk_progress progress(world& w) {
  delayed_ref which{w.node->placement.home_of("orders"), world::id(job_id)};
  auto found =
    w.vt->ask<delayed_detail_ptr>(w.broker.broker, delayed_atom_v, which)
      .value();
  REQUIRE(found != nullptr);
  return found->job.value();
}

/// Begins a job and has it work until so many groups of its first step have
/// recorded what they moved; how far it came is not on the disk.
void begin_half_a_step(world& w, const bulk_command& what, std::size_t groups) {
  w.log->at_once = false;
  { // it must not outlive its system
    caf::scoped_actor self{w.vt->sys};
    self->send(w.partition_of("orders"), delayed_atom_v, what);
  }
  w.vt->run();
  w.log->flush();
  w.vt->run();
  w.vt->advance(1ms);
  REQUIRE(w.log->waiting() == 2);
  w.log->flush(groups);
  w.vt->run();
}

} // namespace

TEST_CASE("a job moves the retries that its filter names, and no others") {
  world w{0, 1};
  w.publish("orders", 20).value();
  w.publish("others", 5).value();
  wait_for_retries(w, "orders", "g", 20, 1'000);
  wait_for_retries(w, "orders", "h", 20, 1'000);
  wait_for_retries(w, "others", "g", 5, 1'000);
  auto g = retries(w, "orders", "g");
  auto h = retries(w, "orders", "h");
  auto others = retries(w, "others", "g");
  auto what = job(bulk_verb::move, "orders", "g");
  what.filter.from = std::next(g.begin(), 5)->second;
  what.filter.to = std::next(g.begin(), 12)->second; // not part
  what.due.in = 5s;
  auto due = w.now() + 5'000;
  CHECK(!begin(w, what).repeated);
  CHECK(begin(w, what).repeated);
  w.vt->advance(1s);
  CHECK(progress(w).done);
  CHECK(progress(w).changed == 7);
  for (std::uint64_t n = 5; n < 12; ++n)
    std::next(g.begin(), std::ptrdiff_t(n))->second = due;
  CHECK(retries(w, "orders", "g") == g);
  CHECK(retries(w, "orders", "h") == h);
  CHECK(retries(w, "others", "g") == others);
  CHECK(w.fetch("orders", "g", 20).empty());
  w.vt->advance(5s);
  auto came = w.fetch("orders", "g", 20);
  REQUIRE(came.size() == 7);
  CHECK(came.front() == std::pair{std::uint64_t{5}, std::uint32_t{2}});
}

TEST_CASE("one job moves retries of many groups, in steps") {
  world w{0, 1};
  constexpr std::uint64_t each = limits::bulk_step_rows / 2 + 10;
  w.publish("orders", each).value();
  for (auto* group : {"a", "b", "c"})
    wait_for_retries(w, "orders", group, each, 1'000);
  auto what = job(bulk_verb::move);
  what.due.in = 0s;
  begin(w, what);
  w.vt->advance(100ms);
  CHECK(progress(w).done);
  CHECK(progress(w).changed == 3 * each);
  for (auto* group : {"a", "b", "c"}) {
    CHECK(retries(w, "orders", group).empty());
    CHECK(w.fetch("orders", group, each).size() == each);
  }
}

TEST_CASE("a job that moves retries goes on after a crash, and moves each "
          "once") {
  constexpr std::uint64_t many = 2 * limits::bulk_step_rows + 50;
  for (std::size_t groups : {0, 1, 2}) {
    world w{0, 1};
    w.publish("orders", many).value();
    wait_for_retries(w, "orders", "g", many / 2, 10'000);
    wait_for_retries(w, "orders", "h", many / 2, 10'000);
    auto g = retries(w, "orders", "g");
    auto h = retries(w, "orders", "h");
    // Most come to lie where the job looks later.
    auto what = job(bulk_verb::shift);
    what.shift_ms = 50'000;
    begin_half_a_step(w, what, groups);
    CHECK(progress(w).looked_at == 0);
    auto changed = progress(w).changed;
    CHECK((changed > 0) == (groups > 0));
    CHECK((changed > limits::bulk_step_rows / 2) == (groups > 1));
    if (groups == 1)
      w.flush_store();
    w.crash();
    w.vt->advance(2s);
    CHECK(progress(w).done);
    CHECK(progress(w).changed == many);
    for (auto* all : {&g, &h})
      for (auto& [id, due] : *all)
        due = due + 50'000;
    CHECK(retries(w, "orders", "g") == g);
    CHECK(retries(w, "orders", "h") == h);
  }
}

TEST_CASE("a retry that somebody else moved, or that came, stays as it is") {
  world w{0, 1};
  w.publish("orders", 3).value();
  wait_for_retries(w, "orders", "g", 3, 100);
  auto g = retries(w, "orders", "g");
  auto what = job(bulk_verb::shift, "orders");
  what.shift_ms = 10'000;
  // The group hears of the other move before the job's request reaches it: the
  // job looked at what is on the disk.
  w.log->at_once = false;
  {
    caf::scoped_actor self{w.vt->sys};
    auto to = w.partition_of("orders");
    self->send(to, delayed_atom_v, what);
    w.vt->run();
    w.log->flush();
    w.vt->run();
    group_command other{{"orders", "g"}, group_verb::move, {}, {}};
    other.ticket = lease_id{g.begin()->first.value & 0xffffffffff};
    other.due = due_time{std::chrono::seconds{0}, {}};
    self->send(to, command_atom_v, other);
    w.vt->advance(1ms);
  }
  w.log->at_once = true;
  w.log->flush();
  w.vt->run();
  w.vt->advance(1s);
  CHECK(progress(w).done);
  CHECK(progress(w).changed == 2);
  CHECK(w.fetch("orders", "g", 3)
        == std::vector{std::pair{std::uint64_t{0}, std::uint32_t{2}}});
  g.erase(g.begin());
  for (auto& [id, due] : g)
    due = due + 10'000;
  CHECK(retries(w, "orders", "g") == g);
}

TEST_CASE("a job that is stopped while its groups are at work leaves no trace "
          "of itself") {
  world w{0, 1};
  w.publish("orders", 3).value();
  wait_for_retries(w, "orders", "g", 3, 100);
  auto before = retries(w, "orders", "g");
  auto home = w.node->placement.home_of("orders");
  delayed_id message;
  w.log->at_once = false;
  {
    caf::scoped_actor self{w.vt->sys};
    auto to = w.partition_of("orders");
    auto what = job(bulk_verb::shift, "orders");
    what.shift_ms = 10'000;
    self->send(to, delayed_atom_v, what);
    w.vt->run();
    w.log->flush();
    w.vt->run();
    message = w.node->db->scheduled(home, world::id(job_id)).value()->message;
    // The step and its end come together: the group answers afterwards.
    auto due = w.now();
    self->send(to, fired_atom_v,
               w.node->db->delayed(home, {}, {}, due, 1)->front());
    self->send(to, delayed_atom_v,
               delayed_command{world::id(job_id), delayed_verb::stop, {}});
    w.vt->run();
  }
  w.log->at_once = true;
  w.log->flush();
  w.vt->run();
  w.vt->advance(5s);
  CHECK(retries(w, "orders", "g") != before); // what it did stays
  CHECK(!w.node->db->pieces(home, message, 1).has_value());
  CHECK(w.node->db->scheduled(home, world::id(job_id))->has_value() == false);
  CHECK(w.node->db->delayed(home, {}, {}, {UINT64_MAX}, 100)->size() == 3);
}

TEST_CASE("retries are not moved beyond what they may wait for") {
  world w{0, 1};
  w.publish("orders", 1).value();
  wait_for_retries(w, "orders", "g", 1, 100);
  auto what = job(bulk_verb::move, "orders");
  what.due.in = limits::retry_delay_max + 1ms;
  CHECK(begin(w, what).error == errc::too_large);
  what.due.in = limits::retry_delay_max;
  CHECK(begin(w, what).error == errc::none);
}

TEST_CASE("a job whose time ends before the clock began changes nothing") {
  world w{0, 1};
  w.publish("orders", 1).value();
  wait_for_retries(w, "orders", "g", 1, 100);
  auto before = retries(w, "orders", "g");
  w.wall_step_ms = 10'000;
  auto what = job(bulk_verb::move, "orders");
  what.filter.to = {5};
  what.due.in = 5s;
  begin(w, what);
  w.vt->advance(1s);
  CHECK(progress(w).done);
  CHECK(progress(w).changed == 0);
  CHECK(retries(w, "orders", "g") == before);
}

TEST_CASE("what is said of a retry is read as it was written") {
  for (bool apart : {false, true})
    for (delayed_id by : {delayed_id{}, delayed_id{UINT64_MAX}}) {
      lease_note note;
      note.apart = apart;
      note.moved_by = by;
      CHECK(parse_retry_note(to_retry_body(note)) == note);
    }
  CHECK(to_retry_body({}).empty());
}

TEST_CASE("all retries of a group are moved by records of a bounded size") {
  world w;
  REQUIRE(w.publish("orders", 1'001).has_value());
  wait_for_retries(w, "orders", "g", 1'001, 3'600);
  group_command what{{"orders", "g"}, group_verb::move, {}, {}};
  what.due = due_time{1min, {}};
  w.log->at_once = false;
  {
    asked<group_info> moved{*w.vt, w.partition_of("orders"), command_atom_v,
                            what};
    CHECK(w.log->waiting() == 1);
    w.log->flush();
    CHECK(!moved.answer());
    CHECK(w.log->waiting() == 1);
    w.log->flush();
    REQUIRE(moved.answer().has_value());
    CHECK(moved.answer()->has_value());
    CHECK(w.log->waiting() == 0);
  }
  w.log->at_once = true;
  w.crash();
  auto due = retries(w, "orders", "g");
  CHECK(due.size() == 1'001);
  for (auto& [id, at] : due)
    CHECK(at == w.now() + 60'000);
}

} // namespace callboard::test::retry_jobs_test
