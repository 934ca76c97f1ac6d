// One object for the node, one for each member.
#include "cluster_status.hpp"

#include "actors/replication/cluster_limits.hpp"
#include "net/base_url.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

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

std::string_view without_scheme(std::string_view url) {
  auto end = url.find("://");
  return end == url.npos ? url : url.substr(end + 3);
}

const cluster_link_status* link_to(const cluster_snapshot& of, node_id node) {
  auto link = std::find_if(of.links.begin(), of.links.end(),
                           [&](auto& one) { return one.peer.id == node; });
  return link == of.links.end() ? nullptr : &*link;
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
  auto* link = link_to(of, member.id);
  bool own = member.id == log.self;
  out["self"] = own;
  out["leader"] = member.id == log.leader;
  out["connected"] = own || (link && link->connected);
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
  if (link) {
    out["link"] = {{"bytesWaiting", link->bytes_waiting},
                   {"bytesSent", link->bytes_sent},
                   {"bytesReceived", link->bytes_received},
                   {"framesDropped", link->frames_dropped},
                   {"connections", link->connections},
                   {"cutOffs", link->cut_offs}};
  }
  return out;
}

json describe_change(const change_status& change) {
  return {{"verb", change.request.goal == change_goal::add ? "add" : "remove"},
          {"id", change.request.id},
          {"state", change.state == change_state::running ? "running"
                    : change.state == change_state::done  ? "done"
                                                          : "failed"},
          {"text", change.text}};
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
           {"drained", log.drained},
           {"members", std::move(members)}};
  if (log.change.request.goal != change_goal::none)
    out["change"] = describe_change(log.change);
  if (what.removed)
    out["removed"] = true;
  if (what.lacks_room)
    out["lacksRoomForCopy"] = true;
  return out.dump(2) + "\n";
}

std::vector<gossip_member> gossip_of(const cluster_snapshot& what) {
  auto& log = what.log;
  std::vector<gossip_member> out;
  for (auto& member : log.peers) {
    gossip_member one;
    one.id = member.id;
    one.term = log.term;
    if (auto at = what.addresses.find(member.id); at != what.addresses.end())
      if (auto url = read_address(without_scheme(at->second.http))) {
        one.host = url->host;
        one.port = url->port.value_or(0);
      }
    auto* link = link_to(what, member.id);
    one.self = member.id == log.self;
    one.alive = one.self || (link && link->connected);
    one.state = member.id == log.leader      ? "Leader"
                : !one.alive                 ? "Unknown"
                : one.self && log.recovering ? "CatchingUp"
                                             : "Follower";
    one.committed = one.self ? log.committed : member.match;
    one.applied = one.self ? log.applied : member.match;
    out.push_back(std::move(one));
  }
  return out;
}

bool has_leader(const replication_status& log) {
  constexpr raft_ms silent_ms_max = 2 * limits::election_timeout.count();
  return log.leads
         || std::any_of(log.peers.begin(), log.peers.end(), [&](auto& peer) {
              return peer.id == log.leader && peer.silent_ms
                     && *peer.silent_ms <= silent_ms_max;
            });
}

std::string durability_of(const replication_status& log) {
  auto voters =
    std::count_if(log.peers.begin(), log.peers.end(),
                  [](auto& one) { return one.role == member_role::voter; });
  if (voters < 2)
    return "fsync";
  return "fsync, replicas=" + std::to_string(voters / 2 + 1) + "/"
         + std::to_string(voters);
}

} // namespace callboard
