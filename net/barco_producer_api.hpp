// Producers over HTTP: port 9251.
#pragma once

#include "net/barco_services.hpp"

#include <cstddef>

namespace callboard {

/// POST /v1/topic/{topic}/messages, GET /status (barco-http.md 2).
void add_producer_routes(barco_router& routes, const barco_ptr& services);

/// Whether a request to this listener needs no leader, but routes: all but
/// records to be stored, where no header or parameter speaks against that. The
/// listener has seen to the length of the body.
bool producer_answered_anywhere(const http_request& request);

/// What the listener answers to what it cannot read: a body that is too large
/// in Barco's words, which its clients know as 400.
http_answer refuse_producer(const refusal& why, std::size_t message_bytes_max);

} // namespace callboard
