// What is remembered of a lease or retry besides its events: who has it, since
// when, who moved it.
#pragma once

#include "actors/core/record.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// Lies in the `body` of the lease's `lease_end` message, so it is as durable
/// as the lease and costs no row of its own.
struct lease_note {
  lease_holder who;
  wall_time since; // 0: not known
  std::uint32_t extensions = 0;
  bool apart = false;    // its events are leased with no others
  delayed_id moved_by{}; // retry: the job that moved it last

  friend bool operator==(const lease_note&, const lease_note&) = default;
};

/// The due time of a lease that never ends by itself: it has a message as all
/// others, which is due in the year 9999.
inline constexpr wall_time never_ends{253'402'300'799'000};

std::string to_body(const lease_note& note);
/// Nothing if the body is none of a lease.
std::optional<lease_note> parse_lease_note(std::string_view body);

/// The same of a retry, in its `retry_due` message: whether its events come
/// back apart, and the job. Most have neither, and an empty body.
std::string to_retry_body(const lease_note& note);
lease_note parse_retry_note(std::string_view body);

/// What a job asks of a group: another time for the retry that waits for this
/// message, unless it has another time by now.
struct retry_move {
  lease_id ticket;
  wall_time due;
  wall_time to;

  friend bool operator==(const retry_move&, const retry_move&) = default;
};

std::string pack(const std::vector<retry_move>& moves);
/// Nothing if the bytes are none of `pack`.
std::optional<std::vector<retry_move>> unpack_moves(std::string_view bytes);

/// The first `bytes` of a text, or a few less: characters stay whole.
std::string clipped(std::string_view text, std::size_t bytes);

} // namespace callboard
