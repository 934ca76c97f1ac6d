// How a group learns what its stream got: who waits leases it before the flush.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <optional>

namespace callboard::test::group_growth_test {

using namespace std::chrono_literals;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

constexpr auto stream = "orders";
constexpr auto group = "workers";

using asked_fetch = asked<delivery_batch_ptr>;

/// A group in a world where flushes come when the test says so.
struct slow_disk : world {
  explicit slow_disk(const group_settings& settings = {}) {
    REQUIRE(create(stream, group, settings).has_value());
  }

  asked_fetch wait_for(std::size_t count, const char* of = group) {
    return {*vt, partition_of(stream), fetch_atom_v,
            fetch_request{{stream, of}, count, 30s, 7}};
  }

  asked<append_reply> publish_later(std::size_t count = 1,
                                    std::string type = "order") {
    append_request what{stream, expected_version::any, {}, {}};
    for (std::size_t i = 0; i < count; ++i)
      what.events.push_back({id(next_id++), type, "0@elsewhere", "", false});
    return {*vt, partition_of(stream), append_atom_v, std::move(what)};
  }

  /// Publishes these; who keeps each of them in memory then.
  std::vector<long> keepers(std::size_t count) {
    auto first = info(stream, group).last_known + 1;
    REQUIRE(publish(stream, count).has_value());
    auto where = node->placement.home_of(stream);
    auto row = node->db->stream(where, stream).value().value();
    auto events = node->db->try_read(
      where, row.id, event_number{std::uint64_t(first)}, count, SIZE_MAX);
    std::vector<long> out;
    for (auto& one : events.value())
      out.push_back(one.use_count());
    REQUIRE(out.size() == count);
    return out;
  }

  errc keep_last(std::uint64_t count) {
    append_request what;
    what.stream = metadata_stream(stream);
    what.events = {{id(998), "$metadata",
                    R"({"$maxCount":)" + std::to_string(count) + "}", "",
                    true}};
    what.policy.emplace().max_count = count;
    return vt->ask<append_reply>(partition_of(what.stream), append_atom_v, what)
      ->error;
  }

  /// All that comes before is gone once this is on disk.
  asked<append_reply> truncate_later(std::uint64_t before) {
    append_request what;
    what.stream = metadata_stream(stream);
    what.events = {{id(999), "$metadata",
                    R"({"$tb":)" + std::to_string(before) + "}", "", true}};
    what.policy.emplace().truncate_before = before;
    return {*vt, partition_of(stream), append_atom_v, std::move(what)};
  }
};

pairs delivered(const std::optional<result<delivery_batch_ptr>>& to) {
  pairs out;
  REQUIRE(to.has_value());
  REQUIRE(to->has_value());
  for (auto& one : (**to)->events)
    out.emplace_back(one.what.original->number.value, one.attempt);
  return out;
}

} // namespace

TEST_CASE("an event and the lease of who waits for it share a flush") {
  slow_disk w;
  auto waiting = w.wait_for(1);
  w.log->at_once = false;
  auto published = w.publish_later();
  CHECK(w.log->waiting() == 2);
  CHECK(!published.answer());
  CHECK(!waiting.answer());
  CHECK(w.info(stream, group).last_known == -1); // as long as it may be lost
  w.log->flush();
  CHECK(w.info(stream, group).last_known == 0);
  CHECK(published.answer()->value().error == errc::none);
  CHECK(delivered(waiting.answer()) == pairs{{0, 1}});
}

TEST_CASE("an event on disk waits for its lease to be there too") {
  slow_disk w;
  auto waiting = w.wait_for(1);
  w.log->at_once = false;
  auto published = w.publish_later();
  w.log->flush(1);
  CHECK(published.answer()->has_value());
  CHECK(!waiting.answer());
  w.log->flush();
  CHECK(delivered(waiting.answer()) == pairs{{0, 1}});
}

TEST_CASE("an event that was lost is not delivered, nor was it ever leased") {
  slow_disk w;
  auto waiting = w.wait_for(1);
  w.log->at_once = false;
  auto published = w.publish_later();
  w.log->fail(errc::storage_failed);
  CHECK(published.answer()->error() == errc::unavailable);
  CHECK(waiting.answer()->error() == errc::unavailable);
  w.log->at_once = true;
  CHECK(w.fetch(stream, group).empty());
  REQUIRE(w.publish(stream).has_value());
  CHECK(w.fetch(stream, group) == pairs{{0, 1}});
}

TEST_CASE("a lease that a crash took does not count") {
  slow_disk w;
  {
    auto waiting = w.wait_for(1);
    w.log->at_once = false;
    auto published = w.publish_later();
    w.log->flush(1);
    CHECK(published.answer()->has_value());
  }
  w.crash();
  CHECK(w.fetch(stream, group) == pairs{{0, 1}});
}

TEST_CASE("where leases are not waited for, events are") {
  group_settings lazy;
  lazy.durability = lease_durability::lazy;
  slow_disk w{lazy};
  REQUIRE(w.publish(stream).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}}); // reserves numbers
  auto waiting = w.wait_for(1);
  w.log->at_once = false;
  auto published = w.publish_later();
  CHECK(w.log->waiting() == 1);
  CHECK(!waiting.answer());
  w.log->flush(1);
  CHECK(delivered(waiting.answer()) == pairs{{1, 1}});
}

TEST_CASE("what stands for another event is leased once it can be read") {
  slow_disk w;
  auto waiting = w.wait_for(1);
  w.log->at_once = false;
  auto published = w.publish_later(1, std::string{link_type});
  CHECK(w.log->waiting() == 1);
  w.log->flush();
  w.vt->run();
  w.log->flush();
  CHECK(delivered(waiting.answer()) == pairs{{0, 1}});
}

TEST_CASE("each group is offered what it waits for, and gets the rest later") {
  slow_disk w;
  REQUIRE(w.create(stream, "others").has_value());
  REQUIRE(w.create(stream, "idle").has_value());
  auto one = w.wait_for(1);
  auto two = w.wait_for(2, "others");
  w.log->at_once = false;
  auto published = w.publish_later(3);
  CHECK(w.log->waiting() == 3);
  auto more = w.wait_for(5); // of what is not flushed either
  CHECK(w.log->waiting() == 4);
  auto last = w.wait_for(5);
  w.log->flush();
  CHECK(delivered(one.answer()) == pairs{{0, 1}});
  CHECK(delivered(two.answer()) == pairs{{0, 1}, {1, 1}});
  CHECK(delivered(more.answer()) == pairs{{1, 1}, {2, 1}});
  CHECK(!last.answer());
  w.log->at_once = true;
  REQUIRE(w.publish(stream).has_value());
  CHECK(delivered(last.answer()) == pairs{{3, 1}});
  CHECK(w.fetch(stream, "others", 9) == pairs{{2, 1}, {3, 1}});
  CHECK(w.fetch(stream, "idle", 9).size() == 4);
}

TEST_CASE("an event on its way to the disk is not taken for one that is gone") {
  slow_disk w;
  REQUIRE(w.publish(stream, 3).has_value());
  REQUIRE(w.fetch(stream, group, 3).size() == 3);
  REQUIRE(
    w.settle(stream, group, settle_action::retry, {w.id(0)}, 0ms).has_value());
  REQUIRE(w.settle(stream, group, settle_action::ack, {w.id(1), w.id(2)})
            .has_value());
  w.flush_store();
  w.crash(); // events are read from LMDB now, and some more ahead
  w.vt->advance(1s);
  REQUIRE(w.fetch(stream, group) == pairs{{0, 2}});
  auto waiting = w.wait_for(1);
  w.log->at_once = false;
  auto published = w.publish_later();
  CHECK(w.log->waiting() == 2); // the event, and its lease
  w.log->flush();
  CHECK(delivered(waiting.answer()) == pairs{{3, 1}});
  w.log->at_once = true;
  CHECK(w.info(stream, group).in_flight == 2);
}

TEST_CASE("a group that nobody waits at knows the end of its stream") {
  slow_disk w;
  CHECK(w.info(stream, group).last_known == -1);
  REQUIRE(w.publish(stream, 5).has_value());
  CHECK(w.info(stream, group).last_known == 4);
}

TEST_CASE("a group that nobody waits at is told of what is gone") {
  slow_disk w;
  REQUIRE(w.publish(stream, 5).has_value());
  REQUIRE(w.fetch(stream, group, 2).size() == 2);
  REQUIRE(w.truncate_later(4).answer()->has_value());
  CHECK(w.info(stream, group).ready == 1);
  CHECK(w.info(stream, group).in_flight == 2); // whose consumers have them
  CHECK(w.fetch(stream, group, 9) == pairs{{4, 1}});
}

TEST_CASE("a removed group does not come back with what its stream loses") {
  slow_disk w;
  REQUIRE(w.publish(stream, 5).has_value());
  w.log->at_once = false;
  {
    asked<group_info> removed{
      *w.vt, w.partition_of(stream), command_atom_v,
      group_command{{stream, group}, group_verb::remove, {}, {}}};
    auto cut = w.truncate_later(4);
    w.log->flush(); // it is told of both at once
    REQUIRE(removed.answer().has_value());
    CHECK(removed.answer()->has_value());
    CHECK(cut.answer()->has_value());
  }
  w.log->at_once = true;
  w.log->flush();
  auto known = [&] {
    return w.command({{stream, group}, group_verb::resume, {}, {}});
  };
  CHECK(known().error() == errc::not_found);
  w.crash();
  CHECK(known().error() == errc::not_found);
}

TEST_CASE("who waits and may not have anything keeps nothing in memory") {
  slow_disk w;
  auto nobody = w.keepers(3);
  REQUIRE(w.fetch(stream, group, 3).size() == 3);
  fetch_request wants{{stream, group}, 5, 30s, 7};
  group_command pauses{{stream, group}, group_verb::pause, {}, {}, {}, "busy"};
  bool paused = GENERATE(true, false);
  if (paused)
    REQUIRE(w.command(pauses).has_value());
  else { // his bound is used up
    wants.who.name = "worker";
    wants.in_flight_max = 1;
    REQUIRE(w.publish(stream).has_value());
    auto one = wants;
    one.count = 1;
    REQUIRE(w.vt
              ->ask<delivery_batch_ptr>(w.partition_of(stream), fetch_atom_v,
                                        std::move(one))
              .has_value());
  }
  asked_fetch waiting{*w.vt, w.partition_of(stream), fetch_atom_v, wants};
  CHECK(w.keepers(3) == nobody);
  CHECK(!waiting.answer());
  if (paused)
    REQUIRE(
      w.command({{stream, group}, group_verb::resume, {}, {}}).has_value());
  else
    REQUIRE(w.settle(stream, group, settle_action::ack, {w.id(3)}).has_value());
  CHECK(delivered(waiting.answer())
        == (paused ? pairs{{3, 1}, {4, 1}, {5, 1}} : pairs{{4, 1}}));
}

TEST_CASE("what a group keeps of a long publish is bounded, and it gets all") {
  slow_disk w;
  auto nobody = w.keepers(1).back();
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  auto waiting = w.wait_for(1);
  CHECK(w.keepers(limits::read_ahead_events_max + 1).back() == nobody);
  REQUIRE(delivered(waiting.answer()) == pairs{{1, 1}});
  for (std::uint64_t next = 2; next <= limits::read_ahead_events_max + 1;) {
    auto more = w.fetch(stream, group, 100);
    REQUIRE(!more.empty());
    for (auto& one : more)
      REQUIRE(one.first == next++);
  }
}

TEST_CASE("what was read ahead is forgotten while nobody takes it") {
  group_settings endless;
  endless.message_timeout_ms = 0;
  slow_disk w{endless};
  REQUIRE(w.publish(stream, 3).has_value());
  w.flush_store();
  w.crash(); // what comes is read from LMDB
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  bool idle = GENERATE(false, true);
  if (idle)
    w.vt->advance(40s);
  w.log->at_once = false;
  settle_item ack;
  ack.id = w.id(0);
  settle_batch what{
    {stream, group}, {ack}, {}, fetch_request{{stream, group}}, {}};
  asked<settle_batch_reply_ptr> settled{*w.vt, w.partition_of(stream),
                                        settle_atom_v, std::move(what)};
  // One record has both if memory knows what comes next.
  CHECK(w.log->waiting() == (idle ? 2 : 1));
  w.log->flush();
  REQUIRE(settled.answer().has_value());
  auto& next = settled.answer()->value()->next->events;
  REQUIRE(next.size() == 1);
  CHECK(next.at(0).what.original->number == event_number{1});
  w.log->at_once = true;
  CHECK(w.fetch(stream, group, 9) == pairs{{2, 1}});
}

TEST_CASE(
  "what a stream loses costs a group that it does not concern nothing") {
  slow_disk w;
  REQUIRE(w.create(stream, "idle").has_value());
  REQUIRE(w.keep_last(2) == errc::none);
  REQUIRE(w.publish(stream, 2).has_value());
  REQUIRE(w.fetch(stream, group) == pairs{{0, 1}});
  for (int i = 0; i < 2; ++i) {
    w.log->at_once = false;
    auto published = w.publish_later();
    w.log->flush(1);
    CHECK(published.answer()->has_value());
    CHECK(w.log->waiting() == 0); // though a consumer has what is lost
  }
  w.vt->run();
  w.log->at_once = true;
  CHECK(w.info(stream, "idle").ready == 2); // who asks hears how it is
  CHECK(w.info(stream, group).ready == 2);
  w.log->at_once = false;
  CHECK(w.info(stream, group).in_flight == 1);
  CHECK(w.log->waiting() == 0); // who asks again hears the same
  w.log->at_once = true;
  w.crash();
  CHECK(w.fetch(stream, "idle", 9) == pairs{{2, 1}, {3, 1}});
  CHECK(w.fetch(stream, group, 9) == pairs{{2, 1}, {3, 1}});
}

TEST_CASE("a deleted stream leaves a group what it had, whoever asked before") {
  group_settings small;
  small.buffer_size = 5;
  slow_disk w{small};
  REQUIRE(w.keep_last(2) == errc::none);
  REQUIRE(w.publish(stream, 6).has_value());
  if (GENERATE(false, true))
    CHECK(w.info(stream, group).ready == 2);
  REQUIRE(w.vt
            ->ask<append_reply>(w.partition_of(stream), delete_atom_v,
                                delete_request{stream, expected_version::any})
            .has_value());
  w.vt->run();
  CHECK(w.info(stream, group).ready == 2);
  CHECK(w.fetch(stream, group, 9) == pairs{{4, 1}, {5, 1}});
}

} // namespace callboard::test::group_growth_test
