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

} // namespace callboard::test::group_streams_test
