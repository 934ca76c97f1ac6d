// Producers over HTTP: port 9251.
#pragma once

#include "net/barco_services.hpp"

#include <cstddef>

namespace callboard {

/// POST /v1/topic/{topic}/messages, GET /status (barco-http.md 2).
void add_producer_routes(barco_router& routes, const barco_ptr& services);

/// What the listener answers to what it cannot read: a body that is too large
/// in Barco's words, which its clients know as 400.
http_answer refuse_producer(const refusal& why, std::size_t message_bytes_max);

} // namespace callboard
