// What a member does without: its disk, entries that it once had, its memory.
#include "tests/replication/small_group.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace callboard;
using namespace callboard::test;

namespace {

const std::vector<raft_id> three{1, 2, 3};

void submit_many(small_group& group, raft_id leader, int count) {
  for (int i = 0; i < count; ++i)
    REQUIRE(group.submit(leader, "x" + std::to_string(i)) == errc::none);
}

std::string last_of(small_member& m) {
  return m.applied.empty() ? "" : m.applied.back();
}

} // namespace

TEST_CASE("a member that lost its disk is caught up, but has no vote") {
  small_group group{three};
  auto leader = group.elect();
  submit_many(group, leader, 10);
  auto lost = group.follower(leader);
  auto other = group.follower(leader, lost);
  bool quick = GENERATE(true, false); // before the leader misses it, or after
  if (!quick) {
    group.cut = {lost};
    group.advance(400);
    group.cut = {};
  }
  group.lose_disk(lost, group[leader]->term());
  group.advance(1'000);
  CHECK(group[lost].applied == group[leader].applied);
  // The one that leads now goes; the other cannot lead without a vote.
  leader = group[leader]->leader();
  other = group.follower(leader, lost);
  group.cut = {leader};
  group.advance(10'000);
  CHECK(!group[other]->is_leader());
  CHECK(!group[lost]->is_leader());
  group[lost]->set_recovering(false);
  CHECK(group.elect() != 0);
}

TEST_CASE("a member that got its log back can take over for the next one") {
  small_group group{three, {.in_flight_entries_max = 8}};
  auto leader = group.elect();
  auto first = group.follower(leader);
  auto second = group.follower(leader, first);
  group.cut = {first};
  submit_many(group, leader, 50);
  group.compact(group[leader], 0);
  group.lose_disk(first, group[leader]->term());
  group.cut = {second}; // so there is nobody to hand over to
  group.advance(2'000);
  REQUIRE(group[leader]->is_leader());
  REQUIRE(group[first].installs == 1);
  group[first]->set_recovering(false);
  group.cut = {};
  group.advance(500);
  REQUIRE(group[leader]->is_leader()); // it need not hand over any more
  group.lose_disk(second, group[leader]->term());
  group.advance(1'000);
  CHECK(group[first]->is_leader());
  CHECK(group[second]->applied() == group[first]->applied());
}

TEST_CASE("a recovering member is not made leader") {
  small_group group{three};
  auto leader = group.elect();
  auto lost = group.follower(leader);
  group[lost]->set_recovering(true);
  group.perform(leader, group[leader]->transfer(group.now, lost));
  CHECK(!group[lost]->is_leader());
  group.advance(2'000);
  CHECK(group.submit(leader, "x") == errc::none);
}

TEST_CASE("a vote that may have been given is not given again") {
  auto state = state_after_loss(2, 7);
  CHECK(state.term == 7);
  CHECK(state.vote == 2); // so no one else gets it
}

TEST_CASE("a follower gets the snapshot when an entry for it is gone") {
  small_group group{three, {.in_flight_entries_max = 8, .tail_entries_max = 1}};
  auto leader = group.elect();
  auto behind = group.follower(leader);
  group.cut = {behind};
  submit_many(group, leader, 100);
  auto& m = group[leader];
  SECTION("it is there, and the engine does not know that it is needed") {
    group.compact(m, 1'000);
    CHECK(m->first_kept() == 1); // it believes that it has all entries
    m.unreadable_below = m->applied();
    group.cut = {};
    group.advance(500);
    CHECK(group[behind].installs == 1);
    CHECK(!m.snapshot_needed);
  }
  SECTION("there is none yet") {
    m.unreadable_below = m->applied();
    group.cut = {};
    group.advance(500);
    CHECK(m.snapshot_needed);
    CHECK(group[behind].installs == 0);
    for (int i = 0; i < 20; ++i) { // meanwhile it hears its leader
      group.advance(100);
      for (auto& p : group[behind]->peers(group.now))
        CHECK((p.id != leader || *p.silent_ms < 300));
    }
    group.compact(m, 1'000);
    group.advance(500);
    CHECK(group[behind].installs == 1);
  }
  SECTION("and it takes long, while which the leader stays") {
    group.compact(m, 1'000);
    m.unreadable_below = m->applied();
    group[behind].disk_stuck = true;
    group.cut = {};
    group.advance(20'000);
    CHECK(m->is_leader());
    CHECK(m->term() == group[behind]->term());
    for (auto& p : m->peers(group.now))
      CHECK(*p.silent_ms < 300);
    group.free_disk(group[behind]);
    group.advance(500);
    CHECK(group[behind].installs == 1);
  }
  CHECK(group.submit(leader, "last") == errc::none);
  group.advance(300);
  CHECK(last_of(group[behind]) == "last");
}

TEST_CASE("a follower that installs a snapshot answers what it cannot take") {
  small_group group{three, {.in_flight_entries_max = 8, .tail_entries_max = 1}};
  auto leader = group.elect();
  auto behind = group.follower(leader);
  group.cut = {behind};
  submit_many(group, leader, 100);
  group.compact(group[leader], 0);
  group[behind].disk_stuck = true;
  group.cut = {};
  group.advance(300);
  REQUIRE(!group[behind]->idle()); // it installs
  group.cut = {behind};            // until its leader thinks it does not
  group.advance(2'000);
  group.cut = {};
  submit_many(group, leader, 5); // and would send it these
  group.advance(3'000);
  for (auto& p : group[leader]->peers(group.now))
    CHECK(*p.silent_ms < 300);
  group.free_disk(group[behind]);
  group.advance(2'000);
  CHECK(group[behind].installs == 1);
  CHECK(last_of(group[behind]) == "x4");
}

TEST_CASE("nothing old is applied while a snapshot is installed") {
  auto log = first_log(three);
  log.entries.push_back(command("never committed"));
  log.entries.back().term = 1;
  raft_driver follower{{.self = 1, .session = 1},
                       [&](entry_index i) { return log.entries.at(i - 1); }};
  follower.start(0, log);
  peer_message install;
  install.from = 2;
  install.to = 1;
  install.session = install.sequence = 1;
  install.header.type = RAFT_INSTALL_SNAPSHOT;
  install.header.install_snapshot = {0, 3, 10, 3, {}, 1, {}};
  install.snapshot = std::make_shared<log_snapshot>(
    log_snapshot{10, 3, 1, encode_voters(three), "state"});
  CHECK(follower.receive(1, install).store.size() == 1);
  peer_message heartbeat = install;
  heartbeat.sequence = 2;
  heartbeat.snapshot = nullptr;
  heartbeat.header = {};
  heartbeat.header.type = RAFT_APPEND_ENTRIES;
  heartbeat.header.append_entries = {0, 3, 10, 3, 10, nullptr, 0};
  CHECK(follower.receive(1, heartbeat).apply.empty());
  CHECK(follower.applied() == 1);
  CHECK(follower.stored(2).restore == install.snapshot);
  CHECK(follower.applied() == 10);
}

TEST_CASE("storage may forget what lies before the first kept entry") {
  small_group group{three, {.in_flight_entries_max = 8, .tail_entries_max = 1}};
  auto leader = group.elect();
  submit_many(group, leader, 100);
  auto& m = group[leader];
  CHECK(m->first_kept() == 1);
  group.compact(m, 30);
  CHECK(m->first_kept() == m->applied() - 30 + 1);
  auto kept = m->first_kept();
  SECTION("at least what may be in flight stays") {
    submit_many(group, leader, 10);
    group.compact(m, 0);
    CHECK(m->first_kept() == m->applied() - 9 + 1);
  }
  SECTION("an older snapshot, or the same, changes nothing") {
    auto older = std::make_shared<log_snapshot>(*m.disk.snapshot);
    group.perform(m, m->compacted(group.now, older, 10));
    CHECK(m->first_kept() == kept);
    older->index -= 5;
    group.perform(m, m->compacted(group.now, older, 10));
    CHECK(m->first_kept() == kept);
    older->index = m->applied() + 1;
    group.perform(m, m->compacted(group.now, older, 10));
    CHECK(m->first_kept() == kept);
  }
  SECTION("a follower that needs an earlier one gets the snapshot") {
    auto lost = group.follower(leader);
    group.lose_disk(lost, m->term());
    group.advance(1'000);
    // Whoever leads now may have kept all entries.
    CHECK(last_of(group[lost]) == "x99");
  }
  SECTION("and a restart begins there") {
    group.restart(leader);
    CHECK(group[leader]->first_kept() == kept);
    auto next = group.elect();
    CHECK(group.submit(next, "y") == errc::none);
    group.advance(200);
    CHECK(last_of(group[leader]) == "y");
  }
}

TEST_CASE("memory keeps the newest entries, up to so many bytes") {
  small_group group{{1}, {.tail_entries_max = 1'000, .tail_bytes_max = 1'000}};
  auto& m = group[1];
  for (int i = 0; i < 50; ++i)
    REQUIRE(group.submit(1, std::string(100, 'x')) == errc::none);
  group.perform(1, m->add(group.now, 2));
  m.reads = 0;
  group.join(2, {}); // reads them all
  group.advance(500);
  CHECK(group[2].applied.size() == 50);
  CHECK(m.reads >= 40);
  CHECK(m.reads <= 52); // of 53, each once
}

TEST_CASE("entries that are not stored stay in memory, whatever their size") {
  small_group group{{1}, {.tail_entries_max = 1, .tail_bytes_max = 1}};
  auto& m = group[1];
  m.disk_stuck = true;
  m.reads = 0;
  for (int i = 0; i < 20; ++i)
    REQUIRE(group.submit(1, "some text") == errc::none);
  CHECK(m.reads == 0);
  group.free_disk(m);
  CHECK(m.applied.size() == 20);
  CHECK(m.reads == 0);
}

TEST_CASE("a leader whose disk is stuck takes only so many commands") {
  small_group group{three};
  auto leader = group.elect();
  auto& m = group[leader];
  m.disk_stuck = true; // the others commit without it
  errc refused = errc::none;
  std::size_t taken = 0;
  for (; taken < 2'000 && refused == errc::none; ++taken)
    refused = group.submit(leader, "x");
  CHECK(refused == errc::too_many_in_flight);
  CHECK(taken > 500);
  CHECK(m.disk_queue.size() <= limits::storage_steps_max);
  group.free_disk(m);
  CHECK(group.submit(leader, "y") == errc::none);
  group.advance(200);
  for (auto id : three)
    CHECK(last_of(group[id]) == "y");
}

TEST_CASE("a member whose disk is stuck neither raises its term nor its debt") {
  // Seeds and times with which the healthy one never stands: a candidate of
  // the engine goes on without another trial, and would raise both terms.
  raft_options options;
  options.election_timeout_ms = 800;
  small_group group{three, options};
  auto leader = group.elect();
  auto stuck = group.follower(leader);
  auto& m = group[stuck];
  m.disk_stuck = true;
  group.cut = {leader};
  group.advance(600'000);
  auto term = m->term();
  CHECK(m.disk_queue.size() <= 10);
  group.advance(600'000);
  CHECK(m->term() <= term + 1);
  group.cut = {};
  group.free_disk(m);
  auto next = group.elect();
  CHECK(group.submit(next, "x") == errc::none);
  group.advance(1'000);
  for (auto id : three)
    CHECK(last_of(group[id]) == "x");
}

TEST_CASE("a state that is stored before its entries begins the log anew") {
  small_group group{three};
  auto leader = group.elect();
  submit_many(group, leader, 10);
  auto& m = group[group.follower(leader)];
  m.disk_stuck = true;
  submit_many(group, leader, 10);
  group.advance(200);
  REQUIRE(m.applied.size() == 20); // though only half of them is stored
  m.disk.snapshot = std::make_shared<log_snapshot>(m->describe_applied());
  auto applied = m->applied();
  m.disk_stuck = false;
  group.restart(m.id); // what was not stored is lost
  CHECK(m->applied() == applied);
  CHECK(m->last_index() == applied);
  CHECK(m->first_kept() == applied + 1);
  submit_many(group, leader, 3);
  group.advance(200);
  CHECK(m.applied.size() == 23);
  CHECK(m.disk.first == applied + 1);
  CHECK(last_of(m) == "x2");
}
