// The streams of a group: what is parked, how far it is; its end, a new begin.
#include "actors/core/names.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::group_streams_test {

namespace {

event_page_ptr read(world& w, const std::string& stream) {
  read_request what{stream, {}, 20, direction::backward, false};
  return w.vt->ask<event_page_ptr>(w.partition_of("orders"), read_atom_v, what)
    .value();
}

void park_one(world& w) {
  auto got = w.try_fetch("orders", "g", 1).value().value();
  REQUIRE(got->events.size() == 1);
  REQUIRE(w.settle("orders", "g", settle_action::park,
                   {got->events.front().what.original->id})
            ->applied
          == 1);
}

void keep(world& w, std::uint64_t count) {
  append_request what{
    metadata_stream("orders"),
    expected_version::any,
    {{world::id(900), "$metadata",
      "{\"$maxCount\":" + std::to_string(count) + "}", "", true}},
    stream_policy{.max_count = count, .acl = {}}};
  w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what)
    .value();
}

group_settings from(std::int64_t start) {
  group_settings out;
  out.start_from = start;
  return out;
}

void update(world& w, const group_settings& settings) {
  w.command({{"orders", "g"}, group_verb::update, settings, {}}).value();
}

void ack(world& w, std::uint64_t n) {
  w.settle("orders", "g", settle_action::ack, {world::id(n)}).value();
}

event_standing standing(world& w, std::uint64_t n) {
  return w.vt
    ->ask<explanation_ptr>(w.partition_of("orders"), explain_atom_v,
                           explain_query{{"orders", "g"}, world::id(n)})
    .value()
    ->standing;
}

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

} // namespace

TEST_CASE("a deleted group takes its parked stream along; its numbers go on") {
  world w;
  w.publish("orders", 4).value();
  auto parked = parked_stream("orders", "g");
  w.create("orders", "g").value();
  park_one(w);
  park_one(w);
  CHECK(read(w, parked)->events.size() == 2);
  w.command({{"orders", "g"}, group_verb::remove, {}, {}}).value();
  auto gone = read(w, parked);
  REQUIRE(gone->head.has_value());
  CHECK(gone->head->state == stream_state::soft_deleted);
  CHECK(gone->events.empty());
  w.create("orders", "g").value();
  CHECK(w.info("orders", "g").parked == 0);
  park_one(w);
  auto again = read(w, parked);
  REQUIRE(again->events.size() == 1);
  CHECK(again->events.front().original->number == event_number{2});
  CHECK(w.info("orders", "g").parked == 1);
  w.flush_store();
  w.crash();
  CHECK(read(w, parked)->events.size() == 1);
}

TEST_CASE("what is parked after its stream was deleted for ever is replayed") {
  world w;
  w.publish("orders", 3).value();
  auto parked = parked_stream("orders", "g");
  w.create("orders", "g").value();
  park_one(w);
  park_one(w);
  // As a client of an earlier version could.
  w.vt
    ->ask<append_reply>(w.partition_of("orders"), delete_atom_v,
                        delete_request{parked, expected_version::any, true})
    .value();
  CHECK(w.info("orders", "g").parked == 0);
  park_one(w);
  CHECK(w.info("orders", "g").parked == 1);
  auto again = read(w, parked);
  REQUIRE(again->events.size() == 1);
  CHECK(again->events.front().original->number == event_number{2});
  w.flush_store();
  w.crash();
  CHECK(w.info("orders", "g").parked == 1);
  w.command({{"orders", "g"}, group_verb::replay_parked, {}, {}}).value();
  CHECK(w.fetch("orders", "g", 10).size() == 1);
}

TEST_CASE("a checkpoint is the same event before and after a restart") {
  world w;
  w.publish("orders", 3).value();
  group_settings later;
  later.start_from = 1;
  w.create("orders", "g", later).value();
  auto name = checkpoint_stream("orders", "g");
  CHECK(!read(w, name)->head);
  CHECK(w.fetch("orders", "g", 2).size() == 2);
  CHECK(!read(w, name)->head);
  w.settle("orders", "g", settle_action::ack, {world::id(1)}).value();
  auto page = read(w, name);
  REQUIRE(page->events.size() == 1);
  auto& checkpoint = *page->events.front().original;
  CHECK(checkpoint.number == event_number{1});
  CHECK(checkpoint.data == "\"1\"");
  CHECK(checkpoint.is_json);
  w.crash();
  CHECK(read(w, name)->events.front().original->id == checkpoint.id);
  w.settle("orders", "g", settle_action::park, {world::id(2)}).value();
  CHECK(read(w, name)->events.front().original->data == "\"2\"");
  w.command({{"orders", "g"}, group_verb::remove, {}, {}}).value();
  CHECK(!read(w, name)->head);
}

TEST_CASE("a checkpoint waits for what is leased, though its stream lost it") {
  world w;
  w.create("orders", "g").value();
  keep(w, 2);
  w.publish("orders", 2).value();
  REQUIRE(w.fetch("orders", "g") == pairs{{0, 1}});
  w.publish("orders", 4).value();
  auto name = checkpoint_stream("orders", "g");
  CHECK(!read(w, name)->head); // nobody asked the group
  CHECK(w.info("orders", "g").checkpoint == -1);
  ack(w, 0);
  CHECK(read(w, name)->events.at(0).original->data == "\"3\"");
}

TEST_CASE("a startFrom that comes later changes nothing of what was done") {
  world w;
  w.publish("orders", 3).value();
  w.create("orders", "g").value();
  REQUIRE(w.fetch("orders", "g") == pairs{{0, 1}});
  ack(w, 0);
  update(w, from(1));
  w.crash();
  auto told = w.info("orders", "g");
  CHECK(told.settings.start_from == 1);
  CHECK(told.checkpoint == 0);
  CHECK(read(w, checkpoint_stream("orders", "g"))->events.size() == 1);
  CHECK(standing(w, 0) == event_standing::settled);
}

TEST_CASE("what was there before a group is no checkpoint of it") {
  world w;
  w.publish("orders", 10).value();
  w.create("orders", "g", from(-1)).value();
  w.publish("orders", 2).value();
  REQUIRE(w.fetch("orders", "g", 2) == pairs{{10, 1}, {11, 1}});
  ack(w, 11);
  CHECK(w.info("orders", "g").checkpoint == -1);
  CHECK(w.info("orders", "g").last_known == 11);
  CHECK(!read(w, checkpoint_stream("orders", "g"))->head);
  CHECK(standing(w, 9) == event_standing::before);
}

TEST_CASE("a group that was never used begins anew with its startFrom") {
  world w;
  w.create("orders", "g", from(100)).value();
  w.publish("orders", 5).value();
  update(w, from(3));
  w.crash();
  CHECK(w.fetch("orders", "g", 9) == pairs{{3, 1}, {4, 1}});
  update(w, from(0)); // it is used now
  CHECK(w.fetch("orders", "g", 9).empty());
}

TEST_CASE("a new group has done nothing of what its stream lost before") {
  world w;
  w.publish("orders", 10).value();
  keep(w, 4);
  CHECK(w.create("orders", "g").value().ready == 4);
  CHECK(w.info("orders", "g").checkpoint == -1);
  CHECK(w.info("orders", "g").settled == 0);
  CHECK(!read(w, checkpoint_stream("orders", "g"))->head);
  CHECK(standing(w, 2) == event_standing::before);
  w.vt
    ->ask<append_reply>(w.partition_of("orders"), delete_atom_v,
                        delete_request{"orders", expected_version::any})
    .value();
  w.create("orders", "later").value();
  w.crash();
  auto later = w.info("orders", "later");
  CHECK(later.checkpoint == -1);
  CHECK(later.settled + later.ready == 0);
}

} // namespace callboard::test::group_streams_test
