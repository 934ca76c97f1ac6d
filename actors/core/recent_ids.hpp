// The last event ids of a partition, for idempotent publishing.
#pragma once

#include "actors/core/ids.hpp"
#include "actors/core/limits.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cassert>
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
///
/// Invariant: an id that a stream got again has a higher number each time, so
/// of those the oldest has the lowest one, and is forgotten first. However
/// often a client uses an id again, nothing here takes longer for it.
class recent_ids {
public:
  explicit recent_ids(std::size_t capacity = limits::recent_ids_max)
      : capacity_(capacity) {}

  /// `number` is above all that the stream had before.
  void add(const uuid& id, stream_id stream, event_number number) {
    if (ring_.size() < capacity_)
      ring_.emplace_back();
    else
      forget(next_);
    ring_[next_] = {{id, stream, number}, none};
    auto [at, fresh] =
      chains_.try_emplace(key{id, stream}, chain{next_, next_});
    if (!fresh) {
      ring_[at->second.newest].newer = next_;
      at->second.newest = next_;
    }
    next_ = slot((next_ + 1) % capacity_);
  }

  /// The lowest number under which the stream got this id lately.
  std::optional<event_number> find(const uuid& id, stream_id stream) const {
    auto at = oldest(id, stream);
    return at == none ? std::nullopt : std::optional{ring_[at].what.number};
  }

  /// Whether it is known that the stream got this id as this number lately. Of
  /// an id that came more often than `looks_max` only the lowest numbers are.
  bool has(const uuid& id, stream_id stream, event_number number) const {
    auto looks = looks_max;
    for (auto at = oldest(id, stream); at != none && looks > 0;
         at = ring_[at].newer, --looks)
      if (ring_[at].what.number == number)
        return true;
    return false;
  }

  static constexpr std::size_t looks_max = 8;

  std::size_t size() const noexcept { return ring_.size(); }

private:
  using slot = std::uint32_t;
  static constexpr slot none = UINT32_MAX;

  struct entry {
    remembered_id what;
    slot newer = none; // the same id in the same stream, behind this one
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

  /// All entries of a key, linked from the oldest one on.
  struct chain {
    slot oldest;
    slot newest;
  };

  slot oldest(const uuid& id, stream_id stream) const {
    auto found = chains_.find(key{id, stream});
    return found == chains_.end() ? none : found->second.oldest;
  }

  /// The oldest entry of all: nothing is older than it in its chain.
  void forget(slot at) {
    auto& old = ring_[at];
    auto found = chains_.find(key{old.what.id, old.what.stream});
    assert(found != chains_.end() && found->second.oldest == at);
    if (old.newer == none)
      chains_.erase(found);
    else
      found->second.oldest = old.newer;
  }

  std::size_t capacity_;
  slot next_ = 0;
  std::vector<entry> ring_;
  boost::unordered_flat_map<key, chain, key_hash> chains_;
};

} // namespace callboard
