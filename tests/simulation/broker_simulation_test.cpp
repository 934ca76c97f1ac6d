// Whole brokers as a cluster under seeded faults: cores of both dialects, the
// replicated log below, clients that try again above. A failure prints its
// seed.
#include "tests/simulation/broker_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

using namespace callboard;
using namespace callboard::test;

namespace {

/// Some of all faults: which, says the seed.
cluster_options mixed(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  auto some = [&](double chance) {
    return random() % 2 == 0 ? 0 : chance * double(1 + random() % 4) / 2;
  };
  cluster_options out;
  out.members = random() % 2 == 0 ? 3 : 5;
  out.run_ms = 22'000;
  out.drop = some(0.04);
  out.duplicate = some(0.04);
  out.reorder = random() % 3 == 0;
  out.crash = some(0.02);
  out.partition = some(0.02);
  out.compact = some(0.05);
  out.pause = some(0.008);
  out.clock_jump = some(0.004);
  out.full_disk = some(0.004);
  out.transfer = some(0.04);
  out.gone = some(0.01);
  out.disk_ms_max = random() % 3 == 0 ? 50 : 8;
  out.message_bytes_max = random() % 2 == 0 ? 256 : 65'536;
  out.in_flight_entries = random() % 2 == 0 ? 16 : 64;
  out.trailing = out.in_flight_entries + 1; // who was away gets a snapshot
  // A member that is away while members change is another matter.
  if (random() % 2 == 0)
    out.lose_disk = some(0.01);
  else if ((out.change = some(0.1)) > 0)
    out.outsiders = 2;
  return out;
}

broker_report run(std::uint64_t seed) {
  INFO("SIMULATION_SEED=" << seed);
  auto report = broker_cluster{mixed(seed), seed}.run();
  REQUIRE(report.log.violation == "");
  CHECK(report.leads > 0);
  return report;
}

struct failovers {
  std::size_t leads = 0;
  std::size_t left_over = 0;
  std::size_t installs = 0;
};

void add(client_counts& sum, const client_counts& more) {
  sum.published += more.published;
  sum.repeated += more.repeated;
  sum.refused += more.refused;
  sum.delivered += more.delivered;
  sum.delivered_again += more.delivered_again;
  sum.settled += more.settled;
  sum.replayed += more.replayed;
  sum.registered += more.registered;
  sum.left += more.left;
  sum.polled += more.polled;
  sum.committed += more.committed;
}

} // namespace

TEST_CASE("the promises hold in a cluster, whatever happens") {
  // SIMULATION_SEED=n repeats one; SIMULATION_SEEDS=n makes a long run.
  auto* one = std::getenv("SIMULATION_SEED");
  auto* many = std::getenv("SIMULATION_SEEDS");
  std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 200;
  client_counts sum;
  failovers log;
  for (auto seed = first; seed < first + count; ++seed) {
    auto report = run(seed);
    add(sum, report.clients);
    log.leads += report.leads;
    log.left_over += report.left_over;
    log.installs += report.log.installs;
  }
  if (count < 100)
    return;
  CHECK(sum.published > 100 * count); // they all happened
  CHECK(sum.repeated > count);
  CHECK(sum.refused > count);
  CHECK(sum.delivered > 50 * count);
  CHECK(sum.delivered_again > 10 * count);
  CHECK(sum.settled > 20 * count);
  CHECK(sum.replayed > count);
  CHECK(sum.left > count / 10);
  CHECK(sum.polled > 20 * count);
  CHECK(sum.committed > 5 * count);
  CHECK(log.leads > 2 * count);
  CHECK(log.left_over > count / 10);
  CHECK(log.installs > count / 10);
}

TEST_CASE("a run of the whole cluster repeats exactly") {
  auto once = run(7);
  auto again = run(7);
  CHECK(once.log.committed == again.log.committed);
  CHECK(once.leads == again.leads);
  CHECK(once.clients.delivered == again.clients.delivered);
  CHECK(once.clients.polled == again.clients.polled);
}
