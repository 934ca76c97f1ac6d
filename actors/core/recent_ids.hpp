// The last event ids of a partition, for idempotent publishing.
#pragma once

#include "actors/core/ids.hpp"
#include "actors/core/limits.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

namespace callboard {

/// An id that was published, and as what.
struct remembered_id {
  uuid id;
  stream_id stream;
  event_number number;

  friend bool operator==(const remembered_id&, const remembered_id&) = default;
};

/// Remembers the last `capacity` ids in log order, so all replicas remember the
/// same ones. About 90 bytes an id once it is full.
class recent_ids {
public:
  explicit recent_ids(std::size_t capacity = limits::recent_ids_max)
      : capacity_(capacity) {}

  void add(const uuid& id, stream_id stream, event_number number) {
    if (ring_.size() < capacity_)
      ring_.push_back({id, stream, number});
    else {
      forget(ring_[next_], next_);
      ring_[next_] = {id, stream, number};
    }
    index_.emplace(id, next_);
    next_ = (next_ + 1) % capacity_;
  }

  /// The lowest number under which the stream got this id lately.
  std::optional<event_number> find(const uuid& id, stream_id stream) const {
    std::optional<event_number> lowest;
    auto [first, last] = index_.equal_range(id);
    for (; first != last; ++first) {
      auto& entry = ring_[first->second];
      if (entry.stream == stream && (!lowest || entry.number < *lowest))
        lowest = entry.number;
    }
    return lowest;
  }

  /// Whether the stream got this id as this number lately.
  bool has(const uuid& id, stream_id stream, event_number number) const {
    auto [first, last] = index_.equal_range(id);
    for (; first != last; ++first) {
      auto& entry = ring_[first->second];
      if (entry.stream == stream && entry.number == number)
        return true;
    }
    return false;
  }

  std::size_t size() const noexcept { return ring_.size(); }

private:
  void forget(const remembered_id& old, std::size_t at) {
    auto [first, last] = index_.equal_range(old.id);
    for (; first != last; ++first)
      if (first->second == at) {
        index_.erase(first);
        return;
      }
  }

  std::size_t capacity_;
  std::size_t next_ = 0;
  std::vector<remembered_id> ring_;
  std::unordered_multimap<uuid, std::size_t> index_; // to the slot
};

} // namespace callboard
