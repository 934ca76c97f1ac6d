// What parked events link to, and how they are read when their streams lost
// them.
#include "actors/core/names.hpp"
#include "tests/support/parked_group.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace callboard::test::parked_links_test {

using namespace std::chrono_literals;

TEST_CASE("what only calls itself a link is parked under its own name") {
  world w;
  group_settings resolves;
  resolves.resolve_link_tos = true;
  w.create("orders", "workers", resolves).value();
  append_request what{"orders", expected_version::any, {}, {}};
  settle_request park{{"orders", "workers"}, settle_action::park, {}, {}, "x"};
  std::uint64_t n = 0;
  for (auto& data : {std::string(1'000'000, 'x'), "0@" + std::string(1000, 's'),
                     std::string{"x@s"}, std::string{"7@elsewhere"}}) {
    what.events.push_back({w.id(n), std::string{link_type}, data, "", false});
    park.ids.push_back(w.id(n++));
  }
  auto home = w.partition_of("orders");
  w.vt->ask<append_reply>(home, append_atom_v, what).value();
  REQUIRE(w.fetch("orders", "workers", 9).size() == 4);
  w.vt->ask<settle_reply>(home, settle_atom_v, park).value();
  auto page =
    w.vt
      ->ask<parked_page_ptr>(home, parked_atom_v,
                             parked_query{{"orders", "workers"}, {}, {}, 100})
      .value();
  std::vector<std::string> targets;
  for (auto& one : page->items)
    targets.push_back(one.target);
  CHECK(targets
        == std::vector<std::string>{"0@orders", "1@orders", "2@orders",
                                    "7@elsewhere"});
}

TEST_CASE("a repeated settle has the copy of a replayed event too") {
  parked_group g;
  g.park(1, "bad");
  append_request cut{metadata_stream("orders"),
                     expected_version::any,
                     {{g.id(900), "$metadata", R"({"$tb":1})", "", true}},
                     stream_policy{.truncate_before = 1, .acl = {}}};
  g.vt->ask<append_reply>(g.partition_of("orders"), append_atom_v, cut).value();
  g.change({.verb = parked_verb::replay}).value();
  settle_batch what;
  what.key = {"orders", "workers"};
  what.next = fetch_request{what.key, 1, 1s, 1};
  what.idempotency_key = "once";
  lease_id first;
  for (int i = 0; i < 2; ++i) {
    auto reply = g.vt
                   ->ask<settle_batch_reply_ptr>(g.partition_of("orders"),
                                                 settle_atom_v, what)
                   .value();
    REQUIRE(reply->next->events.size() == 1);
    auto& got = reply->next->events[0];
    REQUIRE(got.what.resolved != nullptr);
    CHECK(got.what.resolved->id == g.id(0));
    CHECK((i == 0 || got.lease == first));
    first = got.lease;
  }
}

TEST_CASE("what a lazy lease parks is copied too") {
  world w;
  group_settings lazy;
  lazy.durability = lease_durability::lazy;
  w.create("orders", "workers", lazy).value();
  auto home = w.partition_of("orders");
  w.publish("orders").value();
  REQUIRE(w.fetch("orders", "workers").size() == 1); // numbers for more
  append_request what{"orders", expected_version::any, {}, {}};
  what.events.push_back({w.id(1), "order", "{}", "", true});
  what.events.push_back({w.id(2), "order", "{}", "", true});
  what.events.front().give_up_at = w.now() + 1'000;
  w.vt->ask<append_reply>(home, append_atom_v, what).value();
  w.vt->advance(2s);
  w.log->at_once = false;
  asked<delivery_batch_ptr> fetch{
    *w.vt, home, fetch_atom_v, fetch_request{{"orders", "workers"}, 10, {}, 0}};
  fetch.answer(); // the event is parked, and that is not on disk
  w.log->flush();
  w.log->at_once = true;
  REQUIRE(fetch.answer());
  CHECK(fetch.answer()->value()->events.size() == 1);
  auto copies = w.node->db
                  ->stream(w.node->placement.home_of("orders"),
                           kept_stream("orders", "workers"))
                  .value();
  REQUIRE(copies);
  CHECK(copies->next == event_number{1});
}

TEST_CASE("a lower maxRetryCount parks what links name, and what is replayed") {
  parked_group g;
  group_settings settings;
  settings.resolve_link_tos = true;
  g.command({{"orders", "workers"}, group_verb::update, settings, {}}).value();
  g.publish("elsewhere").value();
  g.park(1, "bad");
  append_request link{"orders", expected_version::any, {}, {}};
  link.events.push_back(
    {g.id(7), std::string{link_type}, "0@elsewhere", "", false});
  g.vt->ask<append_reply>(g.partition_of("orders"), append_atom_v, link)
    .value();
  g.publish("orders").value();
  g.change({.verb = parked_verb::replay}).value();
  std::vector<uuid> ids;
  auto leased = g.try_fetch("orders", "workers", 2).value().value();
  for (auto& one : leased->events)
    ids.push_back(one.what.original->id);
  REQUIRE(ids.size() == 2);
  g.settle("orders", "workers", settle_action::retry, ids, 60s).value();
  CHECK(g.now_info().parked == 0);
  settings.max_retry_count = 0;
  g.log->at_once = false;
  asked<group_info> updated{
    *g.vt, g.partition_of("orders"), command_atom_v,
    group_command{{"orders", "workers"}, group_verb::update, settings, {}}};
  CHECK(!updated.answer());
  g.log->flush();
  g.vt->run();
  CHECK(!updated.answer()); // what it parks is not on disk
  g.log->at_once = true;
  g.log->flush();
  g.vt->run();
  REQUIRE(updated.answer());
  CHECK(updated.answer()->value().parked == 2);
  CHECK(updated.answer()->value().retrying == 0);
  CHECK(g.now_info().ready == 1);
  std::vector<std::string> targets;
  auto listed = g.list({});
  for (auto& one : listed->items) {
    targets.push_back(one.target);
    CHECK(one.reason == "Reached retry count of 0");
  }
  CHECK(targets == std::vector<std::string>{"0@orders", "0@elsewhere"});
}

} // namespace callboard::test::parked_links_test
