// Journals whose group grows, shrinks and changes its leader while it works.
#include "tests/replication/journal_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <thread>

using namespace callboard;
using namespace callboard::test;

namespace {

constexpr auto add = change_goal::add;
constexpr auto leave = change_goal::remove;

std::string address(raft_id id) {
  return "127.0.0." + std::to_string(id) + ":2114";
}

std::size_t voters_seen(journal_cluster& cluster, raft_id by) {
  auto peers = cluster.node(by).log->status().peers;
  return std::size_t(
    std::ranges::count(peers, member_role::voter, &peer_state::role));
}

/// What is asked of a leader, and its answer.
change_answer ask(journal_node& node, const change_request& request) {
  std::atomic<bool> told{false};
  change_answer out;
  node.log->change(request, [&](change_answer answer) {
    out = std::move(answer);
    told = true;
  });
  REQUIRE(eventually([&] { return told.load(); }));
  return out;
}

/// So many members has the group by what the node knows without its log.
std::size_t members_beside_log(journal_node& node) {
  auto state = load_member(node.folder.path / "member");
  auto known = state && *state ? decode_members((*state)->base.configuration)
                               : std::nullopt;
  return known ? known->size() : 0;
}

} // namespace

TEST_CASE("a group grows and shrinks while it is published to") {
  journal_cluster cluster{3};
  int published = 0;
  auto publish = [&](int count) {
    for (int n = 0; n < count; ++n)
      REQUIRE(cluster.publish("user-" + std::to_string(published++)));
  };
  publish(20);
  for (raft_id id : {4, 5}) {
    cluster.join();
    CHECK(ask(*cluster.leader(), {add, id, address(id)}).error == errc::none);
    publish(20);
    CHECK(cluster.change({add, id, address(id)}).done);
    CHECK(eventually([&] { return voters_seen(cluster, id) == id; }));
    CHECK(
      eventually([&] { return !cluster.node(id).log->status().recovering; }));
  }
  publish(20);
  auto members = cluster.node(5).view().members;
  REQUIRE(members.size() == 5);
  CHECK(members[3] == raft_member{4, member_role::voter, address(4)});
  for (raft_id id : {1, 2}) {
    CHECK(cluster.change({leave, id, {}}).error == errc::not_found);
    cluster.node(id).stop();
    publish(20);
  }
  for (raft_id id : {3, 4, 5}) {
    CHECK(eventually(
      [&] { return cluster.node(id).users() == std::size_t(published); }));
    CHECK(cluster.node(id).view().members.size() == 3);
  }
}

TEST_CASE("who belongs to the group is known without the log, soon after it "
          "changed") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  auto& last = *cluster.leader();
  auto self = last.log->status().self;
  for (raft_id id : {1, 2, 3}) {
    if (id == self)
      continue;
    CHECK(cluster.change({leave, id, {}}).error == errc::not_found);
    cluster.node(id).stop();
  }
  CHECK(eventually([&] { return members_beside_log(last) == 1; }));
  cluster.join();
  CHECK(cluster.change({add, 4, address(4)}).done);
  CHECK(eventually([&] { return members_beside_log(last) == 2; }));
  CHECK(cluster.publish("after"));
}

TEST_CASE(
  "a leader that is to be removed hands over, the next one removes it") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  auto id = old->log->status().self;
  auto answer = ask(*old, {leave, id, {}});
  CHECK(answer.error == errc::unavailable);
  CHECK(answer.text.find("hands over") != std::string::npos);
  CHECK(eventually([&] { return !old->leads(); }));
  CHECK(cluster.change({leave, id, {}}).error == errc::not_found);
  CHECK(cluster.leader() != old);
  CHECK(cluster.publish("after"));
  CHECK_FALSE(old->has_user("after"));
}

TEST_CASE("a node that never comes does not get a vote") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  auto* leader = cluster.leader();
  CHECK(ask(*leader, {add, 4, address(4)}).error == errc::none);
  CHECK(eventually([&] { return leader->view().members.size() == 4; }));
  CHECK(ask(*leader, {leave, 4, {}}).error == errc::too_many_in_flight);
  CHECK(eventually([&] {
    return leader->log->status().change.state == change_state::running;
  }));
  CHECK(voters_seen(cluster, leader->log->status().self) == 3);
  CHECK(cluster.publish("after"));
  SECTION("another leader finishes what was begun") {
    leader->log->transfer(0);
    CHECK(eventually([&] { return !leader->leads(); }));
    CHECK(eventually([&] {
      return leader->log->status().change.state == change_state::failed;
    }));
    cluster.join();
    CHECK(cluster.change({add, 4, address(4)}).done);
    CHECK(eventually([&] { return cluster.node(4).has_user("after"); }));
  }
  SECTION("another leader undoes what was begun") {
    leader->log->transfer(0);
    CHECK(eventually([&] { return !leader->leads(); }));
    CHECK(cluster.change({leave, 4, {}}).error == errc::not_found);
    CHECK(
      eventually([&] { return cluster.leader()->view().members.size() == 3; }));
  }
}

TEST_CASE("a node that is found elsewhere gets a new address") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  CHECK(cluster.change({add, 2, address(2)}).done);
  CHECK(cluster.change({add, 2, "elsewhere:2114"}).done);
  CHECK(cluster.change({add, 3, "elsewhere:2114"}).error
        == errc::already_exists);
  for (raft_id id : {1, 2, 3})
    CHECK(eventually([&] {
      auto view = cluster.node(id).view();
      return view.settled && view.members[1].address == "elsewhere:2114";
    }));
  CHECK(cluster.publish("after"));
}

TEST_CASE("what cannot be is refused with its reason") {
  journal_cluster cluster{1};
  auto& node = *cluster.leader();
  CHECK(ask(node, {leave, 9, {}}).error == errc::not_found);
  CHECK(ask(node, {leave, 1, {}}).error == errc::invalid_argument);
  CHECK(ask(node, {add, 0, address(9)}).error == errc::invalid_argument);
  CHECK(ask(node, {add, 9, std::string(301, 'x')}).error
        == errc::invalid_argument);
}

TEST_CASE("a drained node hands over, and leads no more") {
  // Nobody is elected because the machine is busy: it would be any of them.
  journal_cluster cluster{3, {.election_timeout_ms = 1500}};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  auto id = old->log->status().self;
  old->log->drain(true);
  CHECK(eventually([&] { return !old->leads(); }));
  REQUIRE(cluster.publish("after"));
  CHECK(old->log->status().drained);
  SECTION("it is not handed leadership") {
    std::atomic<bool> told{false};
    change_answer answer;
    cluster.leader()->log->transfer(id, [&](change_answer what) {
      answer = std::move(what);
      told = true;
    });
    CHECK(eventually([&] { return told.load(); }));
    CHECK(answer.error == errc::timed_out);
    CHECK_FALSE(old->leads());
  }
  SECTION("it is, once it may lead again") {
    old->log->drain(false);
    CHECK(eventually([&] {
      if (auto* now = cluster.leader(); now != old)
        now->log->transfer(id);
      return old->leads();
    }));
  }
  CHECK(cluster.publish("in the end"));
}

TEST_CASE("who asks for a handing over hears that it is done") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  std::atomic<bool> told{false};
  change_answer answer;
  old->log->transfer(0, [&](change_answer what) {
    answer = std::move(what);
    told = true;
  });
  CHECK(eventually([&] { return told.load(); }));
  CHECK(answer.done);
  CHECK(cluster.publish("after"));
}
