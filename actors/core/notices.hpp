// What `$callboard-events` is told: on the way there, and as events.
#pragma once

#include "actors/core/event.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// Something that happened to a group: the type of its event, and what it says:
/// JSON on one line.
struct notice {
  std::string type;
  std::string data;
};

/// Notices as bodies of delayed messages, each of which fits its row; in order.
/// A notice that does not fit alone is left out, and counted.
struct packed_notices {
  std::vector<std::string> bodies;
  std::size_t left_out = 0;
};

packed_notices pack(std::span<const notice> all);

/// The events of one body. Their ids follow from where the message was, so that
/// appending them again has no effect. `sequence`: of the message's id.
std::vector<new_event> unpack_notices(std::string_view body, partition_id where,
                                      std::uint64_t sequence);

/// What the stream itself is told of once: how many events it keeps. Its own id
/// is always the same.
new_event notices_policy();

} // namespace callboard
