// Consumers: port 9252.
#pragma once

#include "net/barco_services.hpp"

namespace callboard {

/// GET /status (barco-http.md 3).
void add_consumer_routes(barco_router& routes, const barco_ptr& services);

} // namespace callboard
