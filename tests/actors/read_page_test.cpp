// Pages against what the stream's row promises.
#include "actors/core/limits.hpp"
#include "actors/read_page.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::read_page_test {

namespace {

result<event_page_ptr> page(world& w, std::uint64_t from, std::size_t count,
                            direction towards = direction::forward,
                            bool resolve_links = false) {
  return w.vt->ask<event_page_ptr>(
    w.partition_of("orders"), read_atom_v,
    read_request{"orders", event_number{from}, count, towards, resolve_links});
}

constexpr std::size_t large_bytes = std::size_t{1} << 20;

/// One large event, and in `orders` so many links to it.
void publish_links(world& w, std::size_t count) {
  append_request large{"large", expected_version::any, {}, {}};
  large.events.push_back(
    {world::id(900'000), "t", std::string(large_bytes, 'x'), "", false});
  REQUIRE(w.vt->ask<append_reply>(w.partition_of("large"), append_atom_v, large)
            .has_value());
  append_request links{"orders", expected_version::any, {}, {}};
  for (std::size_t i = 0; i < count; ++i)
    links.events.push_back(
      {world::id(i), std::string{link_type}, "0@large", "", false});
  REQUIRE(
    w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, links)
      .has_value());
}

std::size_t bytes_of(const event_page& page) {
  std::size_t bytes = 0;
  for (auto& one : page.events)
    bytes += memory_bytes(one);
  return bytes;
}

/// What is compared with an append behind no event that begins with `first`,
/// and whose second event in the store is damaged.
result<std::vector<event_ptr>> compared(const uuid& first) {
  world w;
  append_request stored{"orders", expected_version::any, {}, {}};
  for (std::uint64_t i = 0; i < 3; ++i) // each is longer than a block
    stored.events.push_back(
      {world::id(i), "t", std::string(5'000, 'x'), "", false});
  auto home = w.node->placement.home_of("orders");
  w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, stored)
    .value();
  w.flush_store();
  auto id = w.node->db->stream(home, "orders").value()->id;
  temporary_folder copy;
  w.node->db->copy_to(copy.path / "data.mdb").value();
  {
    auto file = database::open({.folder = copy.path}).value();
    auto txn = file.write().value();
    txn.put(table::events, keys::block(home, id, {1}), "damaged").value();
    txn.commit().value();
  }
  auto db =
    store::open({.folder = copy.path, .flush_in_background = false}).value();
  stored.events.front().id = first;
  return read_to_compare(*db, home, id, {0}, stored.events);
}

} // namespace

TEST_CASE("an append is compared with the first event before all others") {
  auto another = compared(world::id(9));
  REQUIRE(another.has_value());
  CHECK(another->size() == 1);
  CHECK(compared(world::id(0)).error() == errc::corrupt); // it read on
}

TEST_CASE("a page that its bytes cut short says so, and the next one goes on") {
  world w;
  constexpr std::size_t events = 4000;
  for (std::size_t i = 0; i < events; i += 1000) {
    append_request what{"orders", expected_version::any, {}, {}};
    for (std::size_t k = 0; k < 1000; ++k)
      what.events.push_back(
        {world::id(i + k), "t", std::string(5000, 'x'), "", false});
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

TEST_CASE("a page forward covers the numbers that were asked for, and leads on "
          "to the first event if all of them are gone") {
  world w;
  REQUIRE(w.publish("orders", 30).has_value());
  auto home = w.node->placement.home_of("orders");
  auto row = w.node->db->stream(home, "orders").value().value();
  row.first_live = {25};
  record cut;
  cut.changes.emplace_back(put_stream{"orders", row});
  w.node->db->apply(home, {w.node->db->applied(home).value + 1}, cut, 1);
  auto shown = [&](std::uint64_t from, std::size_t count) {
    auto got = page(w, from, count).value();
    std::string out;
    for (auto& one : got->events)
      out += std::to_string(one.original->number.value) + " ";
    return out + "covers " + std::to_string(got->covered)
           + (got->end_of_stream ? ", end" : "");
  };
  CHECK(shown(0, 10) == "covers 25");
  CHECK(shown(15, 10) == "covers 10");
  CHECK(shown(20, 7) == "25 26 covers 7");
  CHECK(shown(20, 10) == "25 26 27 28 29 covers 10, end");
  CHECK(shown(25, 2) == "25 26 covers 2");
  CHECK(shown(30, 2) == "covers 2, end");
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

TEST_CASE("what links stand for counts for the bytes of a page") {
  for (bool from_disk : {false, true}) {
    world w;
    constexpr std::uint64_t links = 30;
    publish_links(w, links);
    if (from_disk) {
      w.flush_store();
      w.crash();
    }
    for (auto towards : {direction::forward, direction::backward}) {
      bool forward = towards == direction::forward;
      std::uint64_t seen = 0;
      for (int pages = 0; seen < links; ++pages) {
        REQUIRE(pages < 10);
        auto from = forward ? seen : links - 1 - seen;
        auto got = page(w, from, links, towards, true).value();
        REQUIRE(!got->events.empty());
        CHECK(got->events.front().original->number.value == from);
        CHECK(got->events.back().resolved->data.size() == large_bytes);
        CHECK(bytes_of(*got) <= limits::page_bytes_max + 2 * large_bytes);
        seen += got->events.size();
        CHECK(got->end_of_stream == (seen == links));
        if (!got->end_of_stream)
          CHECK(got->covered == got->events.size());
      }
    }
  }
}

TEST_CASE("a group that resolves links gets all of them, though few fit into "
          "memory at a time") {
  world w;
  constexpr std::uint64_t links = 40;
  group_settings settings;
  settings.resolve_link_tos = true;
  REQUIRE(w.create("orders", "workers", settings).has_value());
  publish_links(w, links);
  w.flush_store();
  w.crash();
  std::uint64_t next = 0;
  for (int tries = 0; next < links; ++tries) {
    REQUIRE(tries < 100);
    for (auto& [number, attempt] : w.fetch("orders", "workers", links)) {
      CHECK(number == next++);
      REQUIRE(
        w.settle("orders", "workers", settle_action::ack, {world::id(number)})
          .has_value());
    }
  }
  CHECK(w.info("orders", "workers").parked == 0);
}

TEST_CASE("a page backwards reads no more than a page of bytes, large and "
          "small events mixed") {
  for (bool from_disk : {false, true}) {
    world w;
    constexpr std::uint64_t events = 60;
    for (std::uint64_t i = 0; i < events; ++i) {
      append_request what{"orders", expected_version::any, {}, {}};
      auto bytes = i % 5 == 0 ? 10 : large_bytes;
      what.events.push_back(
        {world::id(i), "t", std::string(bytes, 'x'), "", false});
      REQUIRE(
        w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what)
          .has_value());
    }
    if (from_disk) {
      w.flush_store();
      w.crash();
    }
    std::uint64_t left = events;
    for (int pages = 0; left > 0; ++pages) {
      REQUIRE(pages < 10);
      auto got = page(w, left - 1, 128, direction::backward).value();
      REQUIRE(!got->events.empty());
      CHECK(bytes_of(*got) < 2 * limits::whole_page_bytes_max + large_bytes);
      for (auto& one : got->events)
        CHECK(one.original->number.value == --left);
      CHECK(got->end_of_stream == (left == 0));
      if (left > 0)
        CHECK(got->covered == got->events.size());
    }
  }
}

} // namespace callboard::test::read_page_test
