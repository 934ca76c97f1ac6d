// Where the listeners are, and whether the broker is there: port 9250.
#pragma once

#include "net/barco_services.hpp"

namespace callboard {

/// GET /v1/brokers, GET /status (barco-http.md 4).
void add_discovery_routes(barco_router& routes, const barco_ptr& services);

/// The host by which a client that sent `host` (a Host header) is to reach the
/// other listeners: what is advertised, `localhost` or the address we listen
/// on, else the one that the client used, else this machine's name.
std::string broker_name(const barco_options& settings,
                        std::optional<std::string_view> host);

} // namespace callboard
