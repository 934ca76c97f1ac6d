// The last event ids of a partition, for idempotent publishing.
#pragma once

#include "actors/core/ids.hpp"
#include "actors/core/limits.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <functional>
#include <optional>
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
      ring_.emplace_back();
    else
      forget(next_);
    auto [newest, fresh] = newest_.try_emplace(key{id, stream}, next_);
    ring_[next_] = {{id, stream, number}, fresh ? none : newest->second};
    newest->second = next_;
    next_ = slot((next_ + 1) % capacity_);
  }

  /// The lowest number under which the stream got this id lately.
  std::optional<event_number> find(const uuid& id, stream_id stream) const {
    std::optional<event_number> lowest;
    for (auto at = newest(id, stream); at != none; at = ring_[at].older)
      if (!lowest || ring_[at].what.number < *lowest)
        lowest = ring_[at].what.number;
    return lowest;
  }

  /// Whether the stream got this id as this number lately.
  bool has(const uuid& id, stream_id stream, event_number number) const {
    for (auto at = newest(id, stream); at != none; at = ring_[at].older)
      if (ring_[at].what.number == number)
        return true;
    return false;
  }

  std::size_t size() const noexcept { return ring_.size(); }

private:
  using slot = std::uint32_t;
  static constexpr slot none = UINT32_MAX;

  struct entry {
    remembered_id what;
    slot older = none; // the same id in the same stream, before this one
  };

  struct key {
    uuid id;
    stream_id stream;
    friend bool operator==(const key&, const key&) = default;
  };

  struct key_hash {
    std::size_t operator()(const key& k) const noexcept {
      return std::hash<uuid>{}(k.id) ^ (k.stream.value * 0x9e3779b97f4a7c15U);
    }
  };

  slot newest(const uuid& id, stream_id stream) const {
    auto found = newest_.find(key{id, stream});
    return found == newest_.end() ? none : found->second;
  }

  /// The oldest entry of all: nothing is older than it in its chain.
  void forget(slot at) {
    auto& old = ring_[at].what;
    auto found = newest_.find(key{old.id, old.stream});
    if (found->second == at)
      return void(newest_.erase(found));
    auto* link = &ring_[found->second];
    while (link->older != at)
      link = &ring_[link->older];
    link->older = none;
  }

  std::size_t capacity_;
  slot next_ = 0;
  std::vector<entry> ring_;
  boost::unordered_flat_map<key, slot, key_hash> newest_; // where chains begin
};

} // namespace callboard
