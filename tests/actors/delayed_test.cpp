// Events that are published later, in virtual time and over restarts.
#include "actors/core/limits.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace callboard::test::delayed_test {

using namespace std::chrono_literals;

namespace {

due_time in(std::chrono::milliseconds delay) {
  return {delay, {}};
}

new_event event_of(std::uint64_t n, std::string data = "{}") {
  return {world::id(n), "order", std::move(data), "", true};
}

result<schedule_reply> schedule(world& w, std::uint64_t n, due_time due,
                                const std::string& stream = "orders") {
  return w.vt->ask<schedule_reply>(
    w.partition_of(stream), schedule_atom_v,
    schedule_request{stream, {{event_of(n), due}}});
}

result<schedule_reply> change_one(world& w, std::uint64_t n, delayed_verb verb,
                                  due_time due = {}) {
  return w.vt->ask<schedule_reply>(w.partition_of("orders"), delayed_atom_v,
                                   delayed_command{world::id(n), verb, due});
}

/// The ids of a stream's events, as `world::id` counts them.
std::vector<unsigned> read(world& w, const std::string& stream = "orders") {
  read_request what{stream, event_number{0}, 1'000, direction::forward, false};
  auto page =
    w.vt->ask<event_page_ptr>(w.partition_of(stream), read_atom_v, what)
      .value();
  std::vector<unsigned> out;
  for (auto& one : page->events)
    out.push_back(one.original->id.bytes[15]);
  return out;
}

std::size_t rows(world& w, const std::string& stream = "orders") {
  return w.node->db
    ->delayed(w.node->placement.home_of(stream), {}, {}, {UINT64_MAX}, 1'000)
    ->size();
}

using ids = std::vector<unsigned>;

} // namespace

TEST_CASE("a scheduled event is appended when it is due, with its own id") {
  world w;
  auto reply = schedule(w, 1, in(90s));
  REQUIRE(reply.has_value());
  CHECK(reply->error == errc::none);
  CHECK(!reply->repeated);
  CHECK(reply->due == w.now() + 90'000);
  w.vt->advance(89s);
  CHECK(read(w).empty());
  w.vt->advance(1s);
  CHECK(read(w) == ids{1});
  CHECK(rows(w) == 0);
}

TEST_CASE("scheduling is answered once it is on disk, not before") {
  world w;
  w.log->at_once = false;
  caf::scoped_actor self{w.vt->sys};
  self->send(w.partition_of("orders"), schedule_atom_v,
             schedule_request{"orders", {{event_of(1), in(10s)}}});
  w.vt->run();
  CHECK(self->mailbox().empty());
  w.log->flush();
  w.vt->run();
  CHECK(self->mailbox().size() == 1);
}

TEST_CASE("events come in the order of their time, then of scheduling") {
  world w;
  for (std::uint64_t n : {3, 1, 2})
    REQUIRE(schedule(w, n, {{}, w.now() + 5'000}).has_value());
  REQUIRE(schedule(w, 4, {{}, w.now() + 4'999}).has_value());
  w.vt->advance(10s);
  CHECK(read(w) == ids{4, 3, 1, 2});
}

TEST_CASE("events for one time come in order, though the clocks flicker") {
  world w;
  ids wanted;
  auto at = w.now() + 60'000;
  for (unsigned n = 1; n <= 40; ++n) {
    w.wall_step_ms = n * 7 % 3; // whole milliseconds of two clocks
    auto reply = schedule(w, n, {{}, at});
    CHECK(reply->due == at);
    wanted.push_back(n);
  }
  w.vt->advance(61s);
  CHECK(read(w) == wanted);
}

TEST_CASE("a time that is over is now") {
  world w;
  auto reply = schedule(w, 1, {{}, {5}});
  CHECK(reply->due == w.now());
  w.vt->advance(3ms);
  CHECK(read(w) == ids{1});
}

TEST_CASE("a repeated request changes nothing, before and after it fired") {
  world w;
  REQUIRE(schedule(w, 1, in(10s)).has_value());
  auto due = w.now() + 10'000;
  w.vt->advance(5s);
  auto again = schedule(w, 1, in(10s));
  CHECK(again->repeated);
  CHECK(again->due == due);
  w.vt->advance(10s);
  CHECK(read(w) == ids{1});
  CHECK(schedule(w, 1, in(10s))->repeated);
  w.crash();
  CHECK(schedule(w, 1, in(10s))->repeated);
  w.vt->advance(60s);
  CHECK(read(w) == ids{1});
}

TEST_CASE("what was published at once is not published again later") {
  world w;
  REQUIRE(schedule(w, 1, in(10s)).has_value());
  w.next_id = 1;
  REQUIRE(w.publish("orders").has_value());
  CHECK(schedule(w, 1, in(10s))->repeated);
  w.vt->advance(60s);
  CHECK(read(w) == ids{1});
  CHECK(rows(w) == 0);
}

TEST_CASE("a batch is one record; an event twice in it comes once") {
  world w;
  schedule_request what{"orders", {}};
  for (std::uint64_t n : {1, 2, 1, 3})
    what.events.emplace_back(event_of(n), in(std::chrono::seconds{10 - n}));
  auto before = w.kept.size();
  auto reply =
    w.vt->ask<schedule_reply>(w.partition_of("orders"), schedule_atom_v, what);
  CHECK(!reply->repeated);
  CHECK(w.kept.size() == before + 1);
  w.vt->advance(20s);
  CHECK(read(w) == ids{3, 2, 1});
}

TEST_CASE("a batch that has an event twice may be repeated, and mixed") {
  world w;
  w.next_id = 4;
  REQUIRE(w.publish("orders").has_value());
  schedule_request what{"orders", {}};
  for (std::uint64_t n : {1, 2, 1, 4, 4})
    what.events.emplace_back(event_of(n), in(10s));
  auto ask = [&] {
    return w.vt->ask<schedule_reply>(w.partition_of("orders"), schedule_atom_v,
                                     what);
  };
  CHECK(!ask()->repeated);
  CHECK(ask()->repeated);
  w.vt->advance(20s);
  CHECK(ask()->repeated);
  CHECK(read(w) == ids{4, 1, 2});
  CHECK(rows(w) == 0);
}

TEST_CASE("an id is scheduled for one stream only") {
  world w{0, 1};
  REQUIRE(schedule(w, 1, in(10s)).has_value());
  CHECK(schedule(w, 1, in(10s), "others")->error == errc::already_exists);
  w.vt->advance(20s);
  CHECK(read(w, "others").empty());
}

TEST_CASE("what lies beyond the horizon is refused, the whole batch with it") {
  world w;
  schedule_request what{
    "orders",
    {{event_of(1), in(10s)}, {event_of(2), in(limits::delay_max + 1ms)}}};
  auto reply =
    w.vt->ask<schedule_reply>(w.partition_of("orders"), schedule_atom_v, what);
  CHECK(reply->error == errc::too_large);
  CHECK(rows(w) == 0);
  CHECK(schedule(w, 3, {{}, {UINT64_MAX}})->error == errc::too_large);
  CHECK(schedule(w, 4, in(limits::delay_max))->error == errc::none);
}

TEST_CASE("large events lie in pieces, and come back whole") {
  world w;
  std::string data(100'000, 'x');
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] = char('a' + i % 23);
  REQUIRE(w.vt
            ->ask<schedule_reply>(
              w.partition_of("orders"), schedule_atom_v,
              schedule_request{"orders", {{event_of(1, data), in(1s)}}})
            .has_value());
  w.flush_store();
  w.crash();
  w.vt->advance(2s);
  read_request what{"orders", event_number{0}, 1, direction::forward, false};
  auto page =
    w.vt->ask<event_page_ptr>(w.partition_of("orders"), read_atom_v, what)
      .value();
  REQUIRE(page->events.size() == 1);
  CHECK(page->events[0].original->data == data);
}

TEST_CASE("a crash loses nothing that was scheduled, and repeats nothing") {
  world w;
  for (std::uint64_t n = 1; n <= 20; ++n)
    REQUIRE(schedule(w, n, in(std::chrono::seconds{n})).has_value());
  w.vt->advance(7500ms);
  w.crash();
  w.vt->advance(5s);
  w.flush_store();
  w.crash();
  w.vt->advance(60s);
  ids all;
  for (unsigned n = 1; n <= 20; ++n)
    all.push_back(n);
  CHECK(read(w) == all);
  CHECK(rows(w) == 0);
}

TEST_CASE(
  "an event that is due while nothing can be published keeps its turn") {
  world w;
  for (std::uint64_t n = 1; n <= 3; ++n)
    REQUIRE(
      schedule(w, n, in(std::chrono::milliseconds{1000 * n})).has_value());
  w.log->refuses_publishing = errc::storage_full;
  w.vt->advance(2500ms);
  CHECK(read(w).empty());
  w.log->refuses_publishing = errc::none;
  w.vt->advance(510ms);
  CHECK((read(w) == ids{} || read(w).front() == 1));
  w.vt->advance(5s);
  CHECK(read(w) == ids{1, 2, 3});
}

TEST_CASE("a record that is lost is decided again") {
  world w;
  REQUIRE(schedule(w, 1, in(1s)).has_value());
  w.log->at_once = false;
  w.vt->advance(1s);
  w.log->fail(errc::storage_failed);
  w.log->at_once = true;
  w.vt->advance(5s);
  CHECK(read(w) == ids{1});
}

TEST_CASE("an event for a stream that is deleted for ever is dropped") {
  world w;
  REQUIRE(w.publish("orders").has_value());
  REQUIRE(schedule(w, 1, in(1s)).has_value());
  REQUIRE(
    w.vt
      ->ask<append_reply>(w.partition_of("orders"), delete_atom_v,
                          delete_request{"orders", expected_version::any, true})
      .has_value());
  w.vt->advance(5s);
  CHECK(rows(w) == 0);
  CHECK(w.node->counts.delayed_dropped == 1);
  CHECK(schedule(w, 2, in(1s))->error == errc::stream_deleted);
}

TEST_CASE("many events that are dropped are one line of the log") {
  world w;
  REQUIRE(w.publish("orders").has_value());
  for (std::uint64_t n = 1; n <= 3; ++n)
    REQUIRE(schedule(w, n, in(1s)).has_value());
  REQUIRE(
    w.vt
      ->ask<append_reply>(w.partition_of("orders"), delete_atom_v,
                          delete_request{"orders", expected_version::any, true})
      .has_value());
  auto before = spdlog::default_logger();
  std::ostringstream log;
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
    "", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  w.vt->advance(5s);
  spdlog::set_default_logger(before);
  CHECK(w.node->counts.delayed_dropped == 3);
  auto lines = log.str();
  INFO(lines);
  auto told = lines.find("a scheduled event is dropped");
  CHECK(told != std::string::npos);
  CHECK(lines.rfind("a scheduled event is dropped") == told);
}

TEST_CASE("what is taken away never comes; it can be scheduled again") {
  world w;
  REQUIRE(schedule(w, 1, in(10s)).has_value());
  CHECK(change_one(w, 1, delayed_verb::cancel)->error == errc::none);
  CHECK(change_one(w, 1, delayed_verb::cancel)->error == errc::not_found);
  CHECK(rows(w) == 0);
  w.vt->advance(20s);
  CHECK(read(w).empty());
  REQUIRE(schedule(w, 1, in(1s)).has_value());
  w.vt->advance(2s);
  CHECK(read(w) == ids{1});
}

TEST_CASE("what is moved comes at its new time, there and back in one flush") {
  world w;
  REQUIRE(schedule(w, 1, in(10s)).has_value());
  auto due = w.now() + 10'000;
  w.log->at_once = false;
  caf::scoped_actor self{w.vt->sys};
  for (due_time to : {in(30s), due_time{{}, due}, in(20s), due_time{{}, due}})
    self->send(w.partition_of("orders"), delayed_atom_v,
               delayed_command{world::id(1), delayed_verb::move, to});
  w.vt->run();
  w.log->flush();
  w.log->at_once = true;
  w.vt->run();
  CHECK(rows(w) == 1);
  w.vt->advance(9s);
  CHECK(read(w).empty());
  w.vt->advance(1s);
  CHECK(read(w) == ids{1});
  CHECK(change_one(w, 1, delayed_verb::move, in(1s))->error == errc::not_found);
}

TEST_CASE("an event that is taken away while it fires is one of the two") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    world w{seed};
    REQUIRE(schedule(w, 1, in(1s)).has_value());
    w.log->at_once = false;
    caf::scoped_actor self{w.vt->sys};
    if (seed % 2 == 0)
      w.vt->advance(1s);
    auto pending =
      self->request(w.partition_of("orders"), caf::infinite, delayed_atom_v,
                    delayed_command{world::id(1), delayed_verb::cancel, {}});
    if (seed % 2 == 1)
      w.vt->advance(1s);
    w.vt->run();
    w.log->at_once = true;
    w.log->flush();
    w.vt->advance(5s);
    auto outcome = errc::unavailable;
    pending.receive([&](schedule_reply& reply) { outcome = reply.error; },
                    [](caf::error&) { FAIL("an error"); });
    CHECK(read(w).size() == (outcome == errc::none ? 0 : 1));
    CHECK(rows(w) == 0);
  }
}

TEST_CASE("how much waits is counted, also after a restart") {
  world w;
  for (std::uint64_t n = 1; n <= 30; ++n)
    REQUIRE(schedule(w, n, in(std::chrono::seconds{10 * n})).has_value());
  auto waiting = [&] {
    return w.node->counts.delayed_pending[std::size_t(delayed_class::publish)]
      .load();
  };
  CHECK(waiting() == 30);
  w.vt->advance(105s);
  CHECK(waiting() == 20);
  w.crash();
  CHECK(waiting() == 20);
  CHECK(change_one(w, 30, delayed_verb::cancel)->error == errc::none);
  CHECK(waiting() == 19);
}

} // namespace callboard::test::delayed_test
