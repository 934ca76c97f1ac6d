// All events in one order: pages both ways, while others publish and crash.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/read_all.hpp"
#include "actors/session_actor.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "tests/support/all_pages.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <random>
#include <set>

namespace callboard::test::read_all_test {

using namespace std::chrono_literals;

namespace {

constexpr log_position the_beginning{};

all_request forward(log_position from, std::size_t count) {
  all_request out;
  out.from = from;
  out.count = count;
  out.towards = direction::forward;
  return out;
}

all_request backward(std::optional<log_position> from, std::size_t count) {
  all_request out;
  out.from = from;
  out.count = count;
  return out;
}

using names = std::vector<std::string>;

names reversed(names what) {
  std::reverse(what.begin(), what.end());
  return what;
}

/// Pages from the end to the beginning.
names all_backward(world& w, std::size_t count) {
  names out;
  auto page = read_all(w, backward({}, count)).value();
  for (;;) {
    auto some = titles(page);
    out.insert(out.end(), some.begin(), some.end());
    if (page.end_reached)
      return out;
    page = read_all(w, backward(page.older, count)).value();
  }
}

} // namespace

TEST_CASE("all events come in the order in which they were recorded") {
  world w;
  names expected;
  for (int i = 0; i < 12; ++i) {
    auto stream = std::string{"s"} + char('a' + i % 5);
    w.publish(stream, 2).value();
    expected.push_back(std::to_string(i / 5 * 2) + "@" + stream);
    expected.push_back(std::to_string(i / 5 * 2 + 1) + "@" + stream);
    w.vt->advance(1ms);
  }
  auto page = read_all(w, forward(the_beginning, 100)).value();
  CHECK(titles(page) == expected);
  CHECK(page.end_reached);
  CHECK(page.newer == page.end);
  CHECK(titles(read_all(w, backward({}, 100)).value()) == reversed(expected));
  // Pages meet without a gap, also inside of a record.
  auto first = read_all(w, forward(the_beginning, 7)).value();
  CHECK_FALSE(first.end_reached);
  auto second = read_all(w, forward(first.newer, 17)).value();
  CHECK(second.end_reached);
  auto both = titles(first);
  for (auto& one : titles(second))
    both.push_back(one);
  CHECK(both == expected);
  CHECK(titles(read_all(w, backward(second.older, 100)).value())
        == reversed(titles(first)));
  CHECK(read_all(w, forward(second.newer, 10))->events.empty());
  // And the same after a restart, out of LMDB.
  w.flush_store();
  w.crash();
  CHECK(titles(read_all(w, forward(the_beginning, 100)).value()) == expected);
  CHECK(all_backward(w, 5) == reversed(expected));
}

TEST_CASE("there may be nothing at all") {
  world w;
  for (auto& what : {forward(the_beginning, 5), backward({}, 5)}) {
    auto page = read_all(w, what).value();
    CHECK(page.events.empty());
    CHECK(page.end_reached);
    CHECK(page.end == the_beginning);
  }
}

TEST_CASE(
  "what was answered is seen, what is still being decided comes later") {
  world w;
  w.publish("a").value();
  w.log->at_once = false;
  append_request pending{"b", expected_version::any, {}, {}};
  pending.events.push_back({world::id(77), "order", "{}", "", true});
  caf::anon_send(w.partition_of("b"), append_atom_v, pending);
  w.vt->run();
  // The record of `b` has the time of that of `a`: the page waits for it.
  auto page = read_all(w, forward(the_beginning, 10)).value();
  CHECK(page.events.size() == 2);
  pending.events.front().id = world::id(78);
  caf::anon_send(w.partition_of("b"), append_atom_v, pending);
  w.vt->run();
  // This one is later, and nobody waits for it.
  page = read_all(w, forward(page.newer, 10), [&] {
           CHECK(w.log->waiting() == 1);
         }).value();
  CHECK(page.events.empty());
  w.log->flush();
  w.vt->run();
  CHECK(titles(read_all(w, forward(page.newer, 10)).value()) == names{"1@b"});
}

TEST_CASE("who follows all events sees each once, whatever happens meanwhile") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    world w{seed};
    w.log->at_once = false;
    names seen;
    log_position from;
    auto disturb = [&] {
      for (auto left = random() % 6; left > 0; --left) {
        append_request what{
          "s" + std::to_string(random() % 9), expected_version::any, {}, {}};
        for (auto n = 1 + random() % 3; n > 0; --n)
          what.events.push_back(
            {world::id(w.next_id++), "order", "{}", "", true});
        caf::anon_send(w.partition_of(what.stream), append_atom_v, what);
        w.vt->run();
        if (random() % 2 == 0)
          w.vt->advance(1ms * (random() % 3));
        if (random() % 2 == 0) {
          w.log->flush(random() % 4);
          w.vt->run();
        }
        if (random() % 8 == 0)
          w.flush_store();
      }
    };
    for (int round = 0; round < 80; ++round) {
      disturb();
      auto answered = logged_titles(w);
      auto page =
        read_all(w, forward(from, 1 + random() % 12), disturb).value();
      for (auto& one : titles(page))
        seen.push_back(one);
      from = page.newer;
      if (page.end_reached) // all that was there before is seen
        for (std::set<std::string> all{seen.begin(), seen.end()};
             auto& one : answered)
          REQUIRE(all.contains(one));
      if (random() % 15 == 0) {
        w.crash();
        w.vt->advance(1ms); // as the server's clock has it
        w.log->at_once = false;
      }
    }
    w.log->flush();
    w.vt->run();
    for (bool end = false; !end;) {
      auto page = read_all(w, forward(from, 7)).value();
      for (auto& one : titles(page))
        seen.push_back(one);
      from = page.newer;
      end = page.end_reached;
    }
    REQUIRE(seen == logged_titles(w));
    REQUIRE(all_backward(w, 1 + random() % 20) == reversed(seen));
  }
}

TEST_CASE("events that cannot be read in their stream are not among all") {
  world w;
  w.publish("trimmed", 4).value();
  w.publish("deleted", 2).value();
  w.publish("gone", 2).value();
  w.publish("stays", 1).value();
  stream_policy policy;
  policy.truncate_before = 3;
  append_request metadata{
    metadata_stream("trimmed"), expected_version::any, {}, policy};
  metadata.events.push_back({world::id(99), "$metadata", "{}", "", true});
  w.vt->ask<append_reply>(w.partition_of("trimmed"), append_atom_v, metadata)
    .value();
  for (bool hard : {false, true})
    w.vt
      ->ask<append_reply>(
        w.partition_of(hard ? "gone" : "deleted"), delete_atom_v,
        delete_request{hard ? "gone" : "deleted", expected_version::any, hard})
      .value();
  auto all = titles(read_all(w, forward(the_beginning, 100)).value());
  std::sort(all.begin(), all.end());
  CHECK(all == names{"0@$$trimmed", "0@stays", "3@trimmed"});
  w.flush_store();
  REQUIRE(w.node->db->scavenge().has_value());
  CHECK(all_backward(w, 1).size() == 3);
}

TEST_CASE("a filter shows what it wants, of a window") {
  world w;
  for (int i = 0; i < 30; ++i)
    w.publish("s", 1, i % 3 == 0 ? "wanted" : "other").value();
  auto what = forward(the_beginning, 5);
  what.filter = std::make_shared<const event_filter>(
    [](std::string_view, const event& e) { return e.type == "wanted"; });
  auto page = read_all(w, what).value();
  CHECK(titles(page) == names{"0@s", "3@s", "6@s", "9@s", "12@s"});
  what.window = 7;
  page = read_all(w, what).value();
  CHECK(titles(page) == names{"0@s", "3@s", "6@s"});
  CHECK_FALSE(page.end_reached);
  what.from = page.newer;
  CHECK(titles(read_all(w, what).value()) == names{"9@s", "12@s"});
  what = backward({}, 10);
  what.filter = std::make_shared<const event_filter>(
    [](std::string_view, const event& e) { return e.type == "wanted"; });
  what.window = 10;
  CHECK(titles(read_all(w, what).value()) == names{"27@s", "24@s", "21@s"});
}

TEST_CASE("a page of many streams holds no more of them than a page's bytes") {
  world w;
  std::vector<event_ptr> stored; // memory's own: the uses tell who holds them
  constexpr std::size_t each = std::size_t{32} << 10;
  for (std::size_t s = 0; s * 8 * each < 2 * limits::page_bytes_max; ++s) {
    auto name = "s" + std::to_string(s);
    append_request what{name, expected_version::any, {}, {}};
    for (int i = 0; i < 8; ++i)
      what.events.push_back(
        {world::id(w.next_id++), "t", std::string(each, 'x'), "", false});
    auto home = w.partition_of(name);
    w.vt->ask<append_reply>(home, append_atom_v, std::move(what)).value();
    auto p = w.node->placement.home_of(name);
    auto row = w.node->db->stream(p, name).value();
    for (auto& e : w.node->db->read(p, row->id, {0}, 8, SIZE_MAX).value())
      stored.push_back(e);
  }
  std::vector<long> uses;
  for (auto& e : stored)
    uses.push_back(e.use_count());
  std::size_t looked_at = 0;
  std::size_t most = 0;
  auto what = forward(the_beginning, 1);
  what.filter =
    std::make_shared<const event_filter>([&](std::string_view, const event&) {
      ++looked_at;
      std::size_t held = 0;
      for (std::size_t i = 0; i < stored.size(); ++i)
        if (stored[i].use_count() > uses[i])
          held += memory_bytes(*stored[i]);
      most = std::max(most, held);
      return false;
    });
  CHECK(read_all(w, what)->end_reached);
  CHECK(looked_at == stored.size());
  CHECK(most > each);
  CHECK(most <= limits::page_bytes_max + each);
}

TEST_CASE("links among all events are resolved if asked for") {
  world w;
  w.publish("target").value();
  append_request link{"links", expected_version::any, {}, {}};
  link.events.push_back(
    {world::id(50), std::string{link_type}, "0@target", "", false});
  w.vt->ask<append_reply>(w.partition_of("links"), append_atom_v, link).value();
  auto what = backward({}, 10);
  what.resolve_links = true;
  auto page = read_all(w, what).value();
  REQUIRE(page.events.size() == 2);
  for (auto& e : page.events)
    CHECK(e.what.resolved->type == "order");
}

TEST_CASE("who waits for any event is woken by any partition") {
  world w;
  w.publish("a").value();
  auto page = read_all(w, forward(the_beginning, 10)).value();
  for (std::string stream : {"a", "b", "c", "d", "e"}) {
    auto session = spawn_session(w.vt->sys, w.broker.routes->partitions);
    caf::scoped_actor self{w.vt->sys};
    auto pending = self->request(
      session, caf::infinite, await_atom_v, std::string{all_stream},
      event_number{page.until.value + 1}, std::uint64_t{10'000});
    w.vt->run();
    CHECK(self->mailbox().empty());
    w.publish(stream).value();
    w.vt->run();
    CHECK(!self->mailbox().empty());
    pending.receive([](event_number) {}, [](caf::error&) { CHECK(false); });
    page = read_all(w, forward(page.newer, 10)).value();
    CHECK(page.events.size() == 1);
  }
  // What came between a page and the wait for more ends the wait at once.
  w.publish("x").value();
  auto session = spawn_session(w.vt->sys, w.broker.routes->partitions);
  CHECK(w.vt->try_ask<event_number>(
    session, await_atom_v, std::string{all_stream},
    event_number{page.until.value + 1}, std::uint64_t{10'000}));
}

TEST_CASE("streams are listed by name, page by page") {
  world w;
  std::vector<std::string> expected;
  for (char c = 'a'; c <= 'z'; ++c) {
    w.publish(std::string{"s-"} + c).value();
    if (c == 'k')
      w.vt
        ->ask<append_reply>(w.partition_of("s-k"), delete_atom_v,
                            delete_request{"s-k", expected_version::any, true})
        .value();
    else
      expected.push_back(std::string{"s-"} + c);
  }
  w.publish("$system").value();
  w.publish("!early").value();
  expected.insert(expected.begin(), "!early");
  auto list = [&](bool system) {
    std::vector<std::string> out;
    streams_request what{{}, 4, system};
    for (;;) {
      auto page =
        w.vt->ask<stream_list_ptr>(w.broker.broker, read_atom_v, what).value();
      CHECK(page->streams.size() <= 4);
      for (auto& one : page->streams)
        out.push_back(one.name);
      if (!page->next)
        return out;
      what.after = *page->next;
    }
  };
  CHECK(list(false) == expected);
  expected.insert(expected.begin() + 1, "$system");
  CHECK(list(true) == expected);
  w.flush_store();
  CHECK(list(true) == expected);
}

TEST_CASE("a read of all events says what damage hides from it") {
  world w;
  w.publish("s", 3).value();
  w.flush_store();
  auto home = w.node->placement.home_of("s");
  auto row = w.node->db->stream(home, "s").value();
  auto [where, key] =
    GENERATE_COPY(std::pair{table::streams, keys::stream(home, "s")},
                  std::pair{table::names, keys::name(home, row->id)},
                  std::pair{table::events, keys::block(home, row->id, {0})},
                  std::pair{table::order, keys::order(home, {})});
  temporary_folder copy;
  w.node->db->copy_to(copy.path / "data.mdb").value();
  {
    auto file = database::open({.folder = copy.path}).value();
    auto txn = file.write().value();
    REQUIRE(txn.get(where, key).value());
    txn.erase(where, key).value();
    txn.commit().value();
  }
  auto db =
    store::open({.folder = copy.path, .flush_in_background = false}).value();
  for (auto what : {forward(the_beginning, 10), backward({}, 10)}) {
    what.until = w.now();
    auto page = read_all({*db, w.node->placement, w.now()}, what);
    CHECK(page.error() == errc::corrupt);
  }
}

} // namespace callboard::test::read_all_test
