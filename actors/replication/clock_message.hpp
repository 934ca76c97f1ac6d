// What nodes of a cluster tell each other of the broker's clock.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/ids.hpp"
#include "actors/replication/raft_types.hpp"

#include <string>
#include <string_view>

namespace callboard {

struct clock_message {
  wall_time now;
  bool of_leader = false; // by what its sender knows
  entry_term term = 0;    // of its sender; 0: an older version does not say

  friend bool operator==(const clock_message&, const clock_message&) = default;
};

/// Its sender leads no more, and does not know: its machine was suspended, and
/// its clock stood still. `own`: the term that the one who hears it is in.
inline bool is_of_former_leader(const clock_message& what,
                                entry_term own) noexcept {
  return what.of_leader && what.term != 0 && what.term < own;
}

std::string encode(const clock_message& what);

/// Errors: corrupt, unknown_format.
result<clock_message> decode_clock_message(std::string_view bytes);

} // namespace callboard
