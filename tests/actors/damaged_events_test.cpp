// Events that a disk has damaged while nobody looked: what goes on beside them.
#include "actors/core/names.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::damaged_events_test {

using namespace std::chrono_literals;

namespace {

/// Each of them lies in rows of its own.
void publish_large(world& w, std::size_t count) {
  append_request what{"orders", expected_version::any, {}, {}};
  for (std::size_t i = 0; i < count; ++i)
    what.events.push_back(
      {world::id(w.next_id++), "t", std::string(5'000, 'x'), "", false});
  w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what)
    .value();
}

void keep_for(world& w, std::uint64_t max_age) {
  append_request what{metadata_stream("orders"),
                      expected_version::any,
                      {{world::id(900), "$metadata", "{}", "", true}},
                      stream_policy{.max_age_seconds = max_age, .acl = {}}};
  w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what)
    .value();
}

std::uint64_t first_live(world& w) {
  auto home = w.node->placement.home_of("orders");
  return w.node->db->stream(home, "orders").value()->first_live.value;
}

/// Restarts it with an event that cannot be read any more.
void damage(world& w, std::uint64_t number) {
  w.flush_store();
  auto home = w.node->placement.home_of("orders");
  auto id = w.node->db->stream(home, "orders").value()->id;
  w.crash({}, [&] {
    auto file = database::open({.folder = w.folder.path}).value();
    auto txn = file.write().value();
    auto key = keys::block(home, id, {number});
    REQUIRE(txn.get(table::events, key).value().has_value());
    txn.put(table::events, key, "damaged").value();
    txn.commit().value();
  });
}

} // namespace

TEST_CASE("a damaged event that is leased keeps no other from being settled") {
  for (std::uint64_t number : {0, 3, 4}) {
    INFO("event " << number);
    world w;
    publish_large(w, 5);
    w.create("orders", "g").value();
    REQUIRE(w.fetch("orders", "g", 5).size() == 5);
    damage(w, number);
    std::size_t acked = 0;
    for (std::uint64_t n = 0; n < 5; ++n) {
      auto done = w.settle("orders", "g", settle_action::ack, {world::id(n)});
      REQUIRE(done.has_value());
      acked += done->applied;
    }
    CHECK(acked == 4); // nobody knows what the damaged one is called
    CHECK(w.info("orders", "g").in_flight == 1);
    w.vt->advance(1min);
    CHECK(w.info("orders", "g").in_flight == 0); // its lease ended by itself
  }
}

TEST_CASE("a damaged event does not stop the $maxAge of its stream") {
  for (std::uint64_t number : {3, 5}) {
    INFO("event " << number);
    world w;
    keep_for(w, 10);
    publish_large(w, 5);
    w.vt->advance(6s);
    publish_large(w, 2);
    damage(w, number);
    w.vt->advance(8s);
    CHECK(first_live(w) == 5); // and nothing that is younger
    w.vt->advance(1min);
    CHECK(first_live(w) == 7);
  }
}

} // namespace callboard::test::damaged_events_test
