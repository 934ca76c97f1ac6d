// How often a leader that cannot do its work looks for another one.
#include "actors/replication/member_patience.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace callboard;

namespace {

/// When a member that is never well, and always leads, tries to hand over.
std::vector<raft_ms> tries(member_patience& patience, raft_ms from,
                           raft_ms until) {
  std::vector<raft_ms> out;
  for (auto now = from; now < until; now += 10)
    if (patience.is_over(false, true, now)) {
      out.push_back(now - from);
      patience.tried(now);
    }
  return out;
}

} // namespace

TEST_CASE("a leader that cannot do its work hands over less and less often") {
  member_patience patience;
  CHECK(tries(patience, 500, 200'000)
        == std::vector<raft_ms>{1'000, 3'000, 7'000, 15'000, 31'000, 63'000,
                                123'000, 183'000});
}

TEST_CASE("a leader's patience outlasts its lead, but not its being well") {
  member_patience patience;
  CHECK(tries(patience, 0, 3'010).size() == 2);
  CHECK_FALSE(patience.is_over(false, false, 60'000)); // another one leads
  CHECK(tries(patience, 70'000, 80'000) == std::vector<raft_ms>{4'000});
  CHECK_FALSE(patience.is_over(true, false, 80'000));
  CHECK(tries(patience, 90'000, 92'000) == std::vector<raft_ms>{1'000});
}
