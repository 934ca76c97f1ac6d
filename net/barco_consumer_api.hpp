// Consumers: port 9252.
#pragma once

#include "net/barco_services.hpp"

namespace callboard {

/// PUT and POST /v1/consumer/register, POST /v1/consumer/poll, commit and
/// goodbye, GET /status (barco-http.md 3). A consumer is known by the
/// `consumerId` of each request, or else by its connection; the connection of
/// one that says its id means nothing (6.4).
void add_consumer_routes(barco_router& routes, const barco_ptr& services);

} // namespace callboard
