// What the connections of one thread did, as numbers for metrics.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace callboard {

/// Written by one thread, which therefore needs no locked instruction; read by
/// any, a moment late.
class http_counters {
public:
  /// Upper bounds of the histogram, in microseconds; above the last: the rest.
  static constexpr std::array<std::uint64_t, 12> bounds_us{
    250,    500,     1'000,   2'500,     5'000,      10'000,
    50'000, 100'000, 500'000, 1'000'000, 10'000'000, 60'000'000};

  /// A request was answered `took` after its last byte had come.
  void answered(unsigned status, std::chrono::steady_clock::duration took) {
    auto us = std::uint64_t(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    std::size_t bucket = 0;
    while (bucket < bounds_us.size() && us > bounds_us[bucket])
      ++bucket;
    add(by_time_[bucket], 1);
    add(by_class_[status / 100 % by_class_.size()], 1);
    add(us_total_, us);
  }

  void opened() { add(connections_, 1); }

  void closed() { add(connections_, std::uint64_t(-1)); }

  /// Answers with a status of `hundreds` * 100 to + 99.
  std::uint64_t of_class(std::size_t hundreds) const {
    return by_class_[hundreds].load(std::memory_order_relaxed);
  }

  /// Answers in bucket `i` alone; `bounds_us.size()` is the one above all.
  std::uint64_t in_bucket(std::size_t i) const {
    return by_time_[i].load(std::memory_order_relaxed);
  }

  std::uint64_t us_total() const {
    return us_total_.load(std::memory_order_relaxed);
  }

  /// Open now.
  std::uint64_t connections() const {
    return connections_.load(std::memory_order_relaxed);
  }

private:
  using counter = std::atomic<std::uint64_t>;

  static void add(counter& to, std::uint64_t n) {
    to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  std::array<counter, 6> by_class_{};
  std::array<counter, bounds_us.size() + 1> by_time_{};
  counter us_total_{0};
  counter connections_{0};
};

} // namespace callboard
