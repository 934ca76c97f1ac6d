// Steps of letting a node in or out, in virtual time.
#include "actors/replication/member_change.hpp"
#include "tests/replication/small_group.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

/// Lets time pass until the change has ended; the time it took.
raft_ms finish(small_group& group, raft_id leader, member_change& change) {
  auto began = group.now;
  while (change.running() && group.now < began + 1'000'000) {
    group.perform(leader, change.advance(*group[leader].driver, group.now));
    group.advance(50);
  }
  return group.now - began;
}

} // namespace

TEST_CASE("a sixth node stays a standby") {
  small_group group{{1, 2, 3, 4, 5}, {}, {6}};
  auto leader = group.elect();
  member_change change;
  auto begun = change.begin(*group[leader].driver, group.now, leader,
                            {change_goal::add, 6, "six:1"});
  CHECK(begun.error == errc::none);
  CHECK_FALSE(begun.done);
  finish(group, leader, change);
  CHECK(change.status().state == change_state::done);
  CHECK(change.status().text == "node 6 is a standby: 5 nodes vote already");
  CHECK(group.members(leader).back().role == member_role::standby);
}

TEST_CASE("a change that does not get on fails, and can be asked for again") {
  small_group group{{1, 2, 3}, {}, {4}};
  auto leader = group.elect();
  group.cut = {4};
  member_change change;
  change_request add{change_goal::add, 4, "four:1"};
  auto& driver = *group[leader].driver;
  change.begin(driver, group.now, leader, add);
  CHECK(change.begin(driver, group.now, leader, {change_goal::remove, 4}).error
        == errc::too_many_in_flight);
  auto took = finish(group, leader, change);
  auto wait = raft_ms(limits::member_change_wait_max.count());
  CHECK((took >= wait && took < 2 * wait));
  CHECK(change.status().state == change_state::failed);
  CHECK(change.status().text == "did not get on: is not heard");
  group.cut = {};
  change.begin(driver, group.now, leader, add);
  finish(group, leader, change);
  CHECK(change.status().text == "node 4 votes");
  CHECK(change.begin(driver, group.now, leader, add).done);
}
