// Texts to nodes, and what belongs together.
#include "net/cluster_options.hpp"

#include "actors/replication/cluster_limits.hpp"
#include "net/base_url.hpp"
#include "net/option_table.hpp"
#include "net/option_values.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

namespace callboard {

namespace {

constexpr std::uint64_t node_id_max = 65'535;
constexpr std::size_t host_bytes_max = 253; // of a name in DNS

std::optional<std::uint64_t> read_number(std::string_view text,
                                         std::uint64_t most) {
  std::uint64_t out = 0;
  auto* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, out);
  if (text.empty() || failed != std::errc{} || stop != end || out > most)
    return std::nullopt;
  return out;
}

std::optional<peer_address> read_peer(std::string_view text) {
  auto equals = text.find('=');
  if (equals == text.npos)
    return std::nullopt;
  auto id = read_number(text.substr(0, equals), node_id_max);
  auto at = read_address(text.substr(equals + 1));
  if (!id || *id == 0 || !at || !at->port || *at->port == 0
      || at->host.size() > host_bytes_max)
    return std::nullopt;
  std::string host{at->host};
  if (host.size() > 2 && host.front() == '[')
    host = host.substr(1, host.size() - 2);
  return peer_address{*id, std::move(host), *at->port};
}

std::optional<std::string> set_node_id(options& to, const std::string& text) {
  auto id = read_number(text, node_id_max);
  if (!id || *id == 0)
    return expected("a number from 1 to 65535", text);
  to.cluster.node_id = *id;
  return std::nullopt;
}

std::optional<std::string> set_listen(options& to, const std::string& text) {
  options parsed; // its `--http` is spelled the same
  if (set_http(parsed, text))
    return expected("ADDRESS:PORT, for example 127.0.0.1:2114", text);
  to.cluster.listen = text;
  to.cluster.address = parsed.http_address;
  to.cluster.port = parsed.http_port;
  return std::nullopt;
}

std::optional<std::string> set_peers(options& to, const std::string& text) {
  to.cluster.peers_text = text;
  return read_peers(to.cluster.peers, text);
}

/// The setting without effect that says that a cluster was meant; empty: none.
std::string needs_peers(const cluster_options& settings,
                        const std::map<std::string, std::string>& from) {
  auto where = [&](const char* name) {
    auto found = from.find(name);
    return found == from.end() ? "default" : found->second;
  };
  if (settings.node_id != 0)
    return "node-id";
  if (settings.join)
    return "join";
  if (!settings.secret_file.empty())
    return "cluster-secret-file";
  if (!settings.advertise_http.empty())
    return "advertise-http";
  if (!settings.advertise_barco.empty())
    return "advertise-barco";
  if (where("wal-keep") != "default")
    return "wal-keep";
  // The image sets the variable, also for a node that stands alone.
  auto listens = where("cluster");
  return listens == "default" || listens == "CALLBOARD_CLUSTER" ? ""
                                                                : "cluster";
}

std::optional<std::string> set_host(std::string& to, const std::string& text,
                                    bool with_port) {
  auto at = read_address(text);
  if (!text.empty() && (!at || at->port.has_value() != with_port))
    return expected(with_port ? "HOST:PORT" : "a host without a port", text);
  to = text;
  return std::nullopt;
}

} // namespace

std::optional<std::string> read_peers(std::vector<peer_address>& to,
                                      const std::string& text) {
  std::vector<peer_address> out;
  for (std::string_view left{text}; !left.empty();) {
    auto comma = std::min(left.find(','), left.size());
    auto one = read_peer(left.substr(0, comma));
    if (!one)
      return expected(
        "ID=HOST:PORT,..., for example 1=127.0.0.1:2114,2=127.0.0.2:2114",
        std::string{left.substr(0, comma)});
    out.push_back(std::move(*one));
    left.remove_prefix(std::min(comma + 1, left.size()));
  }
  std::sort(out.begin(), out.end(),
            [](auto& x, auto& y) { return x.id < y.id; });
  std::set<std::string> addresses;
  for (std::size_t i = 0; i < out.size(); ++i)
    if (i > 0 && out[i].id == out[i - 1].id)
      return "names node " + std::to_string(out[i].id) + " twice";
    else if (!addresses.insert(to_string(out[i])).second)
      return "names " + to_string(out[i]) + " twice";
  if (out.size() > limits::cluster_nodes_max)
    return "names more than " + std::to_string(limits::cluster_nodes_max)
           + " nodes";
  to = std::move(out);
  return std::nullopt;
}

std::string to_string(const peer_address& peer) {
  bool v6 = peer.host.find(':') != std::string::npos;
  return (v6 ? "[" + peer.host + "]" : peer.host) + ":"
         + std::to_string(peer.port);
}

bool cluster_options::on_loopback() const {
  auto local = [](const std::string& host) {
    boost::system::error_code bad;
    auto parsed = boost::asio::ip::make_address(host, bad);
    return !bad && parsed.is_loopback();
  };
  return local(address)
         && std::all_of(peers.begin(), peers.end(),
                        [&](auto& one) { return local(one.host); });
}

const peer_address* cluster_options::self(const std::string& host_name) const {
  auto id = node_id;
  if (id == 0) {
    auto digits = host_name.find_last_not_of("0123456789");
    std::string_view end{host_name};
    end.remove_prefix(digits == std::string::npos ? 0 : digits + 1);
    id = read_number(end, node_id_max).value_or(0);
  }
  auto found = std::find_if(peers.begin(), peers.end(),
                            [id](auto& one) { return one.id == id; });
  return found == peers.end() ? nullptr : &*found;
}

void listen_as_peers_say(cluster_options& settings,
                         const std::string& host_name) {
  auto* self = settings.self(host_name);
  if (self == nullptr)
    return;
  boost::system::error_code bad;
  auto address = boost::asio::ip::make_address(self->host, bad);
  settings.address = bad ? "0.0.0.0" : self->host;
  settings.port = self->port;
  settings.listen =
    (!bad && address.is_v6() ? "[" + self->host + "]" : settings.address) + ":"
    + std::to_string(self->port);
}

std::optional<std::string>
check_cluster(const cluster_options& settings, const std::string& host_name,
              const std::map<std::string, std::string>& from) {
  if (!settings.on()) {
    auto meant = needs_peers(settings, from);
    return meant.empty() ? std::nullopt
                         : std::optional{"--" + meant
                                         + " belongs to a cluster: name its "
                                           "nodes with --peers"};
  }
  if (settings.self(host_name) == nullptr)
    return settings.node_id != 0
             ? "--peers does not name node " + std::to_string(settings.node_id)
             : "say which of --peers this node is with --node-id: the host's "
               "name '"
                 + host_name + "' does not end with the number of one";
  if (settings.secret_file.empty() && !settings.on_loopback())
    return "a cluster off loopback needs --cluster-secret-file, the same for "
           "all its nodes";
  return std::nullopt;
}

std::vector<setting> cluster_settings() {
  return {
    {.name = "node-id",
     .help = "which of --peers this node is (default: the number that the "
             "host's name ends with)",
     .set = set_node_id,
     .get =
       [](const options& o) {
         auto* self = o.cluster.self(host_name());
         return self == nullptr ? std::string{} : std::to_string(self->id);
       }},
    {.name = "cluster",
     .help = "address and port that the other nodes of a cluster reach",
     .set = set_listen,
     .get = [](const options& o) { return o.cluster.listen; }},
    {.name = "peers",
     .help = "all nodes of the cluster: ID=HOST:PORT,...; none: a single node",
     .set = set_peers,
     .get = [](const options& o) { return o.cluster.peers_text; }},
    {.name = "cluster-secret-file",
     .help = "file with the secret that all nodes of the cluster share",
     .set = [](options& o, const std::string& x) -> std::optional<std::string> {
       o.cluster.secret_file = x;
       return std::nullopt;
     },
     .get = [](const options& o) { return o.cluster.secret_file; }},
    {.name = "wal-keep",
     .help = "bytes of the log that a leader keeps for nodes that lag, while "
             "they do; 0: none, they get the whole store",
     .set =
       [](options& o, const std::string& x) {
         return set_bytes(o.cluster.wal_keep_bytes, x);
       },
     .get =
       [](const options& o) {
         return std::to_string(o.cluster.wal_keep_bytes);
       }},
    {.name = "join",
     .help = "this node is new in a cluster that exists",
     .set = [](options& o,
               const std::string& x) { return set_flag(o.cluster.join, x); },
     .get = [](const options& o) { return on_off(o.cluster.join); },
     .bare = true},
    {.name = "advertise-http",
     .help = "HOST:PORT at which clients of the other nodes find this one",
     .set =
       [](options& o, const std::string& x) {
         return set_host(o.cluster.advertise_http, x, true);
       },
     .get = [](const options& o) { return o.cluster.advertise_http; }},
    {.name = "advertise-barco",
     .help = "host at which clients of the Barco dialect find this node",
     .set =
       [](options& o, const std::string& x) {
         return set_host(o.cluster.advertise_barco, x, false);
       },
     .get = [](const options& o) { return o.cluster.advertise_barco; }},
  };
}

} // namespace callboard
