// What goes on when publishing has stopped, and when nothing does any more.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "tests/support/world.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::scarce_room_test {

using namespace std::chrono_literals;

TEST_CASE("when publishing has stopped, only short metadata with a bound, and "
          "no groups, take what room is left") {
  world w;
  w.publish("orders", 2).value();
  w.log->refuses_publishing = errc::storage_full;
  auto described = [&](const stream_policy& policy, std::size_t bytes) {
    append_request what{
      metadata_stream("orders"),
      expected_version::any,
      {{world::id(++w.next_id), "", std::string(bytes, ' '), "", true}},
      policy};
    auto reply =
      w.vt->ask<append_reply>(w.partition_of("orders"), append_atom_v, what);
    return reply ? reply->error : reply.error();
  };
  constexpr auto most = limits::room_bytes_max;
  CHECK(described({}, 2) == errc::storage_full);
  CHECK(described({.cache_control_seconds = 9, .acl = "{}"}, 2)
        == errc::storage_full);
  CHECK(described({.max_count = 1, .acl = {}}, most + 1) == errc::storage_full);
  CHECK(w.create("orders", "g").error() == errc::storage_full);
  auto home = w.node->placement.home_of("orders");
  CHECK(w.node->db->stream(home, "orders").value()->first_live.value == 0);
  CHECK(described({.max_count = 1, .acl = {}}, most) == errc::none);
  CHECK(w.node->db->stream(home, "orders").value()->first_live.value == 1);
  CHECK(described({.max_age_seconds = 9, .acl = {}}, 2) == errc::none);
  CHECK(described({.truncate_before = 2, .acl = {}}, 2) == errc::none);
}

TEST_CASE("settling and deleting end, too, when far too much waits for the "
          "store") {
  world w;
  w.create("orders", "g").value();
  w.publish("orders", 3).value();
  REQUIRE(w.fetch("orders", "g").size() == 1);
  auto acked = [&](std::uint64_t n) {
    return w.settle("orders", "g", settle_action::ack, {world::id(n)});
  };
  w.log->also_waiting = limits::unflushed_bytes_max;
  CHECK(w.publish("orders").error() == errc::overloaded);
  CHECK(acked(0)->applied == 1);
  REQUIRE(w.fetch("orders", "g").size() == 1);
  w.log->also_waiting = 2 * limits::unflushed_bytes_max;
  CHECK(acked(1).error() == errc::overloaded);
  CHECK(w.try_fetch("orders", "g")->error() == errc::overloaded);
  CHECK(w.vt
          ->ask<append_reply>(
            w.partition_of("orders"), delete_atom_v,
            delete_request{"orders", expected_version::any, false})
          .error()
        == errc::overloaded);
  auto written = w.kept.size();
  w.vt->advance(1min); // the lease's end takes nothing either, and waits
  CHECK(w.kept.size() == written);
  w.log->also_waiting = 0;
  w.vt->advance(2s);
  CHECK(w.fetch("orders", "g")
        == std::vector<std::pair<std::uint64_t, std::uint32_t>>{{1, 2}});
}

TEST_CASE("a poll that waits takes nothing when far too much waits for the "
          "store") {
  world w;
  group_settings lazy; // who is not offered what is on its way to the disk
  lazy.durability = lease_durability::lazy;
  w.create("orders", "g", lazy).value();
  asked<delivery_batch_ptr> poll{*w.vt, w.partition_of("orders"), fetch_atom_v,
                                 fetch_request{{"orders", "g"}, 1, 30s, 1}};
  w.log->at_once = false;
  append_request what{
    "orders", expected_version::any, {{world::id(1), "t", "d", "", false}}, {}};
  caf::anon_send(w.partition_of("orders"), append_atom_v, what);
  w.vt->run();
  w.log->also_waiting = 2 * limits::unflushed_bytes_max;
  w.log->at_once = true;
  w.log->flush();
  w.vt->run();
  CHECK(w.kept.size() == 2); // the group and the event, and no lease
  w.log->also_waiting = 0;
  CHECK(w.fetch("orders", "g")
        == std::vector<std::pair<std::uint64_t, std::uint32_t>>{{0, 1}});
}

} // namespace callboard::test::scarce_room_test
