// The group around a member: joining and leaving.
#include "tests/replication/small_group.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

const std::vector<raft_id> three{1, 2, 3};

constexpr auto voter = member_role::voter;
constexpr auto standby = member_role::standby;

} // namespace

TEST_CASE("a node joins as a standby, and votes once it has caught up") {
  small_group group{three, {}, {4}};
  auto leader = group.elect();
  for (int i = 0; i < 200; ++i)
    REQUIRE(group.submit(leader, "x") == errc::none);
  CHECK(group[4]->peers(group.now).empty());
  group.cut = {4};
  group.perform(leader, group[leader]->add(group.now, 4));
  CHECK(group.members(leader).back() == raft_member{4, standby});
  CHECK(group[leader]->promote(group.now, 4).error()
        == errc::too_many_in_flight); // it has nothing yet
  group.perform(leader, group[leader]->catch_up(group.now, 4));
  CHECK(group[leader]->caught_up(group.now, 4) == catch_up_state::running);
  CHECK(group[leader]->promote(group.now, 4).error()
        == errc::too_many_in_flight);
  SECTION("it does, and gets a vote") {
    group.cut = {};
    group.advance(300);
    CHECK(group[leader]->caught_up(group.now, 4) == catch_up_state::finished);
    CHECK(group[4].applied.size() == 200);
    group.perform(leader, group[leader]->promote(group.now, 4));
    group.advance(200);
    for (raft_id id = 1; id <= 4; ++id)
      CHECK(group.members(id)
            == std::vector<raft_member>{
              {1, voter}, {2, voter}, {3, voter}, {4, voter}});
    group.perform(leader, group[leader]->transfer(group.now, 4));
    CHECK(group[4]->is_leader());
  }
  SECTION("it does not, and that is noticed") {
    group.advance(7'000);
    CHECK(group[leader]->caught_up(group.now, 4) == catch_up_state::aborted);
    group.perform(leader, group[leader]->remove(group.now, 4));
    CHECK(group.members(leader).size() == 3);
  }
}

TEST_CASE("a standby that is up to date is caught up at once") {
  small_group group{three, {}, {4}};
  auto leader = group.elect();
  group.perform(leader, group[leader]->add(group.now, 4));
  group.advance(300);
  group.perform(leader, group[leader]->catch_up(group.now, 4));
  CHECK(group[leader]->caught_up(group.now, 4) == catch_up_state::finished);
}

TEST_CASE("a member is promoted only while all voters are close") {
  small_group group{three, {.close_entries_max = 4}, {4}};
  auto leader = group.elect();
  group.perform(leader, group[leader]->add(group.now, 4));
  group.advance(300);
  auto slow = group.follower(leader, 4);
  SECTION("one is behind") {
    group[slow].disk_stuck = true;
    for (int i = 0; i < 5; ++i)
      REQUIRE(group.submit(leader, "x") == errc::none);
    CHECK(group[leader]->promote(group.now, 4).error()
          == errc::too_many_in_flight);
    group.free_disk(group[slow]);
  }
  SECTION("one is silent") {
    group.cut = {slow};
    group.advance(900);
    CHECK(group[leader]->promote(group.now, 4).error()
          == errc::too_many_in_flight);
    group.cut = {};
    group.advance(200);
  }
  group.perform(leader, group[leader]->promote(group.now, 4));
  CHECK(group.members(leader).back() == raft_member{4, voter});
}

TEST_CASE("a voter leaves even if it is gone, if those that stay suffice") {
  small_group group{three};
  auto leader = group.elect();
  auto gone = group.follower(leader);
  auto other = group.follower(leader, gone);
  group.cut = {gone};
  group.advance(900);
  CHECK(group[leader]->demote(group.now, other).error()
        == errc::too_many_in_flight);
  group.perform(leader, group[leader]->demote(group.now, gone));
  group.perform(leader, group[leader]->remove(group.now, gone));
  group.advance(200);
  CHECK(group.members(other).size() == 2);
  CHECK(group.submit(leader, "x") == errc::none);
  group.advance(200);
  CHECK(group[other].applied == group[leader].applied);
}

TEST_CASE("changes of members go one at a time, by the leader") {
  small_group group{three, {}, {4, 5}};
  CHECK(group[1]->add(group.now, 4).error() == errc::unavailable);
  auto leader = group.elect();
  auto a = group.follower(leader, 4);
  CHECK(group[a]->add(group.now, 4).error() == errc::unavailable);
  for (auto id : three)
    group[id].disk_stuck = true;
  group.perform(leader, group[leader]->add(group.now, 4));
  CHECK(group[leader]->add(group.now, 5).error() == errc::too_many_in_flight);
  CHECK(group[leader]->remove(group.now, a).error()
        == errc::too_many_in_flight);
  for (auto id : three)
    group.free_disk(group[id]);
  group.perform(leader, group[leader]->add(group.now, 5));
}

TEST_CASE("a change of members that makes no sense is refused") {
  small_group group{three};
  auto leader = group.elect();
  auto& driver = *group[leader].driver;
  CHECK(driver.add(group.now, 0).error() == errc::invalid_argument);
  CHECK(driver.add(group.now, 1).error() == errc::already_exists);
  CHECK(driver.promote(group.now, 9).error() == errc::not_found);
  CHECK(driver.promote(group.now, 1).error() == errc::already_exists);
  CHECK(driver.demote(group.now, 9).error() == errc::not_found);
  CHECK(driver.remove(group.now, 9).error() == errc::not_found);
  CHECK(driver.catch_up(group.now, 9).error() == errc::not_found);
  CHECK(driver.catch_up(group.now, 1).error() == errc::already_exists);
  CHECK(driver.caught_up(group.now, 9) == catch_up_state::none);
  for (raft_id id = 10; id < 16; ++id) // they need not be there
    group.perform(leader, driver.add(group.now, id));
  CHECK(driver.add(group.now, 16).error() == errc::too_large);
  CHECK(driver.demote(group.now, 10).error() == errc::already_exists);
  small_group alone{{1}};
  CHECK(alone[1]->demote(alone.now, 1).error() == errc::invalid_argument);
  CHECK(alone[1]->remove(alone.now, 1).error() == errc::invalid_argument);
}

TEST_CASE("a leader leaves once another one leads") {
  small_group group{three};
  auto leader = group.elect();
  auto next = group.follower(leader);
  CHECK(group[leader]->remove(group.now, leader).error()
        == errc::invalid_argument);
  CHECK(group[leader]->demote(group.now, leader).error()
        == errc::invalid_argument);
  group.perform(leader, group[leader]->transfer(group.now, next));
  group.perform(next, group[next]->demote(group.now, leader));
  group.perform(next, group[next]->remove(group.now, leader));
  CHECK(group.submit(next, "x") == errc::none);
  group.advance(5'000);
  CHECK(!group[leader]->is_leader());
  CHECK(group[next]->is_leader());
  CHECK(group.members(next).size() == 2);
}

TEST_CASE("a change of members is sent when the leader has it durably") {
  small_group group{three, {}, {4}};
  auto leader = group.elect();
  group[leader].disk_stuck = true;
  group.perform(leader, group[leader]->add(group.now, 4));
  group.advance(200);
  CHECK(group.members(group.follower(leader)).size() == 3);
  group.free_disk(group[leader]);
  CHECK(group.members(group.follower(leader)).size() == 4);
}

TEST_CASE("a change of members that comes with other entries is understood") {
  small_group group{three, {}, {4, 5}};
  auto leader = group.elect();
  auto late = group.follower(leader);
  group.cut = {late};
  CHECK(group.submit(leader, "x") == errc::none);
  group.perform(leader, group[leader]->add(group.now, 4));
  CHECK(group.submit(leader, "y") == errc::none);
  group.cut = {};
  group.advance(300);
  CHECK(group.members(late).size() == 4);
  group.perform(leader, group[leader]->transfer(group.now, late));
  group.advance(200);
  group.perform(late, group[late]->add(group.now, 5));
  CHECK(group.members(leader).size() == 5);
}
