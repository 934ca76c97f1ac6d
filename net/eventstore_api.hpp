// The Event Store dialect: every route on one page.
#pragma once

#include "net/eventstore_services.hpp"
#include "net/router.hpp"

namespace callboard {

/// Adds the routes of streams and groups (spec 1, 6) to the router of one io
/// thread, whose door should be that of `services->access`.
void add_eventstore_routes(router& routes, const services_ptr& services);

} // namespace callboard
