// A raft group under seeded faults. A failure prints its seed.
#include "tests/replication/raft_cluster.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>

using namespace callboard;
using namespace callboard::test;

namespace {

/// Runs a cluster and requires that nothing went wrong.
cluster_report run(const cluster_options& options, unsigned seed) {
  INFO("seed " << seed);
  auto report = raft_cluster{options, seed}.run();
  REQUIRE(report.violation == "");
  CHECK(report.elections > 0);
  return report;
}

} // namespace

TEST_CASE("members agree through loss, partitions, crashes and snapshots") {
  cluster_report sum;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    auto report = run({}, seed);
    sum.committed += report.committed;
    sum.crashes += report.crashes;
    sum.compactions += report.compactions;
    sum.installs += report.installs;
  }
  CHECK(sum.committed > 20'000); // the runs did something,
  CHECK(sum.crashes > 100);      // and what they claim to survive happened
  CHECK(sum.compactions > 100);
  CHECK(sum.installs > 0);
}

TEST_CASE("members agree when the network repeats and reorders") {
  for (unsigned seed = 1; seed <= 20; ++seed)
    run({.duplicate = 0.1, .reorder = true}, seed);
}

TEST_CASE("members agree when a fifth of the messages is lost") {
  for (unsigned seed = 1; seed <= 10; ++seed)
    run({.drop = 0.2}, seed);
}

TEST_CASE("five members agree on slow disks") {
  for (unsigned seed = 1; seed <= 10; ++seed)
    run({.members = 5, .disk_ms_max = 50}, seed);
}

TEST_CASE("a run repeats exactly") {
  auto once = run({}, 7);
  auto again = run({}, 7);
  CHECK(once.committed == again.committed);
  CHECK(once.elections == again.elections);
  CHECK(once.crashes == again.crashes);
}

TEST_CASE("many seeds", "[.nightly]") {
  auto seed = GENERATE(range(100u, 1100u));
  run({.duplicate = 0.02, .reorder = seed % 2 == 0}, seed);
}
