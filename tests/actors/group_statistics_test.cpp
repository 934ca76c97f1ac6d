// What a group tells of itself: rates, buffers, positions, times; restarts and
// deletes.
#include "tests/support/world.hpp"

#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

namespace callboard::test::group_statistics_test {

using namespace std::chrono_literals;

namespace {

group_info described(world& w, const std::string& stream) {
  auto all = w.vt->ask<group_infos>(w.broker.broker, describe_atom_v).value();
  for (auto& one : all)
    if (one.key.stream == stream)
      return one;
  throw std::runtime_error("no such group");
}

errc remove_stream(world& w, const std::string& stream, bool hard = false) {
  return w.vt
    ->ask<append_reply>(w.partition_of(stream), delete_atom_v,
                        delete_request{stream, expected_version::any, hard})
    .value()
    .error;
}

void restart(world& w) {
  CHECK(w.vt->ask<bool>(w.broker.broker, restart_atom_v).value());
}

} // namespace

TEST_CASE("the rate is whole deliveries a second since the last measurement") {
  world w;
  w.create("s", "g");
  w.publish("s", 30);
  CHECK(w.info("s", "g").items_per_second == 0);
  w.fetch("s", "g", 25);
  w.vt->advance(10s);
  CHECK(described(w, "s").delivered_since_last == 25); // looks, measures not
  auto measured = w.info("s", "g");
  CHECK(measured.items_per_second == 2);
  CHECK(measured.delivered_since_last == 25);
  CHECK(measured.delivered_total == 25);
  auto again = w.info("s", "g");
  CHECK(again.items_per_second == 0);
  CHECK(again.delivered_since_last == 0);
  CHECK(again.delivered_total == 25);
}

TEST_CASE("a redelivery counts as a delivery") {
  world w;
  w.create("s", "g");
  w.publish("s");
  w.fetch("s", "g");
  w.settle("s", "g", settle_action::retry, {world::id(0)});
  w.fetch("s", "g");
  CHECK(w.info("s", "g").delivered_total == 2);
}

TEST_CASE("buffers hold what Event Store would have in memory") {
  world w;
  w.publish("s", 4);
  group_settings small;
  small.buffer_size = 6;
  small.read_batch_size = 5;
  small.live_buffer_size = 3;
  w.create("s", "g", small);
  auto now = [&] { return w.info("s", "g"); };
  CHECK(now().live);
  CHECK(now().read_buffer == 4);
  CHECK(now().live_buffer == 0);
  w.publish("s", 2);
  CHECK(now().live);
  CHECK(now().live_buffer == 2);
  w.publish("s", 2);
  CHECK_FALSE(now().live);
  CHECK(now().read_buffer == 6);
  CHECK(now().live_buffer == 3);
  w.fetch("s", "g", 2);
  CHECK(now().live);
  w.settle("s", "g", settle_action::retry, {world::id(0)});
  w.settle("s", "g", settle_action::park, {world::id(1)});
  CHECK(now().retry_buffer == 1);
  w.command({{"s", "g"}, group_verb::replay_parked, {}, {}});
  CHECK(now().retry_buffer == 2);
  CHECK_FALSE(now().replaying);
}

TEST_CASE("positions are unknown until something was settled, or came") {
  world w;
  w.publish("s", 4);
  group_settings from_now;
  from_now.start_from = -1;
  group_settings from_three;
  from_three.start_from = 3;
  group_settings far;
  far.start_from = 100;
  w.create("s", "now", from_now);
  w.create("s", "three", from_three);
  w.create("s", "far", far);
  auto known = [&](const char* group) {
    auto info = w.info("s", group);
    return std::pair{info.checkpoint, info.last_known};
  };
  using numbers = std::pair<std::int64_t, std::int64_t>;
  CHECK(known("now") == numbers{-1, -1});
  CHECK(known("three") == numbers{-1, 3});
  CHECK(known("far") == numbers{-1, -1});
  w.fetch("s", "three");
  w.settle("s", "three", settle_action::ack, {world::id(3)});
  CHECK(known("three") == numbers{3, 3});
  w.publish("s");
  CHECK(known("now") == numbers{-1, 4});
  CHECK(known("far") == numbers{-1, -1});
}

TEST_CASE("a group that starts at the end loses nothing to a crash") {
  world w;
  w.publish("s", 2);
  group_settings from_now;
  from_now.start_from = -1;
  w.create("s", "g", from_now);
  w.publish("s", 2);
  w.crash();
  w.publish("s");
  CHECK(w.fetch("s", "g", 10)
        == std::vector<std::pair<std::uint64_t, std::uint32_t>>{
          {2, 1}, {3, 1}, {4, 1}});
}

TEST_CASE("extra statistics are kept only if they are asked for") {
  world w;
  group_settings measured;
  measured.extra_statistics = true;
  w.create("s", "with", measured);
  w.create("s", "without");
  w.publish("s", 3);
  for (auto group : {"with", "without"})
    w.fetch("s", group, 3);
  w.vt->advance(40ms);
  for (auto group : {"with", "without"})
    w.settle("s", group, settle_action::ack, {world::id(0)});
  w.vt->advance(60ms);
  w.settle("s", "with", settle_action::retry, {world::id(1)});
  CHECK(w.info("s", "without").extra_statistics.empty());
  auto told = w.info("s", "with").extra_statistics;
  REQUIRE(told.size() == 14);
  CHECK(told.front() == std::pair{std::string{"Mean"}, 70L});
  CHECK(told.back() == std::pair{std::string{"Highest"}, 100L});
  w.vt->advance(15s); // the lease of the third one ends
  CHECK(w.info("s", "with").extra_statistics.back().second == 10'000);
  measured.extra_statistics = false;
  w.command({{"s", "with"}, group_verb::update, measured, {}});
  CHECK(w.info("s", "with").extra_statistics.empty());
}

TEST_CASE("the oldest parked event has an age") {
  world w;
  w.create("s", "g");
  w.publish("s", 2);
  w.fetch("s", "g", 2);
  CHECK(w.info("s", "g").oldest_parked_s == 0);
  w.settle("s", "g", settle_action::park, {world::id(0)});
  w.vt->advance(90s);
  w.fetch("s", "g");
  w.settle("s", "g", settle_action::park, {world::id(1)});
  w.vt->advance(5s);
  CHECK(w.info("s", "g").oldest_parked_s == 95);
  CHECK(described(w, "s").oldest_parked_s == 95);
  w.command({{"s", "g"}, group_verb::replay_parked, {}, event_number{1}});
  CHECK(w.info("s", "g").oldest_parked_s == 5);
  w.command({{"s", "g"}, group_verb::replay_parked, {}, {}});
  CHECK(w.info("s", "g").oldest_parked_s == 0);
  CHECK(w.info("s", "g").parked == 0);
}

TEST_CASE("who truncates the parked stream has that many less parked") {
  world w;
  w.create("s", "g");
  w.publish("s", 10);
  w.fetch("s", "g", 10);
  std::vector<uuid> ids;
  for (std::uint64_t i = 0; i < 10; ++i)
    ids.push_back(world::id(i));
  w.settle("s", "g", settle_action::park, ids);
  CHECK(w.info("s", "g").parked == 10);
  std::string parked = "$persistentsubscription-s::g-parked";
  append_request metadata;
  metadata.stream = "$$" + parked;
  metadata.events = {{world::id(999), "$metadata", "{\"$tb\":5}", "", true}};
  metadata.policy.emplace().truncate_before = 5;
  CHECK(w.vt
          ->ask<append_reply>(w.partition_of("s"), append_atom_v,
                              std::move(metadata))
          .value()
          .error
        == errc::none);
  CHECK(w.info("s", "g").parked == 5);
  w.command({{"s", "g"}, group_verb::replay_parked, {}, {}});
  CHECK(w.fetch("s", "g", 10).size() == 5);
  CHECK(w.info("s", "g").parked == 0);
}

TEST_CASE("a restart of all groups keeps what is on disk") {
  world w;
  for (auto stream : {"a", "b", "c"}) {
    w.create(stream, "g");
    w.publish(stream, 3);
  }
  w.fetch("a", "g", 2);
  w.settle("a", "g", settle_action::ack, {world::id(0)});
  restart(w);
  auto a = w.info("a", "g");
  CHECK(a.delivered_total == 0); // counts begin anew
  CHECK(a.in_flight == 1);
  CHECK(a.checkpoint == 0);
  CHECK(w.settle("a", "g", settle_action::ack, {world::id(1)}).value().applied
        == 1);
  CHECK(w.fetch("a", "g", 5).size() == 1);
  CHECK(w.fetch("b", "g", 5).size() == 3);
  restart(w);
  CHECK(w.info("c", "g").ready == 3);
}

TEST_CASE("a restart answers who waits with nothing") {
  world w;
  w.create("s", "g");
  caf::scoped_actor waiting{w.vt->sys};
  auto pending =
    waiting->request(w.partition_of("s"), caf::infinite, fetch_atom_v,
                     fetch_request{{"s", "g"}, 1, 30s, 1});
  w.vt->run();
  restart(w);
  std::optional<std::size_t> got;
  pending.receive(
    [&](const delivery_batch_ptr& batch) { got = batch->events.size(); },
    [](const caf::error&) {});
  CHECK(got == 0U);
}

TEST_CASE("a restart without groups is done at once") {
  world w;
  restart(w);
}

TEST_CASE("a deleted stream is delivered as far as it was buffered") {
  world w;
  group_settings small;
  small.buffer_size = 3;
  small.read_batch_size = 2;
  w.create("s", "g", small);
  w.publish("s", 6);
  w.fetch("s", "g");
  bool hard = GENERATE(false, true);
  CHECK(remove_stream(w, "s", hard) == errc::none);
  CHECK(w.info("s", "g").ready == 3);
  CHECK(w.fetch("s", "g", 10).size() == 3);
  CHECK(w.fetch("s", "g", 10).empty());
  CHECK(w.info("s", "g").in_flight == 4);
  w.settle("s", "g", settle_action::retry, {world::id(1)});
  CHECK(w.fetch("s", "g", 10)
        == std::vector<std::pair<std::uint64_t, std::uint32_t>>{{1, 2}});
  if (hard)
    return;
  w.publish("s", 2);
  CHECK(
    w.fetch("s", "g", 10)
    == std::vector<std::pair<std::uint64_t, std::uint32_t>>{{6, 1}, {7, 1}});
}

TEST_CASE("what was buffered of a deleted stream is gone after a restart") {
  world w;
  w.create("s", "g");
  w.publish("s", 3);
  CHECK(remove_stream(w, "s") == errc::none);
  restart(w);
  CHECK(w.fetch("s", "g", 10).empty());
  CHECK(w.info("s", "g").ready == 0);
  w.publish("s");
  CHECK(w.fetch("s", "g", 10)
        == std::vector<std::pair<std::uint64_t, std::uint32_t>>{{3, 1}});
}

TEST_CASE("a group that is created again begins without a checkpoint") {
  world w;
  w.create("s", "g");
  w.publish("s", 2);
  w.fetch("s", "g", 2);
  w.settle("s", "g", settle_action::park, {world::id(0)});
  w.settle("s", "g", settle_action::ack, {world::id(1)});
  CHECK(w.command({{"s", "g"}, group_verb::remove, {}, {}}).has_value());
  w.create("s", "g");
  auto info = w.info("s", "g");
  CHECK(info.parked == 0);
  CHECK(info.checkpoint == -1);
  CHECK(w.fetch("s", "g", 5).size() == 2);
  w.settle("s", "g", settle_action::park, {world::id(0)});
  CHECK(w.info("s", "g").parked == 1);
}

} // namespace callboard::test::group_statistics_test
