// The answer to what is not served now, but may be soon.
#pragma once

#include "net/http.hpp"

#include <string_view>

namespace callboard {

// What to do where the outcome is unknown: by what a repeat is known depends on
// the dialect.
inline constexpr std::string_view repeat_with_ids =
  "Try again with the same event ids.";
inline constexpr std::string_view repeat_stores_twice =
  "Sent again, it may be stored twice.";
inline constexpr std::string_view repeat_freely = "Try again.";

inline constexpr std::string_view no_leader_known =
  "No leader is known at the moment: nothing was recorded. Try again.";
inline constexpr std::string_view takes_no_part =
  "This node does not take part in its cluster at the moment: nothing was "
  "recorded. Try again, or ask another node.";
inline constexpr std::string_view node_is_stopping =
  "This node is stopping: nothing was recorded. Try again.";

/// 503 with `Retry-After: 1`; `cause` says what is missing and what was done.
inline http_answer try_again(std::string_view cause) {
  auto out = plain_status(http_status::service_unavailable);
  out.content_type = "text/plain; charset=utf-8";
  out.body = cause;
  out.add_header("Retry-After", "1");
  return out;
}

} // namespace callboard
