// What an operator can change about a running cluster.
#pragma once

#include "net/router.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace callboard {

enum class cluster_verb : std::uint8_t { add, remove, transfer, drain, resume };

struct cluster_command {
  cluster_verb verb{};
  std::uint64_t node = 0; // 0: not said, where that is allowed
  std::string address{};  // of a node to add: host:port

  friend bool operator==(const cluster_command&,
                         const cluster_command&) = default;
};

/// 200: it is so; 202: it is under way; else why not. The text is for people.
struct cluster_reply {
  unsigned status = 200;
  std::string text;
};

/// Carries a command out; from any thread. Calls `then` once, from any thread.
using cluster_changer = std::function<void(
  const cluster_command&, std::function<void(cluster_reply)> then)>;

/// POST /cluster/members with `{"id":4,"address":"host:port"}`, DELETE
/// /cluster/members/{id}, POST /cluster/transfer[?to=ID] (without: to the node
/// that has most), POST and DELETE /cluster/drain[?node=ID] (without: the node
/// that leads). Only operators.
void add_cluster_routes(router& routes, cluster_changer changer);

} // namespace callboard
