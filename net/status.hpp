// errc to HTTP status: the whole mapping on one page.
#pragma once

#include "actors/core/error.hpp"
#include "net/http.hpp"

#include <string_view>

namespace callboard {

/// The status that a client sees for an error. Without `default`, so that the
/// compiler names a code that was forgotten.
constexpr http_status to_status(errc code) noexcept {
  switch (code) {
    case errc::none: return http_status::ok;
    case errc::invalid_argument: return http_status::bad_request;
    case errc::not_found: return http_status::not_found;
    case errc::already_exists: return http_status::conflict;
    case errc::wrong_version: return http_status::bad_request;
    case errc::stream_deleted: return http_status::gone;
    case errc::too_large: return http_status::payload_too_large;
    case errc::too_many_in_flight: return http_status::too_many_requests;
    case errc::overloaded: return http_status::service_unavailable;
    // The outcome may be unknown, so never 2xx and never a made-up 4xx.
    case errc::timed_out: return http_status::service_unavailable;
    case errc::unavailable: return http_status::service_unavailable;
    case errc::storage_full: return http_status::insufficient_storage;
    case errc::storage_failed: return http_status::service_unavailable;
    case errc::corrupt: return http_status::internal_server_error;
    case errc::locked: return http_status::internal_server_error;
    case errc::unknown_format: return http_status::internal_server_error;
  }
  return http_status::internal_server_error;
}

/// The cause for people, and what to do. Empty: the status says it all, as the
/// dialect has it.
constexpr std::string_view cause_of(errc code) noexcept {
  switch (code) {
    case errc::none:
    case errc::invalid_argument:
    case errc::not_found:
    case errc::already_exists:
    case errc::wrong_version:
    case errc::stream_deleted:
    case errc::locked:
    case errc::unknown_format: return {};
    case errc::too_large: return "Beyond a limit of this broker.";
    case errc::too_many_in_flight:
      return "Too much is in flight: settle some of it, then try again.";
    case errc::overloaded:
      return "The broker has more to write than its disk takes: nothing was "
             "recorded, try again.";
    case errc::timed_out:
    case errc::unavailable:
      return "Not served at the moment; whether it was recorded is unknown. "
             "Try again with the same event ids.";
    case errc::storage_full:
      return "No space is left for the broker's data (its disk, or "
             "--max-disk): nothing was recorded. Reading and settling go on.";
    case errc::storage_failed:
      return "The broker's disk fails: nothing was recorded. Reading goes on.";
    case errc::corrupt:
      return "What is stored is damaged and not served; `callboard check` "
             "tells more.";
  }
  return {};
}

/// Says `Retry-After` where trying again can help: seconds, more of them if
/// somebody must make room.
inline void add_retry_after(http_answer& answer) {
  if (answer.status == http_status::service_unavailable
      || answer.status == http_status::too_many_requests)
    answer.add_header("Retry-After", "1");
  else if (answer.status == http_status::insufficient_storage)
    answer.add_header("Retry-After", "10");
}

/// An answer that only tells the error and its cause.
inline http_answer error_answer(errc code) {
  auto status = to_status(code);
  auto out = plain_status(status);
  if (auto cause = cause_of(code); !cause.empty()) {
    out.content_type = "text/plain; charset=utf-8";
    out.body = cause;
  }
  add_retry_after(out);
  return out;
}

} // namespace callboard
