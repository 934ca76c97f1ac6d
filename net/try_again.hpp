// The answer to what is not served now, but may be soon.
#pragma once

#include "net/http.hpp"

#include <string_view>

namespace callboard {

inline constexpr std::string_view leader_was_lost =
  "The leader was lost before it answered: whether it was recorded is unknown. "
  "Try again with the same event ids.";
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
