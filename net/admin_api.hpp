// Small routes about the node itself: alive, ready, version, numbers, commands.
#pragma once

#include "actors/node.hpp"
#include "net/eventstore_services.hpp"
#include "net/metrics.hpp"
#include "net/options.hpp"
#include "net/router.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace callboard {

/// A node of a cluster, as `GET /gossip` tells of it.
struct gossip_member {
  std::uint64_t id = 0;
  std::string host; // of its HTTP listener, as advertised; empty: not known
  std::uint16_t port = 0;
  std::string state; // Leader, Follower, CatchingUp, Unknown
  bool alive = false;
  bool self = false;
  std::uint64_t committed = 0; // positions in the log
  std::uint64_t applied = 0;
  std::uint64_t term = 0;
};

/// One for each io thread; outlives the requests it serves.
struct admin_services {
  services_ptr broker; // how to ask
  node_ptr node;
  http_counts http; // of all listeners
  /// Whether all partitions can be served; not set: they can. Any thread.
  std::function<bool()> ready{};
  /// Whether who is not signed in sees the names of streams and groups in the
  /// metrics.
  bool names_for_anonymous = true;
  scavenger_actor scavenger{};
  /// The body of `GET /cluster`, JSON; not set: the node stands alone.
  std::function<std::string()> cluster{};
  /// What `/metrics` adds about the cluster; not set: nothing.
  std::function<std::string()> cluster_metrics{};
  /// Of the cluster; not set: the node stands alone.
  std::function<std::vector<gossip_member>()> members{};
  /// Stops the process as SIGTERM does. Any thread.
  std::function<void()> shut_down{};
  std::vector<option_description> options{};
  std::string authentication = "internal"; // or insecure
  std::string data{};                      // whose disk `/stats` tells about
  std::string address = "127.0.0.1";       // of the listener
  std::uint16_t port = 2113;
  uuid instance{}; // of this start
};

/// Fills in what is told of the settings, the listener's `port`, and the id of
/// this start of the process.
void tell_settings(admin_services& to, const options& from, std::uint16_t port);

/// GET /ping /info /gossip /cluster /stats /stats/{path*} /metrics
/// /openapi.json, the projections that there are not, GET and HEAD /health/live
/// and /health/ready: everybody may use them. GET /info/options, POST
/// /admin/shutdown, /admin/scavenge: only operators (spec 6.12).
void add_admin_routes(router& routes,
                      const std::shared_ptr<const admin_services>& services);

} // namespace callboard
