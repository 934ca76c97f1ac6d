// Journals that agree: who leads, what is committed, what a restart finds.
#include "actors/replication/message_codec.hpp"
#include "tests/replication/journal_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>

using namespace callboard;
using namespace callboard::test;

namespace {

std::string user(int n) {
  return "user-" + std::to_string(n);
}

peer_message to_first(raft_id from, raft_message_type type) {
  peer_message out;
  out.from = from;
  out.to = 1;
  out.session = 1000; // after all that the real ones sent
  out.sequence = 1;
  out.header.type = type;
  return out;
}

/// Whether node 1, with an empty disk, takes it for lost when it hears these,
/// the last of which asks for its vote in term 51.
bool recovers(journal_cluster& cluster,
              const std::vector<peer_message>& messages) {
  auto& node = cluster.node(1);
  node.stop();
  node.lose_disk();
  cluster.cut(1, true);
  node.start();
  for (auto& one : messages)
    node.log->received(encode(one));
  REQUIRE(eventually([&] {
    auto status = node.log->status();
    return status.recovering || status.term == 51;
  }));
  return node.log->status().recovering;
}

} // namespace

TEST_CASE("a single voter records what it appends, over restarts") {
  journal_cluster cluster{1};
  for (int n = 0; n < 20; ++n)
    REQUIRE(cluster.publish(user(n)));
  cluster.node(1).stop();
  cluster.node(1).start();
  REQUIRE(cluster.leader() != nullptr);
  CHECK(cluster.node(1).users() == 20);
  CHECK(cluster.publish("another"));
}

TEST_CASE("what is committed reaches every node") {
  journal_cluster cluster{3};
  for (int n = 0; n < 50; ++n)
    REQUIRE(cluster.publish(user(n)));
  for (raft_id id = 1; id <= 3; ++id)
    CHECK(eventually([&] { return cluster.node(id).users() == 50; }));
}

TEST_CASE("another node leads when the leader stops, and has everything") {
  journal_cluster cluster{3};
  for (int n = 0; n < 20; ++n)
    REQUIRE(cluster.publish(user(n)));
  auto* first = cluster.leader();
  first->stop();
  for (int n = 20; n < 40; ++n)
    REQUIRE(cluster.publish(user(n)));
  CHECK(cluster.leader()->users() == 40);
  first->start();
  CHECK(eventually([&] { return first->users() == 40; }));
}

TEST_CASE("a leader that is cut off fails what it cannot commit") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  auto id = old->log->status().self;
  cluster.cut(id, true);
  auto index = old->append("lost");
  REQUIRE(index);
  CHECK(eventually([&] { return old->outcome(*index) == false; }));
  REQUIRE(cluster.publish("after"));
  cluster.cut(id, false);
  CHECK(eventually([&] { return old->has_user("after"); }));
  CHECK(!old->has_user("lost"));
  CHECK(old->append("more") == std::nullopt);
}

TEST_CASE("leadership can be handed over") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  old->log->transfer(0);
  CHECK(eventually([&] { return !old->leads(); }));
  CHECK(cluster.publish("after"));
}

TEST_CASE("a node that lost its disk votes again once it has caught up") {
  journal_cluster cluster{3};
  for (int n = 0; n < 20; ++n)
    REQUIRE(cluster.publish(user(n)));
  auto id = cluster.leader()->log->status().self % 3 + 1;
  auto& node = cluster.node(id);
  node.stop();
  node.lose_disk();
  node.start();
  CHECK(eventually([&] { return node.users() == 20; }));
  CHECK(eventually([&] { return !node.log->status().recovering; }));
  CHECK(cluster.publish("after"));
}

TEST_CASE("only who joins at the beginning votes with an empty disk") {
  journal_cluster cluster{3};
  auto leader = to_first(2, RAFT_APPEND_ENTRIES);
  leader.header.append_entries = {1, 50, 1, 1, 1, nullptr, 0};
  auto candidate = to_first(3, RAFT_REQUEST_VOTE);
  candidate.header.request_vote = {2, 51, 3, 3, 50, true, false};
  CHECK(recovers(cluster, {candidate}));
  CHECK_FALSE(recovers(cluster, {leader, candidate}));
  leader.header.append_entries.leader_commit = 3;
  CHECK(recovers(cluster, {leader, candidate}));
}

TEST_CASE(
  "what is in flight when leadership is handed over is the same for all") {
  journal_cluster cluster{3};
  std::vector<std::string> acknowledged;
  int number = 0;
  for (int round = 0; round < 8; ++round) {
    auto* at = cluster.leader();
    REQUIRE(at != nullptr);
    std::vector<std::pair<log_index, std::string>> sent;
    // Also while it is being handed over.
    for (int n = 0; n < 3000 && at->leads(); ++n) {
      if (n == 20)
        at->log->transfer(0);
      auto name = user(++number);
      if (auto index = at->append(name))
        sent.emplace_back(*index, name);
      std::this_thread::yield();
    }
    for (auto& [index, name] : sent) {
      std::optional<bool> outcome;
      REQUIRE(
        eventually([&] { return (outcome = at->outcome(index)).has_value(); }));
      if (*outcome)
        acknowledged.push_back(name);
    }
    eventually([&] { return !at->leads(); });
  }
  REQUIRE(cluster.publish("last"));
  CHECK(!acknowledged.empty());
  for (raft_id id = 1; id <= 3; ++id) {
    auto& node = cluster.node(id);
    REQUIRE(eventually([&] { return node.has_user("last"); }));
    CHECK(node.users() == cluster.node(1).users());
    for (auto& name : acknowledged) {
      INFO("node " << id << " user " << name);
      CHECK(node.has_user(name));
    }
  }
}
