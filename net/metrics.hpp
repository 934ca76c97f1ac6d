// What Prometheus gets to see, made at each scrape: nothing to keep up to date.
#pragma once

#include "actors/core/requests.hpp"
#include "actors/node.hpp"
#include "net/http_counters.hpp"
#include "net/process_stats.hpp"

#include <memory>
#include <string>
#include <vector>

namespace callboard {

/// Names of groups become labels; more groups than this, by name, are left out
/// and only counted.
inline constexpr std::size_t measured_groups_max = 2000;

/// Of each thread that serves HTTP.
using http_counts = std::vector<std::shared_ptr<const http_counters>>;

/// The text format 0.0.4. `groups`: null if they are not known here, or not
/// told; then nothing is said of them. Any thread.
std::string metrics_text(const node_services& node, const http_counts& http,
                         const group_infos* groups,
                         const process_stats& process);

} // namespace callboard
