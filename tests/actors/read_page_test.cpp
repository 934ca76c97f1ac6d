// Pages against what the stream's row promises.
#include "actors/core/limits.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::read_page_test {

namespace {

result<event_page_ptr> page(world& w, std::uint64_t from, std::size_t count,
                            direction towards = direction::forward) {
  return w.vt->ask<event_page_ptr>(
    w.partition_of("orders"), read_atom_v,
    read_request{"orders", event_number{from}, count, towards, false});
}

} // namespace

TEST_CASE("a page that its bytes cut short says so, and the next one goes on") {
  world w;
  constexpr std::size_t events = 4000;
  for (std::size_t i = 0; i < events; i += 1000) {
    append_request what{"orders", expected_version::any, {}, {}};
    for (std::size_t k = 0; k < 1000; ++k)
      what.events.push_back(
        {world::id(i + k), "t", std::string(2048, 'x'), "", false});
    REQUIRE(
      w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what)
        .has_value());
  }
  std::uint64_t next = 0;
  for (int pages = 0; next < events; ++pages) {
    REQUIRE(pages < 3);
    auto got = page(w, next, limits::page_events_max).value();
    REQUIRE(!got->events.empty());
    CHECK(got->events.front().original->number.value == next);
    next = got->events.back().original->number.value + 1;
    if (!got->end_of_stream)
      CHECK(got->covered == got->events.size());
  }
  CHECK(next == events);
}

TEST_CASE("events that the stream's row promises and nobody has are damage, "
          "not an end") {
  world w;
  REQUIRE(w.publish("orders", 3).has_value());
  auto home = w.node->placement.home_of("orders");
  auto row = w.node->db->stream(home, "orders").value().value();
  row.next = {5};
  record planted;
  planted.changes.emplace_back(put_stream{"orders", row});
  w.node->db->apply(home, {w.node->db->applied(home).value + 1}, planted, 1);
  CHECK(page(w, 0, 3)->get()->events.size() == 3);
  CHECK(page(w, 0, 10).error() == errc::corrupt);
  CHECK(page(w, 3, 1).error() == errc::corrupt);
  CHECK(page(w, 4, 10, direction::backward).error() == errc::corrupt);
  row.first_live = {5}; // erased: nothing is missing
  planted.changes = {put_stream{"orders", row}};
  w.node->db->apply(home, {w.node->db->applied(home).value + 1}, planted, 1);
  CHECK(page(w, 0, 10)->get()->events.empty());
}

} // namespace callboard::test::read_page_test
