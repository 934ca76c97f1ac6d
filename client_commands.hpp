// Commands that ask a running node: `callboard health`, `callboard cluster`.
#pragma once

#include "net/options.hpp"

namespace callboard {

/// 0 if the node's `/health/ready` (or the URL given) answers 2xx in time; else
/// 1, and a line on stderr that says why; 2 if what was said cannot be meant.
int ask_health(const client_options& what);

/// Asks the node, prints its answer; 0 if that was 2xx, 2 as above.
int command_cluster(const client_options& what);

} // namespace callboard
