// What the owner of a subscription group can choose; defaults and ranges.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace callboard {

/// When a failed event comes back: immediately, after listed delays (the last
/// one repeats), or after delays that grow by a factor. `core/retry_schedule`
/// computes with it.
struct retry_plan {
  std::vector<std::uint32_t> delays_ms; // if not empty, the rest is unused
  std::uint32_t initial_ms = 0;         // 0 and no delays: at once
  double factor = 2.0;                  // >= 1
  std::uint32_t max_ms = 3'600'000;
  double jitter = 0.0; // 0 ... 1: share of the delay that is random

  bool at_once() const noexcept { return delays_ms.empty() && initial_ms == 0; }

  friend bool operator==(const retry_plan&, const retry_plan&) = default;
};

/// `strict`: a lease is on disk before the delivery leaves. `lazy`: the record
/// is queued and the delivery leaves at once; a crash may forget the lease, and
/// with it one attempt.
enum class lease_durability : std::uint8_t { strict, lazy };

/// Who pays with an attempt when a lease ends without a word: all events of it,
/// as in Event Store, or only the one that turns out to be the cause.
enum class lease_loss : std::uint8_t { charge_all, charge_guilty };

/// Settings of a subscription group; names and defaults as in Event Store
/// (spec 2.1), those of our own at the end. Times in milliseconds.
struct group_settings {
  bool resolve_link_tos = false;
  std::int64_t start_from = 0; // -1: only what is published after creation
  std::int32_t message_timeout_ms = 10'000; // 0: a lease never ends by itself
  bool extra_statistics = false;
  std::int32_t max_retry_count = 10; // so at most 11 deliveries, then parked
  std::int32_t live_buffer_size = 500;
  std::int32_t buffer_size = 500;
  std::int32_t read_batch_size = 20;
  std::int32_t check_point_after_ms = 1000;
  std::int32_t min_check_point_count = 10;
  std::int32_t max_check_point_count = 500;
  std::int32_t max_subscriber_count = 10;
  std::string named_consumer_strategy = "RoundRobin";
  retry_plan retries;
  lease_durability durability = lease_durability::strict;
  std::int32_t min_retry_span_ms = 0; // not parked for its count before that
  std::int32_t max_in_flight = 0; // events leased at a time; 0: the broker's
  std::int32_t max_in_flight_per_consumer = 0; // by name; 0: no bound
  lease_loss on_lease_loss = lease_loss::charge_all;

  friend bool operator==(const group_settings&,
                         const group_settings&) = default;
};

} // namespace callboard
