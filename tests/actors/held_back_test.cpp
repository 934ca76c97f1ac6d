// What is due and cannot be published yet: who waits for whom, and who not.
#include "actors/core/limits.hpp"
#include "actors/core/scheduled.hpp"
#include "actors/core/schedules.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::held_back_test {

using namespace std::chrono_literals;

namespace {

result<schedule_reply> schedule(world& w, std::uint64_t n,
                                std::chrono::milliseconds delay) {
  return w.vt->ask<schedule_reply>(
    w.partition_of("orders"), schedule_atom_v,
    schedule_request{
      "orders",
      {{{world::id(n), "order", "{}", "", true}, due_time{delay, {}}}}});
}

result<schedule_reply> change(world& w, std::uint64_t n, delayed_verb verb) {
  return w.vt->ask<schedule_reply>(
    w.partition_of("orders"), delayed_atom_v,
    delayed_command{world::id(n), verb, due_time{1h, {}}});
}

/// What the timer has sent of the first message that waits.
delayed_message first_one(world& w) {
  auto rows = w.node->db->delayed(w.node->placement.home_of("orders"), {}, {},
                                  {UINT64_MAX}, 1);
  return rows.value().at(0);
}

/// Whether the partition is done with it.
bool fire(world& w, const delayed_message& what) {
  auto done = w.vt->ask<bool>(w.partition_of("orders"), fired_atom_v, what);
  return done && *done;
}

/// The ids of the events of `orders`, as `world::id` counts them.
std::vector<unsigned> read(world& w) {
  read_request what{"orders", event_number{0}, 1'000, direction::forward,
                    false};
  auto page =
    w.vt->ask<event_page_ptr>(w.partition_of("orders"), read_atom_v, what)
      .value();
  std::vector<unsigned> out;
  for (auto& one : page->events)
    out.push_back(one.original->id.bytes[15]);
  return out;
}

using ids = std::vector<unsigned>;

} // namespace

TEST_CASE("an event that was moved or taken away while nothing can be "
          "published keeps nobody waiting") {
  for (auto verb : {delayed_verb::move, delayed_verb::cancel}) {
    world w;
    REQUIRE(schedule(w, 1, 1min).has_value());
    REQUIRE(schedule(w, 2, 2min).has_value());
    // The timer has sent it, and hears that it is gone before it is answered.
    auto sent = first_one(w);
    REQUIRE(change(w, 1, verb)->error == errc::none);
    w.log->refuses_publishing = errc::storage_full;
    CHECK(fire(w, sent));
    w.log->refuses_publishing = errc::none;
    w.vt->advance(3min);
    CHECK(read(w) == ids{2});
  }
}

TEST_CASE("what comes too late to take effect is not counted") {
  world w;
  for (std::uint64_t n = 1; n <= 3; ++n)
    REQUIRE(schedule(w, n, std::chrono::minutes{n}).has_value());
  auto waiting = [&] {
    return w.node->counts.delayed_pending[std::size_t(delayed_class::publish)]
      .load();
  };
  auto sent = first_one(w);
  REQUIRE(change(w, 1, delayed_verb::cancel)->error == errc::none);
  CHECK(waiting() == 2);
  for (int i = 0; i < 5; ++i)
    CHECK(fire(w, sent));
  CHECK(waiting() == 2);
}

TEST_CASE("a message that nothing is scheduled for is erased") {
  world w;
  auto home = w.node->placement.home_of("orders");
  record planted;
  delayed_message stray{{delayed_ids::schedules | 4},
                        w.now() + 1'000,
                        delayed_kind::publish,
                        "orders",
                        {}};
  stray.body = pack(scheduled_body{world::id(9), 1, 0, {}});
  planted.changes.emplace_back(put_delayed{stray});
  w.kept.push_back(
    {home, {w.node->db->applied(home).value + 1}, 1, encode(planted)});
  w.crash();
  CHECK(first_one(w).id == stray.id);
  w.vt->advance(3s);
  CHECK(w.node->db->delayed(home, {}, {}, {UINT64_MAX}, 1)->empty());
  CHECK(read(w).empty());
}

TEST_CASE("a schedule whose time zone is missing keeps nobody waiting") {
  world w;
  auto home = w.node->placement.home_of("orders");
  // As another node has recorded it, whose database is newer.
  record planted;
  schedules agenda{0};
  agenda.load(world::id(1), std::nullopt);
  recurrence rule;
  rule.cron = "* * * * *";
  rule.zone = "Mars/Olympus";
  auto due = w.now() + 1'000;
  new_event tick{world::id(1), "tick", "{}", "", true};
  agenda.add(world::id(1),
             {{}, due, delayed_kind::recurring, "orders", {}, due.value},
             pack(scheduled_event{tick, rule}), planted);
  w.kept.push_back(
    {home, {w.node->db->applied(home).value + 1}, 1, encode(planted)});
  w.crash();
  REQUIRE(schedule(w, 2, 2s).has_value());
  w.vt->advance(5s);
  CHECK(read(w) == ids{2});
  CHECK(first_one(w).kind == delayed_kind::recurring); // it is there
  auto offered = w.node->counts.delayed_fired.load();
  w.vt->advance(1min);
  CHECK(w.node->counts.delayed_fired == offered); // not again and again
}

TEST_CASE("a damaged event keeps nobody waiting, and stays until it is taken "
          "away") {
  world w;
  auto home = w.node->placement.home_of("orders");
  REQUIRE(schedule(w, 1, 1s).has_value());
  REQUIRE(schedule(w, 2, 2s).has_value());
  record damage; // what the first one carries is not there
  damage.changes.emplace_back(erase_piece{first_one(w).id, 0});
  w.kept.push_back(
    {home, {w.node->db->applied(home).value + 1}, 1, encode(damage)});
  w.crash();
  w.vt->advance(3s);
  CHECK(read(w) == ids{2});
  auto offered = w.node->counts.delayed_fired.load();
  w.vt->advance(1min);
  CHECK(w.node->counts.delayed_fired == offered); // not again and again
  w.crash();
  w.vt->advance(1s);
  CHECK(unpack_body(first_one(w).body)->id == world::id(1));
  CHECK(change(w, 1, delayed_verb::cancel)->error == errc::none);
  CHECK(w.node->db->delayed(home, {}, {}, {UINT64_MAX}, 1)->empty());
}

TEST_CASE("a job waits until what is due has been looked through, a slice at a "
          "time") {
  world w{0, 1};
  constexpr std::uint64_t step = 100;
  for (std::uint64_t n = 0; n <= limits::counted_rows; n += step) {
    schedule_request some{"orders", {}};
    for (std::uint64_t k = 1; k <= step; ++k)
      some.events.push_back(
        {{world::id(n + k), "order", "{}", "", true}, due_time{1s, {}}});
    w.vt->ask<schedule_reply>(w.partition_of("orders"), schedule_atom_v, some)
      .value();
  }
  w.log->refuses_publishing = errc::storage_full;
  w.vt->advance(2s);
  w.log->at_once = false;
  {
    asked<schedule_reply> begun{
      *w.vt, w.partition_of("orders"), delayed_atom_v,
      bulk_command{.id = world::id(70'000), .verb = bulk_verb::cancel}};
    w.log->flush(); // and before its first step
  }
  w.crash();
  auto job = [&] {
    delayed_ref which{{0}, world::id(70'000)};
    return w.vt->ask<delayed_detail_ptr>(w.broker.broker, delayed_atom_v, which)
      .value()
      ->job.value();
  };
  w.vt->advance(1ms); // it is offered its turn
  CHECK(job().looked_at == 0);
  w.vt->advance(3s);
  CHECK(job().done);
}

} // namespace callboard::test::held_back_test
