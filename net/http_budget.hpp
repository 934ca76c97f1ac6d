// What all connections of a process may hold together.
#pragma once

#include "actors/core/limits.hpp"

#include <atomic>
#include <cassert>
#include <cstddef>

namespace callboard {

/// A number that many take from and none should exceed. From any thread.
class http_budget {
public:
  explicit http_budget(std::size_t max) : max_(max) {}

  /// False, and nothing is taken, if less than `n` is left.
  bool take(std::size_t n) noexcept {
    if (used_.fetch_add(n, std::memory_order_relaxed) + n <= max_)
      return true;
    give(n);
    return false;
  }

  void give(std::size_t n) noexcept {
    used_.fetch_sub(n, std::memory_order_relaxed);
  }

  /// Whatever is left.
  void take_anyway(std::size_t n) noexcept {
    used_.fetch_add(n, std::memory_order_relaxed);
  }

  bool has(std::size_t n) const noexcept { return used() + n <= max_; }

  std::size_t used() const noexcept {
    return used_.load(std::memory_order_relaxed);
  }

  std::size_t available() const noexcept {
    auto taken = used();
    return taken < max_ ? max_ - taken : 0;
  }

private:
  std::size_t max_;
  std::atomic<std::size_t> used_ = 0;
};

/// One connection's part of a budget; given back at its end.
class budget_share {
public:
  explicit budget_share(http_budget& of) : of_(of) {}

  budget_share(const budget_share&) = delete;
  budget_share& operator=(const budget_share&) = delete;

  ~budget_share() { resize(0); }

  /// False, and nothing changes, if the budget does not allow it. Less is
  /// always allowed.
  bool resize(std::size_t size) noexcept {
    if (size > size_ && !of_.take(size - size_))
      return false;
    if (size < size_)
      of_.give(size_ - size);
    size_ = size;
    return true;
  }

  /// For what is there already.
  void resize_anyway(std::size_t size) noexcept {
    if (size > size_)
      of_.take_anyway(size - size_);
    else
      of_.give(size_ - size);
    size_ = size;
  }

private:
  http_budget& of_;
  std::size_t size_ = 0;
};

struct http_bounds {
  std::size_t connections = limits::connections_max;
  std::size_t receiving_bytes = limits::receiving_bytes_max;
  std::size_t sending_bytes = limits::sending_bytes_max;
};

struct http_budgets {
  explicit http_budgets(const http_bounds& max = {})
      : connections(max.connections), receiving(max.receiving_bytes),
        ahead(max.receiving_bytes), sending(max.sending_bytes) {}

  http_budget connections;
  http_budget receiving; // bytes of requests' bodies, and of what waits behind
  http_budget ahead;     // room for those, filled or not yet
  http_budget sending;   // bytes of answers that wait for their clients
};

} // namespace callboard
