// A member that installs comes back when the leader's snapshot is a newer one.
#include "tests/replication/small_group.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

/// Three members; one lacked entries and was told to install, when its process
/// ended. Meanwhile the leader went on, and took a newer snapshot.
struct interrupted {
  small_group group{{1, 2, 3}, {.in_flight_entries_max = 2}};
  small_member& leader = group[group.elect()];
  small_member& away = group[group.follower(leader.id)];
  stored_log before;
  snapshot_ptr told;

  /// `trailing`: entries that the leader keeps before its newer snapshot.
  explicit interrupted(unsigned trailing) {
    group.cut = {away.id};
    submit(10);
    group.compact(leader, 0);
    group.advance(1'000); // so the leader hears it before it tells it
    told = leader.disk.snapshot;
    before = away.disk;
    away.disk_stuck = true;
    group.cut.clear();
    for (int i = 0; i < 50 && away.disk_queue.empty(); ++i)
      group.advance(10);
    REQUIRE(!away.disk_queue.empty());
    REQUIRE(away.disk_queue.back().install == told);
    group.cut = {away.id};
    submit(10);
    group.compact(leader, trailing);
    REQUIRE(leader.disk.snapshot->index > told->index);
    before.state = away.disk.state;
    away.disk_stuck = false;
  }

  void submit(int count) {
    for (int i = 0; i < count; ++i)
      REQUIRE(group.submit(leader.id, "x") == errc::none);
  }

  /// Its disk with the snapshot that it was told of.
  stored_log installed() const {
    auto out = before;
    out.snapshot = told;
    out.first = told->index + 1;
    out.entries.clear();
    return out;
  }

  void comes_back_with(stored_log disk) {
    away.disk = std::move(disk);
    away.applied.clear();
    group.restart(away.id);
    group.cut.clear();
    group.advance(1'000);
    submit(1);
    group.advance(200);
  }
};

} // namespace

TEST_CASE("a member that comes back with the snapshot that it was told of gets "
          "what follows") {
  interrupted it{20};
  it.comes_back_with(it.installed());
  CHECK(it.away.installs == 0);
  CHECK(it.away.applied.size() == 11);
  CHECK(it.away->last_index() == it.leader->last_index());
}

TEST_CASE("a member that comes back without it is told of the newer one") {
  for (unsigned trailing : {0U, 20U}) {
    interrupted it{trailing};
    it.comes_back_with(it.before);
    CHECK(it.away.installs == 1);
    CHECK(it.away->last_index() == it.leader->last_index());
  }
}

TEST_CASE("a member that comes back with a snapshot behind which the leader "
          "has no entries is told of the newer one") {
  interrupted it{0};
  it.comes_back_with(it.installed());
  CHECK(it.away.installs == 1);
  CHECK(it.away->last_index() == it.leader->last_index());
}
