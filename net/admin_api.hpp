// Small routes about the node itself: alive, ready, version, numbers.
#pragma once

#include "actors/node.hpp"
#include "net/eventstore_services.hpp"
#include "net/metrics.hpp"
#include "net/router.hpp"

#include <functional>
#include <memory>

namespace callboard {

/// One for each io thread; outlives the requests it serves.
struct admin_services {
  services_ptr broker; // how to ask
  node_ptr node;
  http_counts http; // of all listeners
  /// Whether all partitions can be served; not set: they can. Any thread.
  std::function<bool()> ready;
  /// Whether who is not signed in sees the names of streams and groups in the
  /// metrics.
  bool names_for_anonymous = true;
};

/// GET /ping /info /stats /stats/{path*} /metrics, GET and HEAD /health/live
/// and /health/ready. Everybody may use them (spec 6.12).
void add_admin_routes(router& routes,
                      const std::shared_ptr<const admin_services>& services);

} // namespace callboard
