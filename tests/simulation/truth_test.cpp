// Random histories of one group against a reference: who may have what, which
// attempt it is, and what is told of it afterwards.
#include "tests/simulation/truth_simulation.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

using namespace callboard;
using namespace callboard::test;

namespace {

group_settings settings_for(std::uint64_t seed) {
  group_settings out;
  out.message_timeout_ms = 2'000;
  out.max_retry_count = std::int32_t(seed % 4);
  if (seed % 3 == 1)
    out.retries.delays_ms = {700, 1'500};
  if (seed % 5 == 2)
    out.min_retry_span_ms = 6'000;
  if (seed % 2 == 1)
    out.on_lease_loss = lease_loss::charge_guilty;
  if (seed % 7 == 3)
    out.max_in_flight = 6;
  if (seed % 4 == 2)
    out.max_in_flight_per_consumer = 4;
  return out;
}

} // namespace

TEST_CASE(
  "what is told of every event is what happened to it, for many seeds") {
  // As in promises_test.cpp: one seed, or many.
  auto* one = std::getenv("SIMULATION_SEED");
  auto* many = std::getenv("SIMULATION_SEEDS");
  std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  std::uint64_t count = one    ? 1
                        : many ? std::strtoull(many, nullptr, 10)
                               : 3'000;
  std::size_t histories = 0;
  for (auto seed = first; seed < first + count; ++seed) {
    INFO("SIMULATION_SEED=" << seed);
    truth_simulation run{seed, settings_for(seed)};
    for (int step = 0; step < 200; ++step)
      run.step();
    run.drain();
    histories += run.histories();
  }
  CHECK(histories > 30 * count);
}
