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
/// the last of which asks for its vote in term 51. It is started anew `before`
/// it has heard that many of them.
bool recovers(journal_cluster& cluster,
              const std::vector<peer_message>& messages,
              std::size_t before = SIZE_MAX) {
  auto& node = cluster.node(1);
  node.stop();
  node.lose_disk();
  cluster.cut(1, true);
  node.start();
  for (std::size_t n = 0; n < messages.size(); ++n) {
    if (n == before) {
      node.stop();
      node.start();
    }
    node.log->received(encode(messages[n]));
    auto term = messages[n].header.type == RAFT_REQUEST_VOTE
                  ? messages[n].header.request_vote.term
                  : 0;
    REQUIRE(eventually([&] {
      auto status = node.log->status();
      return status.recovering || status.term >= term;
    }));
  }
  REQUIRE(eventually([&] {
    auto status = node.log->status();
    return status.recovering || status.term == 51;
  }));
  return node.log->status().recovering;
}

/// The only voter of its group. Its actors end when the test says so, and the
/// test may hold the journal's thread where it says that something failed.
struct slow_actors {
  slow_actors() {
    db =
      store::open({.folder = folder.path / "store", .partitions = 1}).value();
    member_state own;
    own.self = 1;
    own.vote.term = 1;
    own.base = {1, 1, 1, encode_voters(std::vector<raft_id>{1}), {}};
    std::string diagnosis;
    auto from = open_log(folder.path / "wal", own, diagnosis).value();
    from.state.vote = state_for_start(1, log_of(from));
    raft_options options;
    options.self = 1;
    options.session = 1;
    options.election_timeout_ms = 200;
    options.heartbeat_ms = 40;
    log = std::make_unique<replicated_journal>(
      std::move(from), folder.path / "member", options, *db,
      replication_outlets{
        .actors = {.flushed = [this](partition_id,
                                     log_index i) { flushed = i.value; },
                   .failed = [this](partition_id, errc) { hold(); }},
        .send = [](raft_id, std::string) {},
        .role = [this](bool leading, raft_id) { leads = leading; },
        .snapshot_wanted = [] {}});
    log->start();
  }

  ~slow_actors() { log->stop(); }

  void hold() {
    if (!holds)
      return;
    held = true;
    eventually([&] { return !holds; });
  }

  void append(const std::string& body) { log->append({{0}, {1}, 0, body}); }

  /// The bodies that its log has.
  std::vector<std::string> committed() {
    log->stop();
    std::string diagnosis;
    auto state = load_member(folder.path / "member").value().value();
    auto found = open_log(folder.path / "wal", state, diagnosis).value();
    std::vector<std::string> out;
    for (auto& one : found.entries)
      if (one.kind == entry_kind::command) {
        auto batch = decode_batch(*one.payload).value();
        for (auto& entry : batch)
          out.emplace_back(entry.body);
      }
    return out;
  }

  temporary_folder folder;
  std::unique_ptr<store> db;
  std::unique_ptr<replicated_journal> log;
  std::atomic<bool> leads{false};
  std::atomic<bool> holds{false};
  std::atomic<bool> held{false};
  std::atomic<std::uint64_t> flushed{0};
};

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

TEST_CASE("a node that starts has caught up once it has what was committed") {
  journal_cluster cluster{3};
  REQUIRE(cluster.publish("before"));
  for (raft_id id : {1, 2, 3})
    CHECK(eventually([&] { return cluster.node(id).log->status().caught_up; }));
  auto& node = cluster.node(1);
  node.stop();
  cluster.cut(1, true);
  node.start();
  auto leader = to_first(2, RAFT_APPEND_ENTRIES);
  leader.header.append_entries = {1, 50, 1000, 50, 1000, nullptr, 0};
  node.log->received(encode(leader));
  REQUIRE(eventually([&] { return node.log->status().term >= 50; }));
  CHECK_FALSE(node.log->status().caught_up);
  node.stop();
  cluster.cut(1, false);
  node.start();
  CHECK(cluster.publish("after"));
  CHECK(eventually([&] { return node.log->status().caught_up; }));
}

TEST_CASE("a node that lost the count of its starts with its disk catches up") {
  journal_cluster cluster{3};
  auto id = cluster.leader()->log->status().self % 3 + 1;
  auto& node = cluster.node(id);
  node.stop();
  node.start(); // the others hear of its second start
  REQUIRE(cluster.publish("before"));
  REQUIRE(eventually([&] { return node.has_user("before"); }));
  node.stop();
  node.lose_disk();
  node.start(); // the first again
  CHECK(eventually([&] { return node.has_user("before"); }));
  CHECK(eventually([&] { return !node.log->status().recovering; }));
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

TEST_CASE("a disk that is lost before the node hears of others is still lost "
          "after the next start") {
  journal_cluster cluster{3};
  auto candidate = to_first(3, RAFT_REQUEST_VOTE);
  candidate.header.request_vote = {2, 51, 3, 3, 50, true, false};
  CHECK(recovers(cluster, {candidate}, 0));
}

TEST_CASE("who voted for a new cluster's first leader votes for it again") {
  journal_cluster cluster{3};
  auto first = to_first(3, RAFT_REQUEST_VOTE);
  first.header.request_vote = {2, 50, 3, 1, 1, true, false};
  auto again = to_first(3, RAFT_REQUEST_VOTE); // it began to lead, and ended
  again.sequence = 2;
  again.header.request_vote = {2, 51, 3, 2, 50, true, false};
  CHECK_FALSE(recovers(cluster, {first, again}));
  CHECK_FALSE(recovers(cluster, {first, again}, 1));
}

TEST_CASE("a new cluster forms though its first starts were interrupted") {
  journal_cluster cluster{3};
  for (raft_id id : {1, 2, 3}) {
    cluster.cut(id, true);
    cluster.node(id).stop();
    cluster.node(id).lose_disk();
  }
  for (int start = 0; start < 2; ++start)
    for (raft_id id : {1, 2, 3}) {
      cluster.node(id).start();
      if (start == 0)
        cluster.node(id).stop();
      cluster.cut(id, start == 0);
    }
  CHECK(cluster.publish("first"));
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

TEST_CASE("what actors of an earlier lead appended last is not taken for a "
          "record of the next") {
  slow_actors node;
  REQUIRE(eventually([&] { return node.leads.load(); }));
  auto other = to_first(2, RAFT_APPEND_ENTRIES);
  other.header.append_entries = {1, 50, 1, 1, 1, nullptr, 0};
  node.log->received(encode(other));
  REQUIRE(eventually([&] { return !node.leads; }));
  // It wins again, and its actors have not ended.
  REQUIRE(eventually([&] {
    auto now = node.log->status();
    return now.leader == 1 && now.term > 50 && now.applied == now.last;
  }));
  node.holds = true;
  node.append("old");
  REQUIRE(eventually([&] { return node.held.load(); }));
  node.append("old");
  node.log->actors_ended(); // both before the next turn
  node.holds = false;
  REQUIRE(eventually([&] { return node.leads.load(); }));
  node.append("new");
  REQUIRE(eventually([&] { return node.flushed == 1; }));
  CHECK(node.committed() == std::vector<std::string>{"new"});
}
