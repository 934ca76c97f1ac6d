// What `GET /cluster` tells.
#pragma once

#include "actors/replication/replicated_journal.hpp"
#include "cluster_hello.hpp"
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
  std::vector<peer_address> configured; // by --peers
};

/// A JSON document.
std::string describe(const cluster_snapshot& what);

} // namespace callboard
