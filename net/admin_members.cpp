// What this node is, how it is set, and where clients find it.
#include "net/admin_routes.hpp"
#include "net/default_codec.hpp"
#include "net/json_text.hpp"
#include "net/random_uuid.hpp"

#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace callboard {

void tell_settings(admin_services& to, const options& from,
                   std::uint16_t port) {
  static const uuid this_start = random_uuid();
  to.options = list_options(from);
  to.authentication = from.insecure ? "insecure" : "internal";
  to.data = from.data;
  to.address = from.http_address;
  to.port = port;
  to.instance = this_start;
}

} // namespace callboard

namespace callboard::admin_routes {

namespace {

using nlohmann::ordered_json;

struct option_group {
  std::string_view name; // of the setting, or how its name begins
  std::string_view group;
  std::string_view possible; // with commas; empty: anything of its kind
};

/// The first that matches counts.
constexpr std::array option_groups{
  option_group{"data", "Database Options", ""},
  option_group{"max-disk", "Database Options", ""},
  option_group{"http", "Interface Options", ""},
  option_group{"log-level", "Logging Options", "trace,debug,info,warn,error"},
  option_group{"log-format", "Logging Options", "text,json"},
  option_group{"anonymous", "Auth Options", "on,off"},
  option_group{"insecure", "Auth Options", "on,off"},
  option_group{"trusted-auth", "Auth Options", "on,off"},
  option_group{"admin", "Auth Options", ""},
  option_group{"tls", "Certificate Options", ""},
  option_group{"", "Application Options", ""}};

ordered_json described(const option_description& one) {
  auto& found =
    *std::find_if(option_groups.begin(), option_groups.end(), [&](auto& known) {
      return one.name.starts_with(known.name);
    });
  auto possible = ordered_json::array();
  for (auto left = found.possible; !left.empty();) {
    auto end = left.find(',');
    possible.push_back(left.substr(0, end));
    left = end == left.npos ? "" : left.substr(end + 1);
  }
  return {{"name", one.name},
          {"description", one.description},
          {"group", found.group},
          {"value", one.value},
          {"possibleValues", std::move(possible)},
          {"configurationSource", one.source}};
}

/// Where clients reach this node: the address that it listens on, or if that
/// is every one of the machine, the host that this client used.
std::string reachable_host(const admin_services& services,
                           const http_request& request) {
  boost::system::error_code bad;
  auto address = boost::asio::ip::make_address(services.address, bad);
  if (bad || !address.is_unspecified())
    return services.address;
  auto base = services.broker->base(request);
  auto host = base.substr(base.find("://") + 3);
  host = host.substr(0, host.find('/'));
  auto colon = host.rfind(':');
  return colon == host.npos || host.back() == ']' ? host
                                                  : host.substr(0, colon);
}

} // namespace

namespace {

/// As clients of the dialect know it: leader, follower, ...
std::string state_of(const admin_services& services) {
  if (!services.members)
    return "leader";
  for (auto& one : services.members())
    if (one.self)
      return char(std::tolower(static_cast<unsigned char>(one.state[0])))
             + one.state.substr(1);
  return "unknown";
}

} // namespace

void info(const admin_ptr& services, http_request&,
          const http_exchange& exchange) {
  exchange.answer(document_answer(
    exchange.request(), "Info",
    {{"dbVersion", CALLBOARD_VERSION},
     {"esVersion", CALLBOARD_VERSION},
     {"state", state_of(*services)},
     {"features",
      {{"projections", false}, {"userManagement", true}, {"atomPub", true}}},
     {"authentication",
      {{"type", services->authentication},
       {"properties", ordered_json::object()}}},
     {"projectionsMode", "None"},
     {"product", "Callboard"}}));
}

void options(const admin_ptr& services, http_request&,
             const http_exchange& exchange) {
  auto out = ordered_json::array();
  for (auto& one : services->options)
    out.push_back(described(one));
  exchange.answer(document_answer(exchange.request(), "ArrayOfOption", out));
}

namespace {

/// A node that stands alone.
gossip_member alone(const admin_services& services,
                    const http_request& request) {
  auto& node = *services.node;
  gossip_member out{.host = reachable_host(services, request),
                    .port = services.port,
                    .state = "Leader",
                    .alive = true,
                    .self = true};
  for (std::size_t p = 0; p < node.placement.partitions(); ++p) {
    out.committed += node.db->applied({p}).value;
    out.applied += node.db->flushed({p}).value;
  }
  return out;
}

ordered_json described(const admin_services& services,
                       const gossip_member& member) {
  std::string now;
  append_time(now, services.node->wall());
  // A node's instance is not known elsewhere: its number stands for it.
  uuid instance = services.instance;
  if (!member.self) {
    instance = {};
    instance.bytes.back() = std::uint8_t(member.id);
  }
  return {{"instanceId", to_string(instance)},
          {"timeStamp", now},
          {"state", member.state},
          {"isAlive", member.alive},
          {"internalTcpIp", member.host},
          {"internalTcpPort", 0},
          {"internalSecureTcpPort", 0},
          {"externalTcpIp", member.host},
          {"externalTcpPort", 0},
          {"externalSecureTcpPort", 0},
          {"internalHttpEndPointIp", member.host},
          {"internalHttpEndPointPort", member.port},
          {"httpEndPointIp", member.host},
          {"httpEndPointPort", member.port},
          {"lastCommitPosition", member.committed},
          {"writerCheckpoint", member.committed},
          {"chaserCheckpoint", member.applied},
          {"epochPosition", 0},
          {"epochNumber", member.term},
          {"epochId", to_string(services.instance)},
          {"nodePriority", 0},
          {"isReadOnlyReplica", false}};
}

} // namespace

void gossip(const admin_ptr& services, http_request& request,
            const http_exchange& exchange) {
  auto members = services->members ? services->members()
                                   : std::vector{alone(*services, request)};
  auto list = ordered_json::array();
  gossip_member self;
  for (auto& one : members) {
    list.push_back(described(*services, one));
    if (one.self)
      self = one;
  }
  exchange.answer(document_answer(exchange.request(), "ClusterInfo",
                                  {{"members", std::move(list)},
                                   {"serverIp", self.host},
                                   {"serverPort", self.port}}));
}

} // namespace callboard::admin_routes
