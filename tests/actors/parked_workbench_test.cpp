// What is parked: listed, replayed by choice and with a rate, discarded; over
// restarts.
#include "actors/core/names.hpp"
#include "tests/support/parked_group.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::parked_workbench_test {

using namespace std::chrono_literals;

namespace {

std::vector<std::uint64_t> places(const parked_page_ptr& page) {
  std::vector<std::uint64_t> out;
  for (auto& one : page->items)
    out.push_back(one.at.value);
  return out;
}

using numbers = std::vector<std::uint64_t>;

} // namespace

TEST_CASE("what is parked is listed with the event, the reason and the time") {
  parked_group g;
  g.park(3, "cannot read it");
  auto page = g.list({});
  REQUIRE(page->items.size() == 3);
  CHECK(page->parked == 3);
  CHECK(!page->more);
  CHECK(page->items[1].what->id == g.id(1));
  CHECK(page->items[1].target == "1@orders");
  CHECK(page->items[1].reason == "cannot read it");
  CHECK(page->items[1].parked + 1 == g.now());
  CHECK(page->by_reason
        == std::vector<std::pair<std::string, std::uint64_t>>{
          {"cannot read it", 3}});
}

TEST_CASE("a list of what is parked goes on behind the last one looked at") {
  parked_group g;
  g.park(2, "a");
  g.park(3, "b");
  auto first = g.list({}, {}, 2);
  CHECK(places(first) == numbers{0, 1});
  CHECK(first->more);
  auto rest = g.list({}, first->looked_at, 10);
  CHECK(places(rest) == numbers{2, 3, 4});
  CHECK(!rest->more);
  CHECK(places(g.list({.reason = "b"}, {}, 10)) == numbers{2, 3, 4});
  CHECK(places(g.list({.ids = {g.id(3), rest->items[2].link}}))
        == numbers{3, 4});
  CHECK(places(g.list({.type = "nothing"})).empty());
  g.flush_store();
  g.crash();
  CHECK(places(g.list({.reason = "a"})) == numbers{0, 1});
}

TEST_CASE("reasons beyond a number are counted together") {
  parked_group g;
  for (int i = 0; i < 55; ++i)
    g.park(1, "reason " + std::to_string(i));
  auto page = g.list({}, {}, 100);
  CHECK(page->by_reason.size() == limits::parked_reasons_max + 1);
  std::uint64_t sum = 0;
  for (auto& [reason, count] : page->by_reason)
    sum += count;
  CHECK(sum == 55);
}

TEST_CASE(
  "chosen events are replayed, the others stay parked, over a restart") {
  parked_group g;
  g.park(5, "bad");
  auto reply = g.change(
    {.verb = parked_verb::replay, .filter = {.ids = {g.id(1), g.id(3)}}});
  CHECK(reply->chosen == 2);
  CHECK(!reply->more);
  g.flush_store();
  g.crash();
  CHECK(g.now_info().parked == 3);
  CHECK(g.next(10) == pairs{{1, 1}}); // read from the disk, piece by piece
  CHECK(g.next(10) == pairs{{3, 1}});
  CHECK(g.next(10).empty());
  CHECK(places(g.list({})) == numbers{0, 2, 4});
}

TEST_CASE("an event that is parked again after its replay is one entry") {
  parked_group g;
  g.park(2, "bad");
  g.change({.verb = parked_verb::replay, .filter = {.ids = {g.id(0)}}});
  REQUIRE(g.next(10) == pairs{{0, 1}});
  g.park_delivered({0}, "still bad");
  auto page = g.list({});
  CHECK(places(page) == numbers{1, 2});
  CHECK(page->items[1].what->id == g.id(0));
  CHECK(page->items[1].reason == "still bad");
  CHECK(page->parked == 2);
}

TEST_CASE("what is discarded is settled for good") {
  parked_group g;
  g.park(3, "bad");
  auto settled = g.now_info().settled;
  CHECK(g.change({.verb = parked_verb::discard,
                  .filter = {.ids = {g.id(1)}},
                  .words = "fixed by hand"})
          ->chosen
        == 1);
  CHECK(g.now_info().settled == settled + 1);
  g.crash();
  CHECK(places(g.list({})) == numbers{0, 2});
  g.change({.verb = parked_verb::replay});
  CHECK(g.next(10) == pairs{{0, 1}, {2, 1}});
  CHECK(g.now_info().parked == 0);
}

TEST_CASE("a replay with a rate goes on by itself, and after a crash") {
  parked_group g;
  g.park(10, "bad");
  auto reply = g.change({.verb = parked_verb::replay, .per_second = 2});
  CHECK(reply->chosen == 2);
  CHECK(reply->more);
  CHECK(g.now_info().parked == 8);
  CHECK(g.change({.verb = parked_verb::replay}).error()
        == errc::already_exists);
  g.vt->advance(1s);
  CHECK(g.now_info().parked == 6);
  g.flush_store();
  g.crash();
  CHECK(g.now_info().parked == 6);
  g.vt->advance(1s);
  CHECK(g.now_info().parked == 4);
  g.vt->advance(2s);
  CHECK(g.now_info().parked == 0);
  g.vt->advance(2s);
  CHECK(g.change({.verb = parked_verb::replay})->chosen == 0);
}

TEST_CASE("what is parked during a replay is not meant by it") {
  parked_group g;
  g.park(3, "bad");
  REQUIRE(g.change({.verb = parked_verb::replay, .per_second = 1})->chosen
          == 1);
  REQUIRE(g.next(1) == pairs{{0, 1}});
  g.park_delivered({0}, "still bad");
  g.vt->advance(1min);
  CHECK(places(g.list({})) == numbers{3});
}

TEST_CASE("a replay is stopped: what was not delivered is parked again") {
  parked_group g;
  g.park(6, "bad");
  g.change({.verb = parked_verb::replay, .per_second = 2});
  REQUIRE(g.next(1).size() == 1);
  CHECK(g.change({.verb = parked_verb::stop_replay})->chosen == 1);
  g.vt->advance(1min);
  CHECK(g.now_info().parked == 5);
  g.crash();
  g.vt->advance(1min);
  CHECK(g.now_info().parked == 5);
}

TEST_CASE("a replay stops by itself when too many fail again") {
  parked_group g;
  g.park(40, "bad");
  g.change({.verb = parked_verb::replay, .per_second = 10, .stop_percent = 30});
  for (int n = 0; n < 10; ++n) {
    auto got = g.next(1);
    REQUIRE(got.size() == 1);
    if (n % 2 == 0)
      g.park_delivered({got.front().first}, "again");
    else
      g.ack(got.front().first);
  }
  g.vt->advance(1s);
  CHECK(g.next(1).empty());
  CHECK(g.now_info().parked == 35);
  g.vt->advance(1min);
  CHECK(g.now_info().parked == 35);
  CHECK(g.change({.verb = parked_verb::replay})->chosen == 35);
}

TEST_CASE("a replay that is watched does not run ahead of its consumers") {
  parked_group g;
  g.park(100, "bad");
  g.park(50, "bad");
  auto reply = g.change({.verb = parked_verb::replay, .stop_percent = 50});
  CHECK(reply->chosen == limits::watched_replay_max);
  g.vt->advance(1min);
  CHECK(g.now_info().parked == 50);
  for (auto& [number, attempt] : g.next(100))
    g.ack(number);
  g.vt->advance(1s);
  CHECK(g.now_info().parked == 0);
}

TEST_CASE(
  "more than one portion is discarded in the background, over a crash") {
  parked_group g;
  for (int i = 0; i < 25; ++i)
    g.park(100, "bad");
  g.log->at_once = false;
  { // ends before its actor system does
    caf::scoped_actor self{g.vt->sys};
    parked_command all{
      {"orders", "workers"}, parked_verb::discard, {}, "all of it"};
    auto pending = self->request(g.partition_of("orders"), caf::infinite,
                                 parked_atom_v, all);
    g.vt->run();
    g.log->flush();
    g.vt->run();
    pending.receive(
      [](parked_reply& reply) {
        CHECK(reply.chosen == limits::parked_look_max);
        CHECK(reply.more);
      },
      [](caf::error&) { FAIL("refused"); });
  }
  g.crash();
  g.vt->advance(1s);
  CHECK(g.now_info().parked == 0);
  CHECK(g.list({})->items.empty());
}

TEST_CASE("a group that is removed takes its replay with it") {
  parked_group g;
  g.park(5, "bad");
  g.change({.verb = parked_verb::replay, .per_second = 1});
  REQUIRE(
    g.command({{"orders", "workers"}, group_verb::remove, {}, {}}).has_value());
  g.vt->advance(1min);
  auto left = g.node->db->delayed(g.node->placement.home_of("orders"), {}, {},
                                  {UINT64_MAX}, 100);
  for (auto& one : *left)
    CHECK(one.kind != delayed_kind::replay);
}

TEST_CASE("a parked event is kept, whatever becomes of its stream") {
  parked_group g;
  g.park(3, "bad");
  append_request bound{"$$orders",
                       expected_version::any,
                       {},
                       stream_policy{.max_count = 1, .acl = {}}};
  bound.events.push_back(
    {g.id(900), "$metadata", R"({"$maxCount":1})", "", true});
  g.vt->ask<append_reply>(g.partition_of("orders"), append_atom_v, bound)
    .value();
  g.publish("orders", 5).value();
  CHECK(g.node->db->stream(g.node->placement.home_of("orders"), "orders")
          .value()
          ->first_live
        == event_number{7});
  auto page = g.list({.type = "order"});
  REQUIRE(page->items.size() == 3);
  CHECK(page->items[1].what->id == g.id(1));
  CHECK(page->items[1].what->number == event_number{1});
  CHECK(page->items[1].what->data == "{}");
  g.flush_store();
  g.node->db->scavenge().value();
  g.crash();
  CHECK(g.list({})->items[2].what->id == g.id(2));
  g.change(
    {.verb = parked_verb::replay, .filter = {.ids = {g.id(0), g.id(2)}}});
  pairs got;
  for (int i = 0; i < 3; ++i)
    for (auto& one : g.next(10))
      if (one.first < 3)
        got.push_back(one);
  CHECK(got == pairs{{0, 1}, {2, 1}});
  g.ack(0);
  g.ack(2);
  CHECK(places(g.list({})) == numbers{1});
}

TEST_CASE("copies go on after a crash, and end with what they are of") {
  parked_group g;
  g.park(10, "bad");
  auto copies = [&] {
    return g.node->db
      ->stream(g.node->placement.home_of("orders"),
               kept_stream("orders", "workers"))
      .value();
  };
  REQUIRE(copies());
  CHECK(copies()->next == event_number{10});
  CHECK(copies()->first_live == event_number{0});
  g.change(
    {.verb = parked_verb::discard, .filter = {.ids = {g.id(0), g.id(1)}}});
  CHECK(copies()->first_live == event_number{2});
  g.log->at_once = false;
  { // ends before its actor system does
    caf::scoped_actor self{g.vt->sys};
    append_request more{"orders", expected_version::any, {}, {}};
    for (std::uint64_t n = 10; n < 14; ++n)
      more.events.push_back({g.id(n), "order", "{}", "", true});
    self->send(g.partition_of("orders"), append_atom_v, more);
    self->send(g.partition_of("orders"), fetch_atom_v,
               fetch_request{{"orders", "workers"}, 10, 10s, 1});
    settle_request park{
      {"orders", "workers"}, settle_action::park, {}, {}, "bad"};
    for (std::uint64_t n = 10; n < 14; ++n)
      park.ids.push_back(g.id(n));
    for (int i = 0; i < 2; ++i) {
      g.vt->run();
      g.log->flush();
      g.vt->run();
    }
    self->send(g.partition_of("orders"), settle_atom_v, park);
    g.vt->run();
    g.log->flush(1); // parked; the copies are lost
  }
  g.crash();
  CHECK(g.now_info().parked == 12);
  g.vt->advance(1ms);
  CHECK(copies()->next == event_number{14});
  CHECK(g.list({})->items.size() == 12);
  REQUIRE(
    g.command({{"orders", "workers"}, group_verb::remove, {}, {}}).has_value());
  CHECK(copies()->state == stream_state::soft_deleted);
}

} // namespace callboard::test::parked_workbench_test
