// The timer hands out as much as is answered, and nobody waits for others.
#include "actors/core/limits.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::timer_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

constexpr std::uint64_t first_id = 10'000;

/// So many events of `orders`, all due at once.
void schedule(world& w, std::uint64_t count, std::chrono::milliseconds delay) {
  schedule_request what{"orders", {}};
  for (std::uint64_t n = 0; n < count; ++n)
    what.events.emplace_back(
      new_event{world::id(first_id + n), "order", "{}", "", true},
      due_time{delay, {}});
  auto reply = w.vt->ask<schedule_reply>(w.partition_of("orders"),
                                         schedule_atom_v, std::move(what));
  REQUIRE(reply->error == errc::none);
}

std::uint64_t fired(world& w) {
  return w.node->counts.delayed_fired;
}

std::uint64_t published(world& w) {
  auto home = w.node->placement.home_of("orders");
  auto row = w.node->db->stream(home, "orders").value();
  return row ? row->next.value : 0;
}

std::size_t rows(world& w) {
  auto home = w.node->placement.home_of("orders");
  return w.node->db->delayed(home, {}, {}, {UINT64_MAX}, 100'000)->size();
}

/// A stream of another partition than that of `orders`.
std::string elsewhere(world& w) {
  for (int i = 0;; ++i)
    if (auto name = "other" + std::to_string(i);
        w.node->placement.home_of(name) != w.node->placement.home_of("orders"))
      return name;
}

} // namespace

TEST_CASE("what is due all at once is handed out as it is answered, while "
          "others' messages come in time") {
  world w;
  constexpr std::uint64_t many = 2 * limits::timer_unanswered_max;
  auto other = elsewhere(w);
  for (auto& stream : {std::string{"orders"}, other}) {
    REQUIRE(w.create(stream, "workers").has_value());
    REQUIRE(w.publish(stream).has_value());
    REQUIRE(w.fetch(stream, "workers") == pairs{{0, 1}}); // for ten seconds
  }
  schedule(w, many, 9s);
  w.log->at_once = false; // nothing is answered
  w.vt->advance(9'900ms);
  auto flood = fired(w);
  CHECK(flood > 0);
  CHECK(flood <= limits::timer_unanswered_max / 2);
  CHECK(w.vt->advance(50ms) <= 1); // it does not look again and again
  w.vt->advance(100ms);
  CHECK(fired(w) == flood + 2); // both leases' ends
  w.log->at_once = true;
  w.log->flush();
  w.vt->advance(10ms);
  CHECK(fired(w) == many + 2);
  CHECK(published(w) == many + 1);
  CHECK(rows(w) == 0);
}

TEST_CASE("more than the timer holds comes all the same, once and in order") {
  world w;
  constexpr std::uint64_t many = limits::timer_window_max / 16 + 100;
  schedule(w, many, 30s);
  w.vt->advance(31s);
  CHECK(published(w) == many);
  CHECK(fired(w) == many);
  CHECK(rows(w) == 0);
  auto home = w.node->placement.home_of("orders");
  auto row = w.node->db->stream(home, "orders").value().value();
  auto events = w.node->db->read(home, row.id, {}, many, SIZE_MAX).value();
  REQUIRE(events.size() == many);
  for (std::uint64_t n = 0; n < many; ++n)
    if (events[n]->id != world::id(first_id + n))
      FAIL("out of order at " << n);
}

TEST_CASE("events that cannot be published keep no lease's end from coming") {
  world w;
  constexpr std::uint64_t many = limits::timer_window_max / 16 + 100;
  group_settings settings;
  settings.message_timeout_ms = 1'500;
  REQUIRE(w.create("orders", "workers", settings).has_value());
  REQUIRE(w.publish("orders").has_value());
  schedule(w, many, 1s);
  w.log->refuses_publishing = errc::storage_full;
  w.vt->advance(1'500ms);
  auto tried = fired(w);
  w.vt->advance(1s);
  CHECK(fired(w) - tried <= many); // each once in a second
  REQUIRE(w.fetch("orders", "workers") == pairs{{0, 1}});
  w.vt->advance(1'500ms);
  CHECK(w.fetch("orders", "workers") == pairs{{0, 2}});
  w.log->refuses_publishing = errc::none;
  w.vt->advance(5s);
  CHECK(published(w) == many + 1);
  CHECK(rows(w) == 0); // the second lease has ended, too
}

} // namespace callboard::test::timer_test
