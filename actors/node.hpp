// What the actors of one process share: where to store, what time it is.
#pragma once

#include "actors/core/pending_counts.hpp"
#include "actors/core/ring.hpp"
#include "actors/interfaces.hpp"
#include "persistence/journal.hpp"
#include "persistence/store.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace callboard {

/// Numbers for metrics, most of which only grow; any thread.
struct counters {
  std::atomic<std::uint64_t> events_appended{0};
  std::atomic<std::uint64_t> events_delivered{0};
  std::atomic<std::uint64_t> events_settled{0};
  std::atomic<std::uint64_t> events_retried{0};
  std::atomic<std::uint64_t> events_parked{0};
  std::atomic<std::uint64_t> delayed_fired{0};
  std::atomic<std::uint64_t> delayed_late_ms_total{0};
  /// Those that were late by at most so much; the last one: by more.
  static constexpr std::array<std::uint64_t, 9> late_bounds_ms{
    1, 5, 10, 20, 50, 100, 1'000, 10'000, 60'000};
  std::array<std::atomic<std::uint64_t>, late_bounds_ms.size() + 1>
    delayed_late{};
  std::atomic<std::uint64_t> delayed_dropped{0}; // could not be published
  std::array<std::atomic<std::int64_t>, delayed_classes>
    delayed_pending{}; // now
  std::atomic<std::uint64_t> progress_breaches{0};
  std::atomic<std::uint64_t> rebuilds{0};
  std::atomic<std::uint64_t> actor_failures{0};
  std::atomic<std::uint64_t> wall_steps{0};
  std::atomic<std::uint64_t> polls{0}; // of consumers of topics
  std::atomic<std::uint64_t> records_polled{0};
  std::atomic<std::uint64_t> consumers_registered{0}; // now
};

/// Injected into every shell, so that tests can move clocks, hold back flushes
/// and choose what is random. Outlives the actor system.
struct node_services {
  std::unique_ptr<store> db;
  std::unique_ptr<journal> log;
  ring placement;
  /// The broker's clock: deadlines. Never steps while actors live.
  std::function<wall_time()> now;
  /// The operating system's clock: when an event was published.
  std::function<wall_time()> wall;
  /// Thread-safe; 64 random bits.
  std::function<std::uint64_t()> random;
  counters counts;
};

using node_ptr = std::shared_ptr<node_services>;

/// Actors that partitions use; spawned before them.
struct node_actors {
  std::vector<reader_actor> readers;
  timer_actor timer;
  membership_actor members; // hears of partition 0's session_end messages
  /// A null handle: the broker is ending.
  std::function<partition_actor(partition_id)> partition{};
};

} // namespace callboard
