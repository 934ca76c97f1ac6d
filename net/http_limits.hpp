// What a client may send and make wait, and what one that goes beyond is told.
#pragma once

#include "actors/core/limits.hpp"
#include "net/http.hpp"

#include <string>
#include <string_view>

namespace callboard {

struct http_limits {
  std::size_t header_bytes_max = limits::header_bytes_max; // and the target
  std::size_t target_bytes_max = limits::target_bytes_max;
  std::size_t body_bytes_max = limits::body_bytes_max;
};

/// What HTTP/2 has of its own, for one connection.
struct h2_limits {
  std::size_t streams_max = limits::h2_streams_max;
  std::size_t stream_window_bytes = limits::h2_stream_window_bytes;
  std::size_t connection_window_bytes = limits::h2_connection_window_bytes;
  std::size_t resets_max = limits::h2_resets_max;
  std::size_t resets_per_second = limits::h2_resets_per_second;
  std::size_t small_frames_max = limits::h2_small_frames_max;
  std::size_t small_frames_per_second = limits::h2_small_frames_per_second;
  /// Of requests that are not answered yet, together: HPACK lets a client name
  /// kilobytes with a byte.
  std::size_t header_text_bytes_max = std::size_t{256} << 10;
};

inline constexpr std::size_t header_count_max = 100;

/// A larger body is not copied behind its answer's head, and counts as large.
inline constexpr std::size_t body_copy_max = std::size_t{16} << 10;

/// An answer up to this size leaves with the others of its turn. A larger one
/// is sent while the processor's cache still has it.
inline constexpr std::size_t answer_kept_max = std::size_t{4} << 10;

refusal malformed(const std::string& why);
refusal too_long_target(const http_limits& limits);
refusal too_large_header(const http_limits& limits);
refusal too_large_body(const http_limits& limits);
refusal too_many_bodies();
refusal unknown_expectation();
refusal late_header();
refusal late_body();

/// `refuse`, with `Retry-After` if that helps.
http_answer answer_to(const refusal& why);

/// Instead of an answer that came too late, or is too large for now. Whether
/// the late one would have told of something done is unknown, unless the
/// request only reads; `repeating` says what to do then.
http_answer late_answer(http_verb method, std::string_view repeating);
http_answer too_many_answers();

} // namespace callboard
