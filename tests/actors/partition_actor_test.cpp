// A partition and its timer in virtual time: order, waiting, retention,
// failure.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/session_actor.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>

namespace callboard::test::partition_actor_test {

using namespace std::chrono_literals;

namespace {

append_request metadata(std::uint64_t n, const stream_policy& policy) {
  return {"$$orders",
          expected_version::any,
          {{world::id(n), "$metadata", "{}", "", true}},
          policy};
}

std::vector<std::uint64_t> read(world& w, const std::string& stream,
                                bool resolve = false) {
  read_request what{stream, event_number{0}, 1'000, direction::forward,
                    resolve};
  auto page =
    w.vt->ask<event_page_ptr>(w.partition_of(stream), read_atom_v, what)
      .value();
  std::vector<std::uint64_t> out;
  for (auto& one : page->events)
    out.push_back(one.original->number.value);
  return out;
}

std::size_t pending(world& w) {
  return w.node->db
    ->delayed(w.node->placement.home_of("orders"), {}, {}, {UINT64_MAX}, 1'000)
    ->size();
}

} // namespace

TEST_CASE("a publish is answered and readable once it is on disk, not before") {
  world w;
  w.log->at_once = false;
  caf::scoped_actor self{w.vt->sys};
  append_request what{
    "orders", expected_version::any, {{world::id(1), "t", "d", "", false}}, {}};
  auto pending_reply =
    self->request(w.partition_of("orders"), caf::infinite, append_atom_v, what);
  w.vt->run();
  CHECK(self->mailbox().empty());
  CHECK(read(w, "orders").empty());
  w.log->flush();
  w.vt->run();
  REQUIRE(!self->mailbox().empty());
  pending_reply.receive(
    [](append_reply& reply) { CHECK(reply.error == errc::none); },
    [](caf::error&) { FAIL("an error"); });
  CHECK(read(w, "orders") == std::vector<std::uint64_t>{0});
}

TEST_CASE("a repeat waits for the original that is still on its way") {
  world w;
  w.log->at_once = false;
  append_request what{
    "orders", expected_version::any, {{world::id(1), "t", "d", "", false}}, {}};
  caf::scoped_actor first{w.vt->sys};
  caf::scoped_actor again{w.vt->sys};
  first->send(w.partition_of("orders"), append_atom_v, what);
  w.vt->run();
  again->send(w.partition_of("orders"), append_atom_v, what);
  w.vt->run();
  CHECK(again->mailbox().empty()); // its 201 would promise what may be lost
  w.log->flush();
  w.vt->run();
  CHECK(again->mailbox().size() == 1);
  CHECK(read(w, "orders").size() == 1);
}

TEST_CASE("a refusal waits for what it was decided on top of") {
  world w;
  w.log->at_once = false;
  caf::scoped_actor first{w.vt->sys};
  caf::scoped_actor wrong{w.vt->sys};
  append_request what{"orders",
                      expected_version::no_stream,
                      {{world::id(1), "t", "d", "", false}},
                      {}};
  first->send(w.partition_of("orders"), append_atom_v, what);
  what.events[0].id = world::id(2);
  wrong->send(w.partition_of("orders"), append_atom_v, what);
  w.vt->run();
  CHECK(wrong->mailbox().empty());
  w.log->fail(errc::storage_failed); // the stream never came to be
  w.vt->run();
  CHECK(wrong->mailbox().size() == 1);
  w.log->at_once = true;
  CHECK(w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what)
          ->error
        == errc::none);
}

TEST_CASE("a full disk refuses publishers by name, and they may come again") {
  world w;
  w.log->refuses = errc::storage_full;
  CHECK(w.publish("orders").error() == errc::storage_full);
  CHECK(read(w, "orders").empty());
  w.log->refuses = errc::none;
  CHECK(w.publish("orders").has_value());
}

TEST_CASE("when publishing has stopped, settling and deleting go on") {
  world w;
  REQUIRE(w.create("orders", "g").has_value());
  REQUIRE(w.publish("orders", 2).has_value());
  REQUIRE(w.fetch("orders", "g", 2).size() == 2);
  w.log->refuses_publishing = errc::storage_full;
  CHECK(w.publish("orders").error() == errc::storage_full);
  CHECK(w.settle("orders", "g", settle_action::ack, {world::id(0)})->applied
        == 1);
  CHECK(w.vt
          ->ask<append_reply>(
            w.partition_of("orders"), delete_atom_v,
            delete_request{"orders", expected_version::any, false})
          ->error
        == errc::none);
}

TEST_CASE("after a failed flush numbers begin again behind what is on disk") {
  world w;
  REQUIRE(w.publish("orders", 2).has_value());
  {
    w.log->at_once = false;
    caf::scoped_actor lost{w.vt->sys}; // must end before its system does
    append_request what{"orders",
                        expected_version::any,
                        {{world::id(100), "t", "d", "", false}},
                        {}};
    lost->send(w.partition_of("orders"), append_atom_v, what);
    w.vt->run();
    w.log->fail(errc::storage_failed);
    w.vt->run();
    CHECK(lost->mailbox().size() == 1);
    w.log->at_once = true;
  }
  CHECK(w.publish("orders")->first == event_number{2});
  w.crash();
  CHECK(read(w, "orders") == std::vector<std::uint64_t>{0, 1, 2});
}

TEST_CASE("a leader that leads no more is no error of its disk") {
  std::ostringstream log;
  auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
    "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  for (auto why : {errc::unavailable, errc::storage_failed}) {
    world w;
    tell_failed(*w.broker.routes, partition_id{0}, why);
    w.vt->run();
    CHECK((log.str().find("cannot record") != std::string::npos)
          == (why == errc::storage_failed));
  }
  spdlog::set_default_logger(before);
}

TEST_CASE("a waiting reader is told of the event, of the end of its time, or "
          "never if it left") {
  world w;
  auto wait = [&](caf::scoped_actor& self, std::uint64_t session) {
    self->send(w.partition_of("orders"), await_atom_v, std::string{"orders"},
               event_number{0}, session, std::uint64_t{5'000});
    w.vt->run();
  };
  caf::scoped_actor one{w.vt->sys};
  wait(one, 1);
  CHECK(one->mailbox().empty());
  REQUIRE(w.publish("orders").has_value());
  CHECK(one->mailbox().size() == 1);

  caf::scoped_actor late{w.vt->sys};
  late->send(w.partition_of("orders"), await_atom_v, std::string{"orders"},
             event_number{1}, std::uint64_t{2}, std::uint64_t{5'000});
  w.vt->advance(4'999ms);
  CHECK(late->mailbox().empty());
  w.vt->advance(1ms);
  CHECK(late->mailbox().size() == 1);
}

TEST_CASE(
  "of those who wait for a stream just the one who leaves is answered") {
  world w;
  auto wait = [&](std::uint64_t session) {
    return std::make_unique<asked<event_number>>(
      *w.vt, w.partition_of("orders"), await_atom_v, std::string{"orders"},
      event_number{0}, session, std::uint64_t{5'000});
  };
  auto first = wait(7);
  auto leaves = wait(3);
  auto leaves_too = wait(3);
  caf::anon_send(w.partition_of("orders"), cancel_atom_v,
                 group_key{"orders", {}}, std::uint64_t{3});
  CHECK(leaves->answer() == event_number{0});
  CHECK(leaves_too->answer() == event_number{0});
  CHECK_FALSE(first->answer().has_value());
  REQUIRE(w.publish("orders").has_value());
  CHECK(first->answer() == event_number{1});
}

TEST_CASE("$maxAge hides at once, and a sweep that survives a crash erases") {
  world w;
  REQUIRE(
    w.vt
      ->ask<append_reply>(w.partition_of("orders"), append_atom_v,
                          metadata(900, {.max_age_seconds = 10, .acl = {}}))
      .has_value());
  REQUIRE(w.publish("orders", 3).has_value());
  w.vt->advance(6s);
  REQUIRE(w.publish("orders", 2).has_value());
  CHECK(read(w, "orders").size() == 5);
  w.crash();
  w.vt->advance(5s);
  CHECK(read(w, "orders") == std::vector<std::uint64_t>{3, 4});
  w.vt->advance(3s);
  auto row = w.node->db->stream(w.node->placement.home_of("orders"), "orders");
  CHECK(row.value()->first_live == event_number{3});
  w.vt->advance(1min);
  CHECK(read(w, "orders").empty());
  CHECK(pending(w) == 0); // an empty stream is not swept for ever
}

TEST_CASE("a delayed message is erased when its lease is settled") {
  world w;
  REQUIRE(w.create("orders", "g").has_value());
  REQUIRE(w.publish("orders", 3).has_value());
  REQUIRE(w.fetch("orders", "g", 3).size() == 3);
  CHECK(pending(w) == 1); // one for the batch
  REQUIRE(
    w.settle("orders", "g", settle_action::ack, {world::id(0)}).has_value());
  CHECK(pending(w) == 1);
  REQUIRE(
    w.settle("orders", "g", settle_action::ack, {world::id(1), world::id(2)})
      .has_value());
  CHECK(pending(w) == 0);
}

TEST_CASE(
  "messages far ahead stay in LMDB and are sent when their time comes") {
  world w;
  REQUIRE(w.create("orders", "g").has_value());
  REQUIRE(w.publish("orders", 2).has_value());
  REQUIRE(w.fetch("orders", "g", 2).size() == 2);
  REQUIRE(w.settle("orders", "g", settle_action::retry, {world::id(0)}, 1h)
            .has_value());
  REQUIRE(w.settle("orders", "g", settle_action::retry, {world::id(1)}, 2h)
            .has_value());
  w.flush_store();
  w.crash();
  w.vt->advance(1h);
  CHECK(w.fetch("orders", "g", 2).size() == 1);
  w.vt->advance(1h); // and the lease of the first one has ended meanwhile
  CHECK(
    w.fetch("orders", "g", 2)
    == std::vector<std::pair<std::uint64_t, std::uint32_t>>{{0, 3}, {1, 2}});
}

TEST_CASE("a message to a group that is gone goes away") {
  world w;
  auto home = w.node->placement.home_of("orders");
  record stray;
  stray.changes.emplace_back(put_delayed{
    {{5}, w.now() + 1'000, delayed_kind::lease_end, "orders", "nobody", 1}});
  w.kept.push_back(
    {home, {w.node->db->applied(home).value + 1}, 1, encode(stray)});
  w.crash();
  CHECK(pending(w) == 1);
  w.vt->advance(2s);
  CHECK(pending(w) == 0);
}

TEST_CASE("a session gives back what comes after its client left") {
  world w;
  REQUIRE(w.create("orders", "g").has_value());
  auto session = spawn_session(w.vt->sys, {w.partition_of("orders")});
  caf::scoped_actor self{w.vt->sys};
  w.log->at_once = false;
  self->send(session, fetch_atom_v, fetch_request{{"orders", "g"}, 1, 30s, 0});
  w.vt->run();
  w.log->at_once = true;
  w.log->flush();
  w.vt->run();
  w.log->at_once = false;
  append_request what{
    "orders", expected_version::any, {{world::id(1), "t", "d", "", false}}, {}};
  caf::anon_send(w.partition_of("orders"), append_atom_v, what);
  w.vt->run();
  w.log->flush(1); // the event is there, the lease is on its way to the disk
  w.vt->run();
  caf::anon_send(session, cancel_atom_v);
  w.vt->run();
  w.log->at_once = true;
  w.log->flush();
  w.vt->run();
  CHECK(w.info("orders", "g").in_flight == 0);
  CHECK(w.fetch("orders", "g")
        == std::vector<std::pair<std::uint64_t, std::uint32_t>>{{0, 1}});
}

TEST_CASE("the groups of a stream are listed in the order of their creation") {
  world w;
  for (auto* name : {"z", "a", "m"})
    REQUIRE(w.create("orders", name).has_value());
  auto list = w.vt
                ->ask<group_infos>(w.partition_of("orders"), groups_atom_v,
                                   std::string{"orders"})
                .value();
  REQUIRE(list.size() == 3);
  CHECK(list[0].key.group == "z");
  CHECK(list[1].key.group == "a");
  CHECK(list[2].key.group == "m");
}

TEST_CASE("a record that no row or log can hold is refused and forgotten") {
  world w;
  w.log->at_once = false;
  append_request good{
    "orders", expected_version::any, {{world::id(1), "t", "d", "", false}}, {}};
  auto first = std::make_unique<asked<append_reply>>(
    *w.vt, w.partition_of("orders"), append_atom_v, good);
  auto refused = [&](append_request what) {
    return w.vt
      ->ask<append_reply>(w.partition_of("orders"), append_atom_v,
                          std::move(what))
      .error();
  };
  // A row of more than a page.
  CHECK(refused(metadata(2, {.acl = std::string(5'000, 'x')}))
        == errc::too_large);
  CHECK(refused(good) == errc::unavailable); // until the first one is on disk
  CHECK(!first->answer());
  w.log->flush();
  CHECK(first->answer());
  first.reset();
  w.log->at_once = true;
  append_request large{"orders", expected_version::any, {}, {}};
  for (std::uint64_t n = 3; n < 6; ++n)
    large.events.push_back(
      {world::id(n), "t", std::string(std::size_t{15} << 20, 'x'), "", false});
  CHECK(refused(std::move(large)) == errc::too_large);
  append_request many{"orders", expected_version::any, {}, {}};
  for (std::uint64_t n = 0; n <= limits::record_events_max; ++n)
    many.events.push_back({world::id(10 + n), "t", "", "", false});
  CHECK(refused(std::move(many)) == errc::too_large);
  CHECK(w.kept.size() == 1);
  CHECK(w.publish("orders")->first == event_number{1});
  CHECK(w.node->counts.rebuilds == 3);
  w.flush_store();
  w.crash();
  CHECK(read(w, "orders") == std::vector<std::uint64_t>{0, 1});
}

} // namespace callboard::test::partition_actor_test
