// Classes of attempts and times.
#include "actors/core/delivery_counts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <numeric>

using namespace callboard;

TEST_CASE("deliveries are counted by attempt, late ones together") {
  delivery_counts counts;
  for (std::uint32_t attempt = 1; attempt <= 10; ++attempt)
    counts.delivered(attempt, 0);
  CHECK(counts.by_attempt() == std::array<std::uint64_t, 5>{1, 1, 1, 4, 3});
}

TEST_CASE("only first deliveries are timed, each in one class") {
  delivery_counts counts;
  counts.delivered(2, 7);
  for (auto age : {0, 1, 2, 600'000, 600'001})
    counts.delivered(1, std::uint64_t(age));
  auto& seen = counts.latencies();
  CHECK(std::accumulate(seen.begin(), seen.end(), 0U) == 5);
  CHECK((seen[0] == 2 && seen[1] == 1 && seen[8] == 1 && seen[9] == 1));
  CHECK(counts.latency_total_ms() == 1'200'004);
}

TEST_CASE("ends of leases are counted by how they ended") {
  delivery_counts counts;
  counts.ended(lease_outcome::acked, 3);
  counts.ended(lease_outcome::discarded, 2);
  counts.ended(lease_outcome::acked, 1);
  CHECK(counts.by_outcome()
        == std::array<std::uint64_t, 7>{4, 0, 0, 0, 0, 0, 2});
}
