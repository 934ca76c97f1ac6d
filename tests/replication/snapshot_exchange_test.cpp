// A store that is copied to another node, whatever gets lost on the way.
#include "actors/replication/member_file.hpp"
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/snapshot_exchange.hpp"
#include "tests/replication/journal_cluster.hpp"
#include "tests/support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <fstream>

using namespace callboard;
using namespace callboard::test;

namespace {

log_snapshot some_base() {
  return {77, 5, 1, encode_voters(std::vector<raft_id>{1, 2, 3}), {}};
}

std::unique_ptr<store> open_store(const std::filesystem::path& folder) {
  auto db = store::open({.folder = folder, .partitions = 1});
  REQUIRE(db.has_value());
  return std::move(*db);
}

/// Enough for several pieces.
void fill(store& db) {
  for (std::uint64_t n = 1; n <= 2000; ++n) {
    user_row row;
    row.full_name = std::string(3000, 'x');
    record what;
    what.changes.push_back(put_user{"user-" + std::to_string(n), row});
    db.apply({0}, {n}, what, 3000);
  }
  REQUIRE(db.flush().has_value());
}

/// Node 1 leads, node 2 lags. Every frame goes through `pass`.
class two_nodes {
public:
  explicit two_nodes(std::function<bool(snapshot_frame)> pass)
      : pass_(std::move(pass)), db_(open_store(leader.path / "store")),
        other_db_(open_store(other.path / "store")) {
    fill(*db_);
    leading.emplace(*db_, snapshot_folders_in(leader.path), outlets(1));
    lagging.emplace(*other_db_, snapshot_folders_in(other.path), outlets(2));
  }

  ~two_nodes() {
    leading->stop();
    lagging->stop();
  }

  /// Stops the node that lags, and installs what it got.
  void restart_with_copy() {
    member_state own;
    own.self = 2;
    own.vote = {9, 3};
    own.base = {1, 1, 1, some_base().configuration, {}};
    REQUIRE(save_member(other.path / "member", own).has_value());
    lagging->stop();
    other_db_.reset();
    install();
    other_db_ = open_store(other.path / "store");
  }

  void install() {
    REQUIRE(install_snapshot(snapshot_folders_in(other.path),
                             other.path / "store", other.path / "wal",
                             other.path / "member")
              .has_value());
  }

  member_state own() const {
    return load_member(other.path / "member").value().value();
  }

  std::size_t users() { return other_db_->users()->size(); }

  temporary_folder leader;
  temporary_folder other;
  std::optional<snapshot_exchange> leading;
  std::optional<snapshot_exchange> lagging;
  std::atomic<bool> complete{false};
  log_snapshot base = some_base();
  std::atomic<entry_index> last{0};

private:
  snapshot_outlets outlets(raft_id self) {
    return {.base = [this] { return base; },
            .last = [this] { return last.load(); },
            .send =
              [this, self](raft_id, snapshot_frame kind, std::string bytes) {
                if (!pass_(kind))
                  return true; // lost
                (self == 1 ? lagging : leading)
                  ->received(self, kind, std::move(bytes));
                return true;
              },
            .leader = [] { return raft_id{1}; },
            .complete = [this] { complete = true; }};
  }

  std::function<bool(snapshot_frame)> pass_;
  std::unique_ptr<store> db_;
  std::unique_ptr<store> other_db_;
};

} // namespace

TEST_CASE("a node that lags gets the leader's store and begins behind it") {
  two_nodes nodes{[](auto) { return true; }};
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.load(); }));
  nodes.restart_with_copy();
  CHECK(nodes.users() == 2000);
  auto member = load_member(nodes.other.path / "member");
  REQUIRE(member.has_value());
  REQUIRE(member->has_value());
  CHECK((*member)->self == 2);
  CHECK((*member)->vote.term == 9); // never forgotten
  CHECK((*member)->vote.vote == 3);
  CHECK((*member)->base.index == 77);
  CHECK((*member)->base.term == 5);
  CHECK((*member)->recovering); // its log may have had more
  CHECK(!std::filesystem::exists(nodes.other.path / "installing"));
}

TEST_CASE("pieces of a store that got lost are asked for again") {
  std::atomic<int> frames{0};
  two_nodes nodes{[&](auto) { return ++frames != 4; }};
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.load(); }));
  nodes.restart_with_copy();
  CHECK(nodes.users() == 2000);
}

TEST_CASE("an installation that was interrupted is done again") {
  two_nodes nodes{[](auto) { return true; }};
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.load(); }));
  auto installing = nodes.other.path / "installing";
  auto kept = nodes.other.path / "kept";
  std::filesystem::copy(installing, kept);
  std::filesystem::remove(kept / "data.mdb"); // it had its place already
  nodes.restart_with_copy();
  std::filesystem::rename(kept, installing);
  nodes.install();
  CHECK(nodes.users() == 2000);
  CHECK(!std::filesystem::exists(installing));
}

TEST_CASE("an installation that was interrupted at its end is over") {
  two_nodes nodes{[](auto) { return true; }};
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.load(); }));
  nodes.restart_with_copy();
  auto installing = nodes.other.path / "installing";
  std::filesystem::create_directory(installing); // all but its name was removed
  nodes.install();
  CHECK(nodes.users() == 2000);
  CHECK(!std::filesystem::exists(installing));
}

TEST_CASE("a node is not sent an older copy than its own log") {
  two_nodes nodes{[](auto) { return true; }};
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.exchange(false); }));
  nodes.base.index = 200; // the copy that was made is of 77
  nodes.last = 100;
  std::filesystem::remove_all(nodes.other.path / "installing");
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.load(); }));
  auto copied = load_member(nodes.other.path / "installing" / "member");
  REQUIRE(copied.has_value());
  REQUIRE(copied->has_value());
  CHECK((*copied)->base.index == 200);
}

TEST_CASE("a damaged copy costs nothing that is here") {
  two_nodes nodes{[](auto) { return true; }};
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.load(); }));
  auto installing = nodes.other.path / "installing";
  auto wal = nodes.other.path / "wal";
  std::filesystem::create_directory(wal);
  std::ofstream{installing / "member"} << "nonsense";
  SECTION("before it is begun") {
    nodes.restart_with_copy();
    CHECK(nodes.users() == 0);
    CHECK(std::filesystem::exists(wal));
    CHECK_FALSE(nodes.own().recovering);
  }
  SECTION("when its store is there already") {
    std::filesystem::rename(installing / "data.mdb",
                            nodes.other.path / "store" / "data.mdb");
    nodes.restart_with_copy();
    CHECK(nodes.users() == 2000);
    CHECK(nodes.own().recovering);
  }
  CHECK(nodes.own().vote.term == 9);
  CHECK(nodes.own().base.index == 1);
  CHECK(!std::filesystem::exists(installing));
}

TEST_CASE("a copy takes the place of one that was never installed") {
  two_nodes nodes{[](auto) { return true; }};
  auto installing = nodes.other.path / "installing";
  std::filesystem::create_directory(installing);
  std::ofstream{installing / "member"} << "nonsense";
  nodes.lagging->fetch();
  REQUIRE(eventually([&] { return nodes.complete.load(); }));
  nodes.restart_with_copy();
  CHECK(nodes.users() == 2000);
}

TEST_CASE("no copy of the store is made without room for it") {
  temporary_folder folder;
  auto db = open_store(folder.path / "store");
  fill(*db);
  std::atomic<std::uint64_t> room{db->used_bytes()};
  std::atomic<int> refused{0};
  std::atomic<int> sent{0};
  snapshot_exchange leading{
    *db,
    snapshot_folders_in(folder.path),
    {.base = some_base,
     .last = [] { return entry_index{0}; },
     .send =
       [&](raft_id, snapshot_frame, const std::string& bytes) {
         ++(decode_snapshot_piece(bytes)->copy == 0 ? refused : sent);
         return true;
       },
     .leader = [] { return raft_id{1}; },
     .complete = [] {},
     .room = [&] { return room.load(); }}};
  auto ask = [&] {
    leading.received(2, snapshot_frame::ask, encode(snapshot_ask{0, 0}));
  };
  ask();
  REQUIRE(eventually([&] { return refused == 1; }));
  CHECK(!std::filesystem::exists(folder.path / "outgoing"));
  CHECK(leading.lacks_room());
  room = UINT64_MAX;
  ask();
  REQUIRE(eventually([&] { return sent == 1; }));
  CHECK_FALSE(leading.lacks_room());
  leading.stop();
}
