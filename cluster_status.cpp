// One object for the node, one for each member.
#include "cluster_status.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace callboard {

namespace {

using json = nlohmann::ordered_json;

const char* name_of(member_role role) {
  switch (role) {
    case member_role::voter: return "voter";
    case member_role::standby: return "standby";
    case member_role::spare: return "spare";
  }
  return "unknown";
}

json describe_member(const cluster_snapshot& of, const peer_state& member) {
  auto& log = of.log;
  json out{{"id", member.id}, {"role", name_of(member.role)}};
  if (auto at = of.addresses.find(member.id); at != of.addresses.end()) {
    out["http"] = at->second.http;
    out["barco"] = at->second.barco;
  }
  for (auto& one : of.configured)
    if (one.id == member.id)
      out["cluster"] = one.host + ":" + std::to_string(one.port);
  auto link = std::find_if(of.links.begin(), of.links.end(),
                           [&](auto& one) { return one.peer.id == member.id; });
  bool own = member.id == log.self;
  out["self"] = own;
  out["leader"] = member.id == log.leader;
  out["connected"] = own || (link != of.links.end() && link->connected);
  if (own)
    out["matchIndex"] = log.last;
  else if (log.leads)
    out["matchIndex"] = member.match;
  if (own || log.leads) {
    auto has = own ? log.applied : member.match;
    out["lag"] = log.committed > has ? log.committed - has : 0;
  }
  if (member.silent_ms && !own)
    out["lastContactMs"] = *member.silent_ms;
  if (link != of.links.end()) {
    out["link"] = {{"bytesWaiting", link->bytes_waiting},
                   {"bytesSent", link->bytes_sent},
                   {"bytesReceived", link->bytes_received},
                   {"framesDropped", link->frames_dropped},
                   {"connections", link->connections},
                   {"cutOffs", link->cut_offs}};
  }
  return out;
}

} // namespace

std::string describe(const cluster_snapshot& what) {
  auto& log = what.log;
  auto members = json::array();
  for (auto& member : log.peers)
    members.push_back(describe_member(what, member));
  json out{{"nodeId", log.self},
           {"clusterId", what.cluster_id},
           {"role", log.leads         ? "leader"
                    : log.leader == 0 ? "candidate"
                                      : "follower"},
           {"leader", log.leader},
           {"term", log.term},
           {"commitIndex", log.committed},
           {"appliedIndex", log.applied},
           {"lastIndex", log.last},
           {"recovering", log.recovering},
           {"members", std::move(members)}};
  return out.dump(2) + "\n";
}

} // namespace callboard
