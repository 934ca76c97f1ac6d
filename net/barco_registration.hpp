// What a registration says, as query or as JSON, checked; and other calls.
#pragma once

#include "actors/core/membership.hpp"
#include "net/http.hpp"

namespace callboard {

/// Reads `PUT /v1/consumer/register`: with a `consumerId` from the query, else
/// from the JSON body, for a consumer that is bound to its connection
/// (barco-http.md 3.2). Refusals carry the texts of the dialect.
accepted<join_request> read_registration(const http_request& request);

/// `poll` of `POST /v1/consumer/poll`; empty for what is no consumer's call.
std::string_view consumer_call(const http_request& request);

/// Whether a goodbye commits: `commit=true` or `false`, in any case; without it
/// it does. Refuses all else.
accepted<bool> read_goodbye(const http_request& request);

/// The `consumerId` of a request, by either of its names; nothing if it is
/// missing or empty.
std::optional<std::string_view> consumer_id(const http_request& request);

} // namespace callboard
