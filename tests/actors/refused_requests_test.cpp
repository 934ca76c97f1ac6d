// Requests that are refused leave nothing in the memory of a partition.
#include "actors/core/limits.hpp"
#include "actors/partition_actor.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::refused_requests_test {

namespace {

stream_heads& heads_of(const partition_actor& partition) {
  auto* raw = caf::actor_cast<caf::abstract_actor*>(partition);
  auto* actor =
    dynamic_cast<partition_actor::stateful_pointer<partition_state>>(raw);
  REQUIRE(actor != nullptr);
  return *actor->state.heads;
}

/// As so many refused requests for as many streams.
void load_many(stream_heads& heads) {
  for (std::size_t i = 0; heads.heads() <= limits::stream_heads_max; ++i)
    heads.load("s" + std::to_string(i), std::nullopt);
}

} // namespace

TEST_CASE("heads of streams that nobody wrote to are forgotten, too") {
  world w{0, 1};
  auto to = w.partition_of("orders");
  auto& heads = heads_of(to);

  load_many(heads);
  auto removed = w.vt->ask<append_reply>(to, delete_atom_v,
                                         delete_request{"orders", 5, false});
  CHECK(removed->error == errc::wrong_version);
  CHECK(heads.heads() < 10);

  load_many(heads);
  append_request event{"orders", 5, {}, {}};
  event.events.push_back({world::id(1), "t", "{}", "", true});
  auto appended = w.vt->ask<append_reply>(to, append_atom_v, event);
  CHECK(appended->error == errc::wrong_version);
  CHECK(heads.heads() < 10);

  load_many(heads);
  schedule_request later{"orders", {}};
  later.events.emplace_back(
    new_event{world::id(1), "t", "{}", "", true},
    due_time{limits::delay_max + std::chrono::hours{1}, {}});
  auto scheduled = w.vt->ask<schedule_reply>(to, schedule_atom_v, later);
  CHECK(scheduled->error == errc::too_large);
  CHECK(heads.heads() < 10);
}

} // namespace callboard::test::refused_requests_test
