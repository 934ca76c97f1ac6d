// Members whose disk, store or actors fail them: who leads, and who goes on.
#include "actors/replication/message_codec.hpp"
#include "tests/replication/journal_cluster.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

/// A file that whoever writes it waits for.
class stuck_file {
public:
  ~stuck_file() { free(); }

  void stick(const std::filesystem::path& path) {
    path_ = path;
    REQUIRE(eventually([&] {
      std::filesystem::remove(path);
      return ::mkfifo(path.c_str(), 0600) == 0;
    }));
  }

  void free() {
    if (path_.empty())
      return;
    // Stays open, or writing to it would be a signal.
    [[maybe_unused]] int fd =
      ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    std::filesystem::remove(path_);
    path_.clear();
  }

private:
  std::filesystem::path path_;
};

/// As a full disk: no further file of the log can be made.
void let_no_file_be_made(const std::filesystem::path& wal) {
  for (int i = 0; i < 1'000; ++i) {
    auto name = std::to_string(i);
    name = std::string(12 - name.size(), '0') + name + ".spare";
    std::error_code exists;
    std::filesystem::create_symlink("/dev/full", wal / name, exists);
  }
}

/// The others, too, do not want to lead; or they do again.
void drain_others(journal_cluster& cluster, const journal_node& leader,
                  bool on) {
  for (raft_id id : {1, 2, 3}) {
    auto& node = cluster.node(id);
    if (&node == &leader)
      continue;
    node.log->drain(on);
    REQUIRE(eventually([&] { return node.log->status().drained == on; }));
  }
}

/// A node that follows, whose store gets nothing from memory by itself.
struct full_follower {
  full_follower() {
    db = store::open({.folder = folder.path / "store",
                      .partitions = 1,
                      .flush_in_background = false})
           .value();
    member_state own;
    own.self = 1;
    own.vote.term = 1;
    own.base = {1, 1, 1, encode_voters(std::vector<raft_id>{1, 2, 3}), {}};
    std::string diagnosis;
    auto from = open_log(folder.path / "wal", own, diagnosis).value();
    from.fresh = false;
    raft_options options;
    options.self = 1;
    options.session = 1;
    options.election_timeout_ms = 60'000;
    log = std::make_unique<replicated_journal>(
      std::move(from), folder.path / "member", options, *db,
      replication_outlets{
        .actors = {.flushed = [](partition_id, log_index) {},
                   .failed = [](partition_id, errc) {}},
        .send = [this](raft_id, const std::string& bytes) { sent(bytes); },
        .role = [](bool, raft_id) {},
        .snapshot_wanted = [] {}});
    record some;
    some.at = {1};
    some.changes.push_back(put_user{"user", {}});
    db->apply({0}, {1}, some, limits::unflushed_bytes_max + 1);
    log->start();
  }

  ~full_follower() { log->stop(); }

  void sent(const std::string& bytes) {
    auto message = decode_message(bytes).value();
    if (message.header.type == RAFT_APPEND_ENTRIES_RESULT
        && message.header.append_entries_result.rejected == 0)
      has = message.header.append_entries_result.last_log_index;
  }

  /// A leader's entries behind `before`, and what is committed by then.
  void hear(entry_index before, std::vector<entry_kind> kinds,
            entry_index committed) {
    peer_message out;
    out.from = 2;
    out.to = 1;
    out.session = 1;
    out.sequence = ++sequence;
    out.header.type = RAFT_APPEND_ENTRIES;
    for (auto kind : kinds)
      out.entries.push_back({50, kind, std::make_shared<std::string>()});
    auto term = before == 1 ? entry_term{1} : entry_term{50};
    auto count = unsigned(kinds.size());
    out.header.append_entries = {1,         50,      before, term,
                                 committed, nullptr, count};
    log->received(encode(out));
  }

  temporary_folder folder;
  std::unique_ptr<store> db;
  std::unique_ptr<replicated_journal> log;
  std::uint64_t sequence = 0;
  std::atomic<entry_index> has{0}; // by its last answer
};

} // namespace

TEST_CASE("a leader whose disk does not answer hands over") {
  stuck_file stuck;
  journal_cluster cluster{3, {.election_timeout_ms = 1000}};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  CHECK(old->log->status().disk_answers);
  stuck.stick(old->folder.path / "member.new");
  // A change of members is soon noted beside the log.
  CHECK(cluster.change({change_goal::add, 2, "elsewhere:2114"}).done);
  CHECK(eventually([&] { return !old->leads(); }));
  CHECK_FALSE(old->log->status().disk_answers);
  CHECK(cluster.publish("after"));
  stuck.free();
  CHECK(eventually([&] { return old->log->status().disk_answers; }));
  CHECK(eventually([&] { return old->has_user("after"); }));
}

TEST_CASE("a leader whose store has reached its quota goes on leading") {
  journal_cluster cluster{3,
                          {.election_timeout_ms = 1500, .disk_bytes_max = 1}};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  auto term = old->log->status().term;
  REQUIRE(eventually([&] { return old->db->refusal() != errc::none; }));
  CHECK(old->db->refusal() == errc::storage_full);
  CHECK(old->db->over_quota());
  for (auto end = clock_type::now() + 2500ms; clock_type::now() < end;)
    REQUIRE(cluster.publish("more"));
  CHECK(old->leads());
  CHECK(old->log->status().term == term);
}

TEST_CASE("a leader that has no room for the next file of its log hands over") {
  constexpr std::size_t file_bytes = std::size_t{512} << 10;
  journal_cluster cluster{
    3, {.wal_file_bytes = file_bytes, .election_timeout_ms = 1500}};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  let_no_file_be_made(old->folder.path / "wal");
  // It has files left, so it can record: what others ask of it must not end.
  while (old->leads() && old->log->publishing_refusal() == errc::none)
    REQUIRE(cluster.publish("more", file_bytes / 10));
  CHECK(old->log->status().disk_answers);
  CHECK(eventually([&] { return !old->leads(); }));
  CHECK(cluster.publish("after"));
}

TEST_CASE("a leader whose actors could not be started tries to hand over until "
          "another one leads") {
  journal_cluster cluster{3, {.election_timeout_ms = 1000}};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  drain_others(cluster, *old, true);
  old->log->actors_started(false);
  // Its first try is over by then.
  for (auto end = clock_type::now() + 2500ms; clock_type::now() < end;)
    cluster.publish("meanwhile");
  CHECK(old->leads());
  drain_others(cluster, *old, false);
  CHECK(eventually([&] { return !old->leads(); }));
  CHECK(cluster.publish("after"));
}

TEST_CASE("a follower whose store is full answers its leader, and takes what "
          "is no command") {
  constexpr auto command = entry_kind::command;
  constexpr auto barrier = entry_kind::barrier;
  full_follower node;
  node.hear(1, {command}, 2);
  CHECK(eventually([&] { return node.has == 1; }));
  CHECK(node.log->status().last == 1);
  CHECK(node.log->status().committed == 1); // what it has not is not committed
  node.hear(1, {barrier, command}, 3);
  CHECK(eventually([&] { return node.has == 2; }));
  CHECK(eventually([&] { return node.log->status().last == 2; }));
  CHECK(node.log->status().committed == 2);
  REQUIRE(node.db->flush().has_value());
  node.hear(2, {command}, 2);
  CHECK(eventually([&] { return node.has == 3; }));
}

TEST_CASE("a follower that lacks what its leader cannot read gets the store") {
  constexpr std::size_t mebibyte = std::size_t{1} << 20;
  journal_cluster cluster{3,
                          {.wal_file_bytes = 4 * mebibyte,
                           .tail_entries_max = 16,
                           .tail_bytes_max = mebibyte / 2,
                           .election_timeout_ms = 3000}};
  REQUIRE(cluster.publish("before"));
  auto& leader = *cluster.leader();
  auto term = leader.log->status().term;
  auto& away = cluster.node(leader.log->status().self % 3 + 1);
  away.stop();
  for (int n = 0; n < 50; ++n)
    REQUIRE(cluster.publish("user", 60'000));
  REQUIRE(leader.log->base().index == 1); // too little for another one
  std::filesystem::path first;
  for (auto& one :
       std::filesystem::directory_iterator{leader.folder.path / "wal"})
    if (one.path().extension() == ".wal"
        && (first.empty() || one.path() < first))
      first = one.path();
  {
    std::fstream damage{first, std::ios::in | std::ios::out | std::ios::binary};
    damage.seekp(mebibyte / 2);
    damage << std::string(mebibyte, 'x');
    REQUIRE(damage.good());
  }
  away.start();
  CHECK(eventually([&] {
    cluster.restart_fetched();
    return away.db->applied({0}) >= leader.db->applied({0});
  }));
  // Sometimes the leader has all of it in memory still; `raft_loss_test` does
  // without that.
  if (away.snapshots_wanted() == 0)
    WARN("nothing had to be read");
  CHECK(leader.log->status().term == term);
}

TEST_CASE("who asked for a handing over that failed hears so, though somebody "
          "asked again") {
  std::atomic<int> failed{0};
  std::atomic<bool> first{false};
  std::atomic<bool> told{false};
  journal_cluster cluster{3, {.election_timeout_ms = 1000}};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  drain_others(cluster, *old, true);
  old->log->transfer(0, [&](const change_answer& answer) {
    failed += answer.error == errc::timed_out ? 1 : 0;
    first = true;
  });
  auto end = clock_type::now() + 20s;
  while (!first && clock_type::now() < end) {
    told = false; // begun as soon as the first one is given up
    old->log->transfer(0, [&](const change_answer& answer) {
      failed += answer.error == errc::timed_out ? 1 : 0;
      told = true;
    });
    REQUIRE(eventually([&] { return told.load(); }));
  }
  CHECK(failed == 2);
  CHECK(old->leads());
}

TEST_CASE("a leader that hands over does not spin while records wait") {
  journal_cluster cluster{2, {.election_timeout_ms = 3000}};
  REQUIRE(cluster.publish("before"));
  auto* old = cluster.leader();
  auto other = old->log->status().self == 1 ? raft_id{2} : raft_id{1};
  cluster.cut(other, true);
  REQUIRE(old->append("lacked"));
  old->log->transfer(other);
  auto begun = old->worked();
  std::optional<log_index> last;
  for (int n = 0; n < 50; ++n) {
    last = old->append("waits");
    std::this_thread::yield();
  }
  REQUIRE(last);
  CHECK(eventually([&] { return old->outcome(*last).has_value(); }));
  CHECK(old->worked() - begun < 200ms);
}
