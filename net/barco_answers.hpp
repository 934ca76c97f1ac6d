// The dialect's plain answers, word for word.
#pragma once

#include "net/status.hpp"
#include "net/try_again.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace callboard {

/// A text as it is; also for errors of the dialect's own.
inline http_answer barco_text(http_status status, std::string text) {
  return {.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = std::move(text)};
}

/// Errors that Barco's HTTP library words: with a line's end.
inline http_answer barco_library_error(http_status status,
                                       std::string_view text) {
  auto out = barco_text(status, std::string{text} + "\n");
  out.add_header("X-Content-Type-Options", "nosniff");
  return out;
}

/// What Barco says when something was done.
inline http_answer barco_ok(std::string text = "OK") {
  return {.content_type = "text/html; charset=utf-8", .body = std::move(text)};
}

inline http_answer barco_refusal(const refusal& why) {
  return barco_text(static_cast<http_status>(why.status), why.text);
}

/// The cause for people, where records have no ids that repeats are known by.
inline std::string barco_cause(errc why, std::string_view repeating) {
  if (why == errc::timed_out || why == errc::unavailable)
    return std::string{"Not served at the moment; whether it was recorded is "
                       "unknown. "}
      .append(repeating);
  return std::string{cause_of(why)};
}

/// What an actor could not do. A full disk is 503 as all that may pass.
inline http_answer
barco_error(errc why, std::string_view repeating = repeat_stores_twice) {
  if (to_status(why) == http_status::internal_server_error)
    return barco_library_error(http_status::internal_server_error,
                               "Internal server error");
  auto out = error_answer(why);
  out.body = barco_cause(why, repeating);
  if (out.status == http_status::insufficient_storage)
    out.status = http_status::service_unavailable;
  return out;
}

// --- of the consumer listener ------------------------------------------------

/// Seconds after which a poll makes sense again.
inline constexpr std::string_view retry_without_data = "1";
inline constexpr std::string_view retry_without_partitions = "5";

inline http_answer barco_not_registered() {
  return barco_text(http_status::conflict, "Consumer not registered");
}

/// 204 that says when to come again; at once if `retry_after` is empty.
inline http_answer barco_nothing(std::string_view retry_after) {
  http_answer out{.status = http_status::no_content};
  out.add_header("Cache-Control", "no-store");
  if (!retry_after.empty())
    out.add_header("Retry-After", retry_after);
  return out;
}

inline http_answer barco_consumer_error(errc why) {
  if (why == errc::not_found)
    return barco_not_registered();
  if (why == errc::corrupt)
    return barco_library_error(http_status::internal_server_error,
                               "Unexpected error while reading");
  return barco_error(why, repeat_freely);
}

} // namespace callboard
