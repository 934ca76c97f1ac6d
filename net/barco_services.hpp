// What the routes of the Barco dialect use, and what its listeners share.
#pragma once

#include "actors/node.hpp"
#include "net/barco_options.hpp"
#include "net/barco_router.hpp"
#include "net/eventstore_services.hpp"
#include "net/http_budget.hpp"
#include "net/metrics.hpp"
#include "net/route_table.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace callboard {

/// Of all threads of a process. The atomics are for any thread; all else is set
/// before the first request.
struct barco_state {
  barco_options settings{};
  barco_ports ports{};                // as bound
  http_counts counts{};               // of all listeners, other dialects' too
  http_counts consumer_connections{}; // of the consumer listener alone
  std::shared_ptr<const http_budgets> budgets{};
  /// Whether records can be stored; not set: they can. Any thread.
  std::function<bool()> ready{};

  /// Hosts of all nodes of the cluster, in the order of the ring; not set: this
  /// node stands alone. Any thread.
  std::function<std::vector<std::string>()> hosts{};

  /// Requests without a key, of all topics: each goes to the next partition.
  std::atomic<std::uint64_t> unkeyed{0};
  std::atomic<std::uint64_t> produce_requests{0}; // over HTTP
  std::atomic<std::uint64_t> produce_bytes{0};    // of their bodies
  std::atomic<std::uint64_t> appended{0}; // requests stored, by any protocol
};

/// Of one io thread: who waits until it is known what an ACL says of a topic.
/// Nobody overtakes: what one connection sends for a topic stays in order.
struct publishing_lines {
  std::map<std::string, std::vector<std::function<void(verdict)>>> of_topic;
};

/// One for each io thread; outlives the requests it serves.
struct barco_services {
  services_ptr broker; // how to ask
  node_ptr node;
  std::shared_ptr<barco_state> state;
  membership_actor members;
  /// Who may do what to a topic: anybody, but for what an ACL forbids.
  std::shared_ptr<access_control> access;
  std::shared_ptr<publishing_lines> lines =
    std::make_shared<publishing_lines>();
};

using barco_ptr = std::shared_ptr<const barco_services>;

/// A route parses, asks, and answers through the exchange. The services outlive
/// it.
using barco_table = route_table<barco_services, barco_router>;

} // namespace callboard
