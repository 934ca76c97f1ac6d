// A node that was away: what it lacks comes from the leader's log, or store.
#include "actors/replication/log_reader.hpp"
#include "tests/replication/journal_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t record_bytes = 60'000;
constexpr partition_id home{0};

/// Small files, hardly anything in memory; nobody is taken for dead soon.
journal_limits small(std::uint64_t keep) {
  return {.wal_file_bytes = 4 * mebibyte,
          .wal_keep_bytes = keep,
          .tail_entries_max = 16,
          .tail_bytes_max = mebibyte / 2,
          .election_timeout_ms = 3000,
          .restarts_fetched = false};
}

void write(journal_cluster& to, std::size_t bytes) {
  for (std::size_t n = 0; n < bytes / record_bytes; ++n)
    REQUIRE(to.publish("user", record_bytes));
}

/// Publishes until it ends.
class load {
public:
  explicit load(journal_cluster& to, std::size_t bytes = record_bytes)
      : thread_([this, &to, bytes] {
          while (!over_) {
            failed_ = failed_ || !to.publish("user", bytes);
            ++published;
          }
        }) {}

  ~load() { end(); }

  void end() {
    over_ = true;
    if (thread_.joinable())
      thread_.join();
    CHECK(!failed_);
  }

  std::atomic<int> published{0};

private:
  std::atomic<bool> over_{false};
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

journal_node& follower(journal_cluster& of) {
  auto id = of.leader()->log->status().self % 3 + 1;
  return of.node(id);
}

bool has_all(journal_node& node, journal_node& leader) {
  return node.db->applied(home) >= leader.db->applied(home);
}

/// The longest that the leader heard nothing of its other follower.
raft_ms longest_silence(journal_node& leader, raft_id away) {
  raft_ms out = 0;
  auto now = leader.log->status();
  for (auto& peer : now.peers)
    if (peer.id != away && peer.id != now.self)
      out = std::max(out, peer.silent_ms.value_or(0));
  return out;
}

} // namespace

TEST_CASE("a node that was away catches up from the wal, under load") {
  journal_cluster cluster{3, small(1024 * mebibyte)};
  write(cluster, mebibyte);
  auto& leader = *cluster.leader();
  auto& away = follower(cluster);
  auto term = leader.log->status().term;
  away.stop();
  write(cluster, 40 * mebibyte);
  // The driver's memory ends there.
  CHECK(eventually([&] { return leader.log->base().index > 257; }));
  CHECK(leader.wal_files() >= 9);
  CHECK(eventually([&] { return follower(cluster).wal_files() < 9; }));
  raft_ms silence = 0;
  {
    load publishing{cluster};
    away.start();
    auto missed = leader.db->applied(home);
    CHECK(eventually([&] {
      silence =
        std::max(silence, longest_silence(leader, away.log->status().self));
      return away.db->applied(home) >= missed;
    }));
    CHECK(publishing.published > 0);
  }
  CHECK(eventually([&] { return has_all(away, leader); }));
  CHECK(away.snapshots_wanted() == 0);
  CHECK(leader.log->status().term == term);
  CHECK(silence < 1000);
  INFO("files " << leader.wal_files());
  // At once, without more to write.
  CHECK(eventually([&] { return leader.wal_files() <= 6; }));
}

TEST_CASE("a node that lacks more than is kept gets the store, under load") {
  journal_cluster cluster{3, small(24 * mebibyte)};
  write(cluster, mebibyte);
  auto& leader = *cluster.leader();
  auto& away = follower(cluster);
  away.stop();
  write(cluster, 64 * mebibyte);
  // Only what is kept for it is left: it must lack some.
  REQUIRE(eventually([&] { return leader.wal_files() <= 12; }));
  load publishing{cluster, record_bytes / 10};
  away.start();
  REQUIRE(eventually([&] { return away.must_restart(); }));
  auto missed = leader.db->applied(home);
  // On a slow machine what is written meanwhile may be too much once more.
  CHECK(eventually([&] {
    if (away.must_restart()) {
      away.stop();
      away.start();
    }
    return away.db->applied(home) >= missed;
  }));
  publishing.end();
  CHECK(eventually([&] { return has_all(away, leader); }));
  CHECK(away.snapshots_wanted() >= 1);
}

TEST_CASE(
  "what is read for followers is kept within bounds, and not for ever") {
  int reads = 0;
  log_reader reader{[&](entry_index from) -> result<std::vector<log_entry>> {
                      ++reads;
                      if (from > 100)
                        return errc::not_found;
                      std::vector<log_entry> out;
                      for (auto i = from; i < from + 10; ++i)
                        out.push_back(
                          {i, entry_kind::command,
                           std::make_shared<const std::string>(100, 'x')});
                      return out;
                    },
                    3000};
  for (entry_index i = 1; i <= 40; ++i) // two followers
    for (auto index : {i, i + 50}) {
      auto found = reader.find(index);
      REQUIRE(found);
      REQUIRE(found->term == index);
      REQUIRE(reader.bytes() <= 3000);
    }
  CHECK(reads == 8);
  CHECK(!reader.find(101));
  reads = 0;
  reader.forget(88); // others took their place
  CHECK(reader.find(90));
  CHECK(reader.find(31));
  CHECK(reads == 1);
  CHECK(reader.find(40));
  reader.clear();
  CHECK(reader.bytes() == 0);
}
