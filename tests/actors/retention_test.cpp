// When $maxAge is swept, besides what tests of the partition tell.
#include "actors/core/names.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::retention_test {

using namespace std::chrono_literals;

namespace {

void describe(world& w, const std::string& stream, std::uint64_t max_age) {
  append_request what{metadata_stream(stream),
                      expected_version::any,
                      {{world::id(900 + w.next_id++), "t", "{}", "", true}},
                      stream_policy{.max_age_seconds = max_age, .acl = {}}};
  w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what)
    .value();
}

std::uint64_t first_live(world& w, const std::string& stream) {
  auto home = w.node->placement.home_of("orders");
  return w.node->db->stream(home, stream).value()->first_live.value;
}

} // namespace

TEST_CASE("a stream whose sweep found no $maxAge is swept with its next one") {
  world w;
  describe(w, "orders", 10);
  w.publish("orders", 3).value();
  describe(w, "orders", 0);
  w.vt->advance(10s);
  describe(w, "orders", 10);
  w.vt->advance(1min);
  CHECK(first_live(w, "orders") == 3);
}

TEST_CASE("$maxAge erases what is parked after its first sweep") {
  world w;
  w.publish("orders", 1).value();
  w.create("orders", "g").value();
  auto parked = parked_stream("orders", "g");
  describe(w, parked, 10);
  w.vt->advance(1min);
  REQUIRE(w.fetch("orders", "g").size() == 1);
  w.settle("orders", "g", settle_action::park, {world::id(0)}).value();
  CHECK(first_live(w, parked) == 0);
  w.vt->advance(1min);
  CHECK(first_live(w, parked) == 1);
}

} // namespace callboard::test::retention_test
