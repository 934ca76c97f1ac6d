// What `GET /cluster` tells.
#pragma once

#include "actors/replication/replicated_journal.hpp"
#include "cluster_hello.hpp"
#include "net/admin_api.hpp"
#include "net/cluster_link.hpp"

#include <map>
#include <string>
#include <vector>

namespace callboard {

struct cluster_snapshot {
  std::string cluster_id;
  replication_status log;
  std::vector<cluster_link_status> links; // to the others
  std::map<node_id, node_addresses> addresses;
  std::vector<peer_address> configured; // where nodes are reached
  bool removed = false;                 // this node, from the cluster
  bool lacks_room = false;              // for a copy that another node needs
};

/// A JSON document.
std::string describe(const cluster_snapshot& what);

/// What `/metrics` tells of the cluster, in Prometheus' text format.
std::string metrics_of(const cluster_snapshot& what);

/// What `GET /gossip` tells of the nodes.
std::vector<gossip_member> gossip_of(const cluster_snapshot& what);

/// Whether requests are served: this node leads, or has just heard who does. A
/// follower goes on believing in a leader that is silent as long as there is no
/// majority to elect another one.
bool has_leader(const replication_status& log);

/// What a node that leads promises with a 2xx: `fsync, replicas=2/3`.
std::string durability_of(const replication_status& log);

} // namespace callboard
