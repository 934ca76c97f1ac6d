// Rows of delayed messages that a disk has damaged, and messages that are
// refused for ever: they keep nobody else waiting.
#include "actors/core/limits.hpp"
#include "actors/core/schedules.hpp"
#include "actors/core/subscription.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace callboard::test::damaged_delayed_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;
using ids = std::vector<unsigned>;

partition_id home_of(const world& w, const std::string& stream = "orders") {
  return w.node->placement.home_of(stream);
}

/// A stream of another partition than that of `orders`.
std::string elsewhere(const world& w) {
  for (int i = 0;; ++i)
    if (auto name = "other" + std::to_string(i); home_of(w, name) != home_of(w))
      return name;
}

void schedule(world& w, std::uint64_t n, std::chrono::milliseconds delay,
              const std::string& stream = "orders") {
  schedule_request what{stream, {}};
  what.events.emplace_back(new_event{world::id(n), "order", "{}", "", true},
                           due_time{delay, {}});
  auto reply = w.vt->ask<schedule_reply>(w.partition_of(stream),
                                         schedule_atom_v, std::move(what));
  REQUIRE(reply->error == errc::none);
}

std::vector<delayed_message> stored(const world& w) {
  return w.node->db->delayed(home_of(w), {}, {}, {UINT64_MAX}, 100'000).value();
}

/// The ids of a stream's events, as `world::id` counts them.
ids read(world& w, const std::string& stream = "orders") {
  read_request what{stream, event_number{0}, 1'000, direction::forward, false};
  auto page =
    w.vt->ask<event_page_ptr>(w.partition_of(stream), read_atom_v, what)
      .value();
  ids out;
  for (auto& one : page->events)
    out.push_back(one.original->id.bytes[15]);
  return out;
}

std::int64_t waiting(const world& w, delayed_class which) {
  return w.node->counts.delayed_pending[std::size_t(which)].load();
}

using rows = std::vector<std::pair<table, std::string>>;

std::string key_of(const world& w, const delayed_message& what) {
  return keys::delayed(home_of(w), what.due, what.id);
}

/// A crash, and a disk that damages these rows.
void damage(world& w, const rows& which) {
  w.flush_store();
  w.crash({}, [&] {
    auto file = database::open({.folder = w.folder.path}).value();
    auto txn = file.write().value();
    for (auto& [where, key] : which)
      txn.put(where, key, "damaged").value();
    txn.commit().value();
  });
}

/// Something that was recorded before a crash.
void plant(world& w, const record& what) {
  auto home = home_of(w);
  w.kept.push_back(
    {home, {w.node->db->applied(home).value + 1}, 1, encode(what)});
  w.crash();
}

/// As it would be recorded, whatever `bytes` are.
record scheduled_as(const world& w, delayed_kind kind, std::string_view bytes) {
  record out;
  schedules agenda{0};
  agenda.load(world::id(1), std::nullopt);
  auto due = w.now() + 1'000;
  agenda.add(world::id(1), {{}, due, kind, "orders", {}, due.value}, bytes,
             out);
  return out;
}

/// So often the log says this while `act` runs.
template <class Act>
std::size_t lines_with(std::string_view text, Act act) {
  auto before = spdlog::default_logger();
  std::ostringstream log;
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
    "", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  act();
  spdlog::set_default_logger(before);
  auto lines = log.str();
  std::size_t out = 0;
  for (auto at = lines.find(text); at != std::string::npos;
       at = lines.find(text, at + 1))
    ++out;
  return out;
}

} // namespace

TEST_CASE("a damaged delayed message keeps no other one waiting, in no "
          "partition") {
  world w;
  auto other = elsewhere(w);
  schedule(w, 1, 120s); // behind what the timer looks ahead at first
  auto first = stored(w).at(0);
  schedule(w, 2, 150s);
  schedule(w, 3, 180s, other);
  damage(w, {{table::delayed, key_of(w, first)}});
  auto told =
    lines_with("a delayed message is damaged", [&] { w.vt->advance(200s); });
  CHECK(told == 1);
  CHECK(read(w) == ids{2});
  CHECK(read(w, other) == ids{3});
}

TEST_CASE("jobs, and who counts, get past a damaged delayed message") {
  world w{0, 1};
  for (std::uint64_t n = 1; n <= 3; ++n)
    schedule(w, n, 1h);
  auto first = stored(w).at(0);
  damage(w, {{table::delayed, key_of(w, first)}});
  CHECK(waiting(w, delayed_class::publish) == 3);
  bulk_command all{.id = world::id(70), .verb = bulk_verb::cancel};
  REQUIRE(
    w.vt->ask<schedule_reply>(w.partition_of("orders"), delayed_atom_v, all)
      .has_value());
  w.vt->advance(5s);
  auto found = w.vt
                 ->ask<delayed_detail_ptr>(w.broker.broker, delayed_atom_v,
                                           delayed_ref{{0}, world::id(70)})
                 .value();
  REQUIRE(found != nullptr);
  CHECK(found->job->done);
  CHECK(found->job->changed == 2);
  CHECK(waiting(w, delayed_class::publish) == 1);
}

TEST_CASE("a lease whose message is damaged ends when it should, and its group "
          "writes the message anew") {
  bool late = GENERATE(false, true); // the group starts when it is over
  world w;
  REQUIRE(w.create("orders", "workers").has_value());
  REQUIRE(w.publish("orders").has_value());
  REQUIRE(w.fetch("orders", "workers") == pairs{{0, 1}}); // for ten seconds
  auto end = stored(w).at(0);
  damage(w, {{table::delayed, key_of(w, end)}});
  w.vt->advance(late ? 20s : 4s);
  auto early = w.try_fetch("orders", "workers").value();
  REQUIRE(early.has_value());
  CHECK((*early)->events.empty());
  if (!late) {
    CHECK(stored(w).at(0).id == end.id);
    w.vt->advance(5'999ms);
    CHECK(w.fetch("orders", "workers").empty());
  }
  w.vt->advance(1ms);
  CHECK(w.fetch("orders", "workers") == pairs{{0, 2}});
  CHECK(stored(w).size() == 1);
  CHECK(waiting(w, delayed_class::group) == 1);
}

TEST_CASE("a retry and a pause whose messages are damaged end when they "
          "should") {
  world w;
  REQUIRE(w.create("orders", "workers").has_value());
  REQUIRE(w.publish("orders").has_value());
  REQUIRE(w.fetch("orders", "workers") == pairs{{0, 1}});
  REQUIRE(
    w.settle("orders", "workers", settle_action::retry, {world::id(0)}, 10min)
      .has_value());
  REQUIRE(w.command({{"orders", "workers"},
                     group_verb::pause,
                     {},
                     {},
                     due_time{.in = 20min, .at = {}}})
            .has_value());
  rows damaged;
  for (auto& one : stored(w))
    if (one.kind != delayed_kind::announce)
      damaged.emplace_back(table::delayed, key_of(w, one));
  REQUIRE(damaged.size() == 2);
  damage(w, damaged);
  CHECK(w.info("orders", "workers").next_retry == w.now() + 600'000);
  w.vt->advance(10min);
  CHECK(w.info("orders", "workers").next_retry == wall_time{});
  CHECK(w.fetch("orders", "workers").empty());
  w.vt->advance(10min);
  CHECK(w.fetch("orders", "workers") == pairs{{0, 2}});
}

TEST_CASE("a group that cannot start says why in the log") {
  world w;
  REQUIRE(w.create("orders", "unreadable").has_value());
  REQUIRE(w.publish("orders").has_value());
  REQUIRE(w.fetch("orders", "unreadable") == pairs{{0, 1}});
  auto group = w.node->db->group(home_of(w), "orders", "unreadable").value();
  auto told = lines_with(
    "a group cannot start stream=orders group=unreadable error=corrupt", [&] {
      damage(w, {{table::group_events,
                  keys::run(home_of(w), group->id, lane::source, {0})}});
      for (int i = 0; i < 3; ++i)
        CHECK(!w.try_fetch("orders", "unreadable").value().has_value());
    });
  CHECK(told == 1);
}

TEST_CASE("more messages than the timer holds, all of them refused for ever, "
          "keep no lease's end from coming") {
  world w;
  constexpr std::uint64_t many = limits::timer_window_max / 16 + 150;
  group_settings settings;
  settings.message_timeout_ms = 150'000; // behind what the timer looks ahead
  REQUIRE(w.create("orders", "workers", settings).has_value());
  REQUIRE(w.publish("orders").has_value());
  REQUIRE(w.fetch("orders", "workers") == pairs{{0, 1}});
  record planted; // sweeps of a stream that cannot be read
  for (std::uint64_t n = 1; n <= many; ++n)
    planted.changes.emplace_back(put_delayed{{{delayed_ids::sweeps | n},
                                              w.now() + 1'000,
                                              delayed_kind::retention,
                                              "unreadable",
                                              {}}});
  plant(w, planted);
  damage(w, {{table::streams, keys::stream(home_of(w), "unreadable")}});
  w.vt->advance(151s);
  CHECK(w.fetch("orders", "workers") == pairs{{0, 2}});
  CHECK(stored(w).size() == many + 1); // they are there
  // After 1, 2, 4... 32 seconds, and then once in a minute.
  CHECK(w.node->counts.delayed_fired <= 9 * many + 1);
}

TEST_CASE("a schedule without a rule, and a job that is none, are damage: they "
          "are told, and not offered again") {
  auto kind = GENERATE(delayed_kind::recurring, delayed_kind::bulk);
  world w;
  new_event tick{world::id(1), "tick", "{}", "", true};
  plant(w, scheduled_as(w, kind, pack(scheduled_event{tick, {}})));
  schedule(w, 2, 2s);
  w.vt->advance(5s);
  CHECK(read(w) == ids{2});
  auto offered = w.node->counts.delayed_fired.load();
  w.vt->advance(2min);
  CHECK(w.node->counts.delayed_fired == offered);
  CHECK(stored(w).size() == 1); // it is there
  recurring_request again{"orders", {}, tick};
  again.rule.every_ms = 1'000;
  auto reply =
    w.vt->ask<schedule_reply>(w.partition_of("orders"), schedule_atom_v, again);
  CHECK(reply->error == errc::already_exists);
}

TEST_CASE("a group beyond the last number that fits is refused") {
  world w;
  record planted;
  planted.changes.emplace_back(put_group{
    "orders", "last", subscription::first_row({groups_max - 1}, {}, {0}, {0})});
  plant(w, planted);
  CHECK(w.create("orders", "workers").has_value());
  CHECK(w.create("orders", "more").error() == errc::too_large);
  REQUIRE(w.publish("orders").has_value());
  CHECK(w.fetch("orders", "workers") == pairs{{0, 1}});
  w.vt->advance(10s);
  CHECK(w.fetch("orders", "workers") == pairs{{0, 2}});
}

} // namespace callboard::test::damaged_delayed_test
