// `$callboard-events`: one event for each thing that happened, over restarts.
#include "actors/core/json_words.hpp"
#include "actors/core/names.hpp"
#include "tests/support/parked_group.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>

namespace callboard::test::notices_test {

using namespace std::chrono_literals;

namespace {

std::vector<event_ptr> told(world& w) {
  read_request what{std::string{events_stream}, event_number{0}, 1000};
  auto page = w.vt
                ->ask<event_page_ptr>(
                  w.partition_of(std::string{events_stream}), read_atom_v, what)
                .value();
  std::vector<event_ptr> out;
  for (auto& one : page->events)
    out.push_back(one.original);
  return out;
}

std::size_t waiting(world& w) {
  std::size_t out = 0;
  for (std::size_t p = 0; p < w.node->db->partitions(); ++p) {
    auto rows = w.node->db->delayed({p}, {}, {}, {UINT64_MAX}, 1000).value();
    for (auto& one : rows)
      out += one.kind == delayed_kind::announce ? 1 : 0;
  }
  return out;
}

bool has(const event_ptr& e, std::string_view text) {
  return e->data.find(text) != std::string::npos;
}

} // namespace

TEST_CASE("each event that is parked is told, with what is known of it") {
  parked_group g;
  g.park(2, "no \"such\" customer");
  auto events = told(g);
  REQUIRE(events.size() == 2);
  CHECK(events[0]->type == "event-parked");
  CHECK(events[0]->is_json);
  CHECK(has(events[1], R"("stream":"orders","group":"workers")"));
  CHECK(has(events[1], R"("event":"1@orders")"));
  CHECK(has(events[1], "\"eventId\":\"" + to_string(g.id(1)) + '"'));
  CHECK(has(events[1], R"("attempts":1)"));
  CHECK(has(events[1], R"("reason":"no \"such\" customer")"));
  CHECK(waiting(g) == 0);
}

TEST_CASE("the stream of events is bounded from its first event on, unless "
          "somebody chose otherwise") {
  parked_group g;
  g.park(1, "bad");
  std::string stream{events_stream};
  auto bound = [&] {
    return g.vt
      ->ask<stream_description>(g.partition_of(stream), describe_atom_v, stream)
      .value()
      .head->policy.max_count;
  };
  CHECK(bound() == limits::notices_kept);
  append_request chosen{
    metadata_stream(stream),
    expected_version::any,
    {{g.id(77), "$metadata", R"({"$maxCount":5})", "", true}},
    stream_policy{.max_count = 5, .acl = {}}};
  g.vt->ask<append_reply>(g.partition_of(stream), append_atom_v, chosen)
    .value();
  g.crash();
  g.park(8, "bad");
  CHECK(bound() == 5);
  CHECK(told(g).size() == 5);
}

TEST_CASE("what was recorded is told once, however often the broker dies") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    parked_group g{seed};
    std::mt19937_64 random{seed};
    g.publish("orders", 6).value();
    g.next(6);
    settle_request park{
      {"orders", "workers"}, settle_action::park, {}, {}, "bad"};
    for (std::uint64_t n = 0; n < 6; ++n)
      park.ids.push_back(g.id(n));
    g.log->at_once = false;
    { // ends before its actor system does
      caf::scoped_actor self{g.vt->sys};
      self->send(g.partition_of("orders"), settle_atom_v, park);
      g.vt->run();
      g.log->flush(); // parked, and on record
    }
    for (int crashes = 0; crashes < 4; ++crashes) {
      for (auto steps = random() % 6; steps > 0; --steps) {
        g.vt->advance(1ms);
        g.log->flush(1 + random() % 2);
      }
      g.crash();
      g.log->at_once = false;
    }
    g.log->at_once = true;
    g.crash();
    g.vt->advance(2s);
    auto events = told(g);
    std::set<std::string> distinct;
    for (auto& one : events)
      distinct.insert(one->data);
    CHECK(events.size() == 6);
    CHECK(distinct.size() == 6);
    CHECK(waiting(g) == 0);
  }
}

TEST_CASE("events that cannot be appended now are told later") {
  parked_group g;
  g.publish("orders", 1).value();
  g.next(1);
  g.log->refuses_publishing = errc::storage_full;
  g.park_delivered({0}, "bad");
  CHECK(told(g).empty());
  CHECK(waiting(g) == 1);
  g.log->refuses_publishing = errc::none;
  g.vt->advance(2s);
  CHECK(told(g).size() == 1);
}

TEST_CASE("a group that reads the stream of events parks without telling") {
  parked_group g;
  g.park(1, "bad");
  std::string stream{events_stream};
  group_settings from_start;
  g.create(stream, "watchers", from_start).value();
  auto batch = g.try_fetch(stream, "watchers", 5).value().value();
  REQUIRE(batch->events.size() == 1);
  settle_request park{{stream, "watchers"},
                      settle_action::park,
                      {batch->events.front().what.original->id},
                      {},
                      "bad"};
  g.vt->ask<settle_reply>(g.partition_of(stream), settle_atom_v, park).value();
  g.vt->advance(1min);
  CHECK(told(g).size() == 1);
}

TEST_CASE("a stream of events that was deleted for ever swallows them") {
  parked_group g;
  std::string stream{events_stream};
  g.vt
    ->ask<append_reply>(g.partition_of(stream), delete_atom_v,
                        delete_request{stream, expected_version::any, true})
    .value();
  g.park(3, "bad");
  CHECK(waiting(g) == 0);
}

TEST_CASE("pauses and the breaker are told as they come and go") {
  parked_group g;
  auto types = [&] {
    g.vt->advance(1ms);
    std::vector<std::string> out;
    for (auto& one : told(g))
      out.push_back(one->type);
    return out;
  };
  group_command pause{{"orders", "workers"}, group_verb::pause, {}, {}};
  pause.due = due_time{60s};
  pause.reason = "deploying";
  REQUIRE(g.command(pause).has_value());
  CHECK(types() == std::vector<std::string>{"group-paused"});
  CHECK(has(told(g)[0], R"("reason":"deploying")"));
  g.crash();
  g.vt->advance(2min); // by itself
  CHECK(types() == std::vector<std::string>{"group-paused", "group-resumed"});

  g.publish("orders", 1).value();
  REQUIRE(g.next(1) == pairs{{0, 1}});
  settle_request trip{
    {"orders", "workers"}, settle_action::retry, {g.id(0)}, 30s, "down"};
  trip.whole_group = true;
  g.vt->ask<settle_reply>(g.partition_of("orders"), settle_atom_v, trip)
    .value();
  CHECK(types().back() == "breaker-tripped");
  g.vt->advance(31s);
  CHECK(types().size() == 3); // half open is nobody's business
  REQUIRE(g.next(1) == pairs{{0, 2}});
  g.ack(0);
  CHECK(types().back() == "breaker-closed");
  CHECK(types().size() == 4);
}

TEST_CASE("what is told has all its times by the machine's clock") {
  parked_group g;
  g.wall_step_ms = -1'200'000;
  auto at = g.node->wall();
  group_command pause{{"orders", "workers"}, group_verb::pause, {}, {}};
  pause.due = due_time{60s};
  REQUIRE(g.command(pause).has_value());
  g.vt->advance(1ms);
  auto events = told(g);
  REQUIRE(events.size() == 1);
  CHECK(has(events[0], "\"at\":\"" + iso_time(at) + '"'));
  CHECK(has(events[0], "\"until\":\"" + iso_time(at + 60'000) + '"'));
}

} // namespace callboard::test::notices_test
