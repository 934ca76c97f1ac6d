// What Prometheus sees of groups.
#pragma once

#include "actors/core/requests.hpp"
#include "net/metric_families.hpp"

namespace callboard {

/// Of the first `measured_groups_max` groups; each has a fixed number of
/// samples.
void add_groups(families& into, const group_infos& groups);

} // namespace callboard
