// A raft group under seeded faults. A failure prints its seed.
#include "tests/replication/raft_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

using namespace callboard;
using namespace callboard::test;

namespace {

/// Runs a cluster and requires that nothing went wrong.
cluster_report run(const cluster_options& options, std::uint64_t seed) {
  INFO("SIMULATION_SEED=" << seed);
  auto report = raft_cluster{options, seed}.run();
  REQUIRE(report.violation == "");
  CHECK(report.elections > 0);
  return report;
}

/// Some of all faults: which, says the seed.
cluster_options mixed(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  auto some = [&](double chance) {
    return random() % 2 == 0 ? 0 : chance * double(1 + random() % 4) / 2;
  };
  cluster_options out;
  out.members = random() % 2 == 0 ? 3 : 5;
  out.drop = some(0.04);
  out.duplicate = some(0.04);
  out.reorder = random() % 3 == 0;
  out.crash = some(0.01);
  out.partition = some(0.01);
  out.compact = some(0.02);
  out.pause = some(0.004);
  out.clock_jump = some(0.004);
  out.full_disk = some(0.004);
  out.transfer = some(0.05);
  out.gone = some(0.005);
  out.disk_ms_max = random() % 3 == 0 ? 50 : 8;
  out.message_bytes_max = random() % 2 == 0 ? 64 : 4'096;
  out.install_ends = seed % 2 == 0;
  // A member that is away while members change is another matter.
  if (random() % 2 == 0)
    out.lose_disk = some(0.004);
  else if ((out.change = some(0.1)) > 0)
    out.outsiders = 2;
  return out;
}

/// Of allocations, behind the engine's pointer.
long& count(void* live) {
  return *static_cast<long*>(live);
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

TEST_CASE("members agree while members come and go") {
  unsigned changes = 0;
  for (unsigned seed = 1; seed <= 40; ++seed)
    changes +=
      run({.outsiders = 2, .transfer = 0.02, .change = 0.1}, seed).changes;
  CHECK(changes > 400);
}

TEST_CASE("members agree though one after the other loses its disk") {
  cluster_report sum;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    auto report = run({.lose_disk = 0.004}, seed);
    sum.lost_disks += report.lost_disks;
    sum.recovered += report.recovered;
  }
  CHECK(sum.lost_disks > 40);
  CHECK(sum.recovered == sum.lost_disks);
}

TEST_CASE("members agree whatever happens") {
  // SIMULATION_SEED=n repeats one; SIMULATION_SEEDS=n makes a long run.
  auto* one = std::getenv("SIMULATION_SEED");
  auto* many = std::getenv("SIMULATION_SEEDS");
  std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 200;
  cluster_report sum;
  for (auto seed = first; seed < first + count; ++seed) {
    auto report = run(mixed(seed), seed);
    sum.transfers += report.transfers;
    sum.changes += report.changes;
    sum.lost_disks += report.lost_disks;
    sum.pauses += report.pauses;
    sum.full_disks += report.full_disks;
    sum.installs += report.installs;
  }
  if (count < 100)
    return;
  CHECK(sum.transfers > count); // they all happened
  CHECK(sum.changes > count);
  CHECK(sum.lost_disks > count / 10);
  CHECK(sum.pauses > count);
  CHECK(sum.full_disks > count);
  CHECK(sum.installs > count / 10);
}

TEST_CASE("what the engine allocates is freed, whatever happens") {
  long live = 0;
  raft_heap counting{
    .data = &live,
    .malloc = [](void* n,
                 std::size_t size) { return ++count(n), std::malloc(size); },
    .free = [](void* n,
               void* what) { count(n) -= what != nullptr, std::free(what); },
    .calloc =
      [](void* n, std::size_t items, std::size_t size) {
        return ++count(n), std::calloc(items, size);
      },
    .realloc =
      [](void* n, void* what, std::size_t size) {
        return count(n) += what == nullptr, std::realloc(what, size);
      },
    .aligned_alloc = nullptr,
    .aligned_free = nullptr};
  raft_heap_set(&counting);
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    run(mixed(seed), seed);
  run({.drop = 0.2, .duplicate = 0.2, .gone = 0.05, .disk_ms_max = 300}, 1);
  raft_heap_set_default();
  CHECK(live == 0);
}

TEST_CASE("a run repeats exactly") {
  auto once = run(mixed(7), 7);
  auto again = run(mixed(7), 7);
  CHECK(once.committed == again.committed);
  CHECK(once.elections == again.elections);
  CHECK(once.crashes == again.crashes);
}
