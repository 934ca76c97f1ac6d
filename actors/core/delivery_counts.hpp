// What became of a group's deliveries, in numbers of fixed size: for metrics.
#pragma once

#include "actors/core/record.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace callboard {

/// Counts since the group's actor started. Bounded whatever happens: attempts
/// and times go into a few classes.
class delivery_counts {
public:
  /// Deliveries as attempt 1, 2, 3, 4 to 7, 8 and more.
  static constexpr std::size_t attempt_classes = 5;
  static constexpr std::size_t outcomes =
    std::size_t(lease_outcome::discarded) + 1;
  /// Upper ends, in milliseconds, of the classes of times from publishing to
  /// the first delivery; what is longer than the last one is counted beyond.
  static constexpr std::array<std::uint64_t, 9> latency_ms{
    1, 5, 25, 100, 500, 2'500, 10'000, 60'000, 600'000};

  /// `age_ms`: since the event was published.
  void delivered(std::uint32_t attempt, std::uint64_t age_ms) noexcept {
    ++by_attempt_[class_of(attempt)];
    if (attempt != 1)
      return;
    std::size_t at = 0;
    while (at < latency_ms.size() && age_ms > latency_ms[at])
      ++at;
    ++latencies_[at];
    latency_total_ms_ += age_ms;
  }

  void ended(lease_outcome how, std::uint64_t events) noexcept {
    ended_[std::size_t(how)] += events;
  }

  const auto& by_attempt() const noexcept { return by_attempt_; }

  const auto& by_outcome() const noexcept { return ended_; }

  /// One more than `latency_ms`: the last ones are longer.
  const auto& latencies() const noexcept { return latencies_; }

  std::uint64_t latency_total_ms() const noexcept { return latency_total_ms_; }

private:
  static constexpr std::size_t class_of(std::uint32_t attempt) noexcept {
    return attempt >= 8 ? 4 : attempt >= 4 ? 3 : attempt == 0 ? 0 : attempt - 1;
  }

  std::array<std::uint64_t, attempt_classes> by_attempt_{};
  std::array<std::uint64_t, outcomes> ended_{};
  std::array<std::uint64_t, latency_ms.size() + 1> latencies_{};
  std::uint64_t latency_total_ms_ = 0;
};

} // namespace callboard
