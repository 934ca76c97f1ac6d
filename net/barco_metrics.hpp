// Numbers of the Barco dialect, and all of ours: port 9253.
#pragma once

#include "net/barco_services.hpp"

#include <string>

namespace callboard {

/// GET /metrics (barco-http.md 7.1).
void add_barco_metrics_routes(barco_router& routes, const barco_ptr& services);

/// Barco's metrics that mean something here, with its names of before and after
/// it was renamed (`barco_`, `polar_`), in the text format 0.0.4.
std::string barco_metrics_text(const barco_services& services);

} // namespace callboard
