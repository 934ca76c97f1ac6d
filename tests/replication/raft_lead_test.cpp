// Who leads a group: elections, and handing the lead over.
#include "tests/replication/small_group.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

const std::vector<raft_id> three{1, 2, 3};

peer_message vote_request(raft_id from, raft_id to, entry_term term) {
  peer_message out;
  out.from = from;
  out.to = to;
  out.session = 9;
  out.sequence = 1;
  out.header.type = RAFT_REQUEST_VOTE;
  out.header.request_vote.term = term;
  out.header.request_vote.candidate_id = from;
  return out;
}

constexpr auto voter = member_role::voter;
constexpr auto standby = member_role::standby;

} // namespace

TEST_CASE("all members know who leads") {
  small_group group{three};
  for (auto id : three)
    CHECK(group[id]->leader() == 0);
  auto leader = group.elect();
  for (auto id : three) {
    CHECK(group[id]->leader() == leader);
    CHECK(group[id]->is_leader() == (id == leader));
  }
}

TEST_CASE("a leader knows what its followers have") {
  small_group group{three};
  auto leader = group.elect();
  auto slow = group.follower(leader);
  group[slow].disk_stuck = true;
  CHECK(group.submit(leader, "a") == errc::none);
  group.advance(40);
  auto last = group[leader]->last_index();
  CHECK(group[leader]->commit_index() == last);
  for (auto& p : group[leader]->peers(group.now)) {
    CHECK(p.role == voter);
    CHECK(p.match == (p.id == slow ? last - 1 : last));
    CHECK(p.next == last + 1);
    REQUIRE(p.silent_ms.has_value());
    CHECK(*p.silent_ms <= limits::heartbeat_interval.count());
  }
  group.cut = {slow};
  group.advance(500);
  for (auto& p : group[leader]->peers(group.now))
    CHECK((*p.silent_ms >= 400) == (p.id == slow));
  for (auto& p : group[slow]->peers(group.now)) {
    CHECK(p.match == 0); // a follower does not know
    CHECK(p.next == 0);
  }
}

TEST_CASE("a leader hands its lead to whom it is told") {
  small_group group{three};
  auto leader = group.elect();
  for (auto to : {group.follower(leader), leader}) {
    auto from = to == leader ? group.follower(leader) : leader;
    group.perform(from, group[from]->transfer(group.now, to));
    CHECK(group[to]->is_leader()); // at once
    CHECK(group.submit(to, "a") == errc::none);
    group.advance(200);
    for (auto id : three)
      CHECK(group[id]->leader() == to);
  }
}

TEST_CASE("a leader hands its lead to the member that has most") {
  small_group group{three};
  auto leader = group.elect();
  for (bool first : {true, false}) {
    auto slow = group.follower(leader);
    auto quick = group.follower(leader, slow);
    if (!first)
      std::swap(slow, quick);
    group[slow].disk_stuck = true;
    CHECK(group.submit(leader, "a") == errc::none);
    group.perform(leader, group[leader]->transfer(group.now, 0));
    CHECK(group[quick]->is_leader());
    group.free_disk(group[slow]);
    group.advance(200);
    group.perform(quick, group[quick]->transfer(group.now, leader));
    REQUIRE(group[leader]->is_leader());
    group.advance(200);
  }
}

TEST_CASE("a lead is handed over once the successor has everything") {
  small_group group{three};
  auto leader = group.elect();
  auto to = group.follower(leader);
  group[to].disk_stuck = true;
  CHECK(group.submit(leader, "a") == errc::none);
  CHECK(group.submit(leader, "a, too") == errc::none);
  group.perform(leader, group[leader]->transfer(group.now, to));
  group.store_one(group[to]);
  CHECK(group[leader]->is_leader());
  CHECK(group.submit(leader, "b") == errc::unavailable);
  CHECK(group[leader]->transfer(group.now, to).error() == errc::unavailable);
  group.advance(100);
  SECTION("then it leads") {
    group.free_disk(group[to]);
    CHECK(group[to]->is_leader());
  }
  SECTION("and if that takes too long, the leader goes on") {
    group.advance(limits::election_timeout.count());
    CHECK(group.submit(leader, "b") == errc::none);
    group.free_disk(group[to]);
    CHECK(group[leader]->is_leader());
  }
}

TEST_CASE("a lead is not handed to who cannot take it") {
  small_group group{three};
  auto leader = group.elect();
  auto other = group.follower(leader);
  CHECK(group[other]->transfer(group.now, leader).error() == errc::unavailable);
  CHECK(group[leader]->transfer(group.now, 9).error() == errc::not_found);
  CHECK(group[leader]->transfer(group.now, leader).error() == errc::not_found);
  group.cut = {other};
  group.advance(900);
  CHECK(group[leader]->transfer(group.now, other).error() == errc::unavailable);
  small_group alone{{1}};
  CHECK(alone[1]->transfer(alone.now, 0).error() == errc::unavailable);
}

TEST_CASE("a member votes for who says that it may") {
  // It has not got the configuration that gives it the vote.
  small_group group{{1, 2}, {}, {3}};
  auto leader = group.elect();
  group.perform(leader, group[leader]->add(group.now, 3));
  group.advance(300);
  group.cut = {3};
  group.perform(leader, group[leader]->promote(group.now, 3));
  auto other = group.follower(leader, 3);
  REQUIRE(group.members(other).back() == raft_member{3, voter});
  REQUIRE(group.members(3).back() == raft_member{3, standby});
  group.cut = {leader}; // the other two are a majority
  CHECK(group.elect() == other);
  CHECK(group.submit(other, "x") == errc::none);
  group.advance(200);
  CHECK(group[3].applied == std::vector<std::string>{"x"});
}

TEST_CASE("a member that has most leads, though its term is behind") {
  small_group group{three};
  auto leader = group.elect();
  auto longest = group.follower(leader);
  auto other = group.follower(leader, longest);
  group[other].disk_stuck = true; // so it does not get this
  CHECK(group.submit(leader, "x") == errc::none);
  group.cut = {leader, longest};
  group.advance(200);
  group.restart(other);
  // It hears of terms of which the one that has most does not.
  auto message = vote_request(leader, other, group[other]->term() + 7);
  group.perform(other, group[other]->receive(group.now, message));
  group.free_disk(group[other]);
  group.cut = {leader};
  CHECK(group.elect() == longest);
}

TEST_CASE("the only voter leads in a term that nobody led before") {
  small_group group{{1, 2}};
  auto leader = group.elect();
  auto other = group.follower(leader);
  group.perform(leader, group[leader]->transfer(group.now, other));
  group.advance(200);
  group.perform(other, group[other]->demote(group.now, leader));
  auto term = group[other]->term();
  // It hears from a higher term, and so leads no more.
  auto message = vote_request(leader, other, 0);
  message.header.type = RAFT_APPEND_ENTRIES_RESULT;
  message.header.append_entries_result = {};
  message.header.append_entries_result.term = term + 5;
  group.perform(other, group[other]->receive(group.now, message));
  REQUIRE(!group[other]->is_leader());
  CHECK(group[other]->term() == term + 5);
  CHECK(group.elect() == other);
  CHECK(group[other]->term() == term + 6);
  CHECK(group[other].disk.state.term == term + 6);
  CHECK(group[other].disk.state.vote == other);
}

TEST_CASE("a leader's term begins with an entry of its own") {
  // Only that shows that nothing of an earlier leader can come back, and the
  // engine appends one only if it sees an entry that may be uncommitted.
  small_group group{three, {}, {4}};
  auto leader = group.elect();
  auto next = group.follower(leader);
  for (int i = 0; i < 3; ++i) {
    group.advance(300); // all is committed everywhere
    auto last = group[leader]->last_index();
    group.perform(leader, group[leader]->transfer(group.now, next));
    REQUIRE(group[next]->is_leader());
    CHECK(group[next]->last_index() == last + 1);
    std::swap(leader, next);
  }
  group.perform(leader, group[leader]->add(group.now, 4));
}
