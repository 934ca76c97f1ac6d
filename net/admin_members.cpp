// What this node is, how it is set, and where clients find it.
#include "net/admin_routes.hpp"
#include "net/default_codec.hpp"
#include "net/json_text.hpp"
#include "net/random_uuid.hpp"

#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
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

using json = nlohmann::ordered_json;

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

json described(const option_description& one) {
  auto& found =
    *std::find_if(option_groups.begin(), option_groups.end(), [&](auto& known) {
      return one.name.starts_with(known.name);
    });
  auto possible = json::array();
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

void info(const admin_ptr& services, http_request&,
          const http_exchange& exchange) {
  exchange.answer(document_answer(
    exchange.request(), "Info",
    {{"dbVersion", CALLBOARD_VERSION},
     {"esVersion", CALLBOARD_VERSION},
     {"state", "leader"},
     {"features",
      {{"projections", false}, {"userManagement", true}, {"atomPub", true}}},
     {"authentication",
      {{"type", services->authentication}, {"properties", json::object()}}},
     {"projectionsMode", "None"},
     {"product", "Callboard"}}));
}

void options(const admin_ptr& services, http_request&,
             const http_exchange& exchange) {
  auto out = json::array();
  for (auto& one : services->options)
    out.push_back(described(one));
  exchange.answer(document_answer(exchange.request(), "ArrayOfOption", out));
}

void gossip(const admin_ptr& services, http_request& request,
            const http_exchange& exchange) {
  auto& node = *services->node;
  auto host = reachable_host(*services, request);
  std::string now;
  append_time(now, node.wall());
  std::uint64_t written = 0;
  std::uint64_t flushed = 0;
  for (std::size_t p = 0; p < node.placement.partitions(); ++p) {
    written += node.db->applied({p}).value;
    flushed += node.db->flushed({p}).value;
  }
  json member{{"instanceId", to_string(services->instance)},
              {"timeStamp", now},
              {"state", "Leader"},
              {"isAlive", true},
              {"internalTcpIp", host},
              {"internalTcpPort", 0},
              {"internalSecureTcpPort", 0},
              {"externalTcpIp", host},
              {"externalTcpPort", 0},
              {"externalSecureTcpPort", 0},
              {"internalHttpEndPointIp", host},
              {"internalHttpEndPointPort", services->port},
              {"httpEndPointIp", host},
              {"httpEndPointPort", services->port},
              {"lastCommitPosition", written},
              {"writerCheckpoint", written},
              {"chaserCheckpoint", flushed},
              {"epochPosition", 0},
              {"epochNumber", 0},
              {"epochId", to_string(services->instance)},
              {"nodePriority", 0},
              {"isReadOnlyReplica", false}};
  exchange.answer(
    document_answer(exchange.request(), "ClusterInfo",
                    {{"members", json::array({std::move(member)})},
                     {"serverIp", host},
                     {"serverPort", services->port}}));
}

} // namespace callboard::admin_routes
