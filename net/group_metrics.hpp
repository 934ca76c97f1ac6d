// What Prometheus sees of groups.
#pragma once

#include "actors/core/requests.hpp"
#include "net/metric_families.hpp"

namespace callboard {

/// Of the first `measured_groups_max` groups, each of which has a fixed number
/// of samples, and how many more there are.
void add_groups(families& into, const group_infos& groups);

} // namespace callboard
