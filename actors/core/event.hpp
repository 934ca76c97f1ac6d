// What is published and stored: an event, and its place in its stream.
#pragma once

#include "actors/core/ids.hpp"

#include <memory>
#include <string>
#include <vector>

namespace callboard {

/// What a publisher sends. `data` and `metadata` are bytes: they are stored and
/// given back as they came, never parsed on the way.
struct new_event {
  uuid id;
  std::string type;
  std::string data;
  std::string metadata;
  bool is_json = false;
  wall_time
    give_up_at{}; // groups park it instead of trying after this; 0: none

  friend bool operator==(const new_event&, const new_event&) = default;
};

/// An event in its stream. Never changes once it is recorded, so it is shared
/// by pointer between threads without a lock.
struct event : new_event {
  event_number number;
  wall_time created; // the broker's wall clock when it was recorded

  friend bool operator==(const event&, const event&) = default;
};

using event_ptr = std::shared_ptr<const event>;

/// The type of an event whose data is `N@stream`: it stands for that event.
inline constexpr std::string_view link_type = "$>";

inline bool is_link(const new_event& e) noexcept {
  return e.type == link_type;
}

/// Memory that an event occupies, roughly: what caches are charged with.
inline std::size_t memory_bytes(const event& e) noexcept {
  return sizeof(event) + e.type.size() + e.data.size() + e.metadata.size() + 64;
}

} // namespace callboard
