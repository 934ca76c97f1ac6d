// JSON, so that a later version may add to it.
#include "cluster_hello.hpp"

#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <tuple>

namespace callboard {

namespace {

/// The address, or the host that the others know the node by.
std::string reachable(const options& settings, const std::string& address) {
  boost::system::error_code bad;
  auto parsed = boost::asio::ip::make_address(address, bad);
  auto* self = settings.cluster.self(host_name());
  return url_host(!bad && parsed.is_unspecified() && self ? self->host
                                                          : address);
}

} // namespace

std::string url_host(const std::string& host) {
  return host.find(':') == host.npos ? host : "[" + host + "]";
}

node_addresses own_addresses(const options& settings, std::uint16_t http_port,
                             const std::optional<barco_ports>& barco) {
  auto& cluster = settings.cluster;
  node_addresses out;
  out.http = settings.tls_certificate.empty() ? "http://" : "https://";
  out.http += cluster.advertise_http.empty()
                ? reachable(settings, settings.http_address) + ":"
                    + std::to_string(http_port)
                : cluster.advertise_http;
  if (!barco)
    return out;
  out.ports = *barco;
  out.barco = !cluster.advertise_barco.empty() ? cluster.advertise_barco
              : !settings.barco.advertise.empty()
                ? settings.barco.advertise
                : reachable(settings, settings.barco.address);
  return out;
}

std::vector<std::string>
barco_hosts(const std::vector<peer_address>& peers,
            const std::map<std::uint64_t, node_addresses>& heard) {
  std::vector<std::string> out;
  for (auto& peer : peers) {
    auto at = heard.find(peer.id);
    if (at == heard.end())
      out.push_back(url_host(peer.host));
    else if (!at->second.barco.empty()) // else it is off there
      out.push_back(at->second.barco);
  }
  return out;
}

void warn_of_other_ports(const node_addresses& own,
                         const node_addresses& other) {
  auto for_clients = [](const node_addresses& of) {
    return std::tuple{of.ports.producer, of.ports.consumer, of.ports.binary};
  };
  if (!own.barco.empty() && !other.barco.empty()
      && for_clients(own) != for_clients(other))
    spdlog::warn("Barco's clients do not find node host={}: its ports are not "
                 "those of this node; give all nodes the same with --barco",
                 other.barco);
}

std::string encode(const node_addresses& what) {
  nlohmann::json out{{"http", what.http}};
  if (!what.barco.empty())
    out["barco"] = {{"host", what.barco},
                    {"discovery", what.ports.discovery},
                    {"producer", what.ports.producer},
                    {"consumer", what.ports.consumer},
                    {"metrics", what.ports.metrics},
                    {"binary", what.ports.binary}};
  return out.dump();
}

std::optional<node_addresses> decode_addresses(std::string_view bytes) {
  auto in = nlohmann::json::parse(bytes, nullptr, false);
  if (!in.is_object())
    return std::nullopt;
  try {
    node_addresses out;
    out.http = in.value("http", "");
    if (auto barco = in.find("barco"); barco != in.end()) {
      out.barco = barco->value("host", "");
      out.ports = {.discovery = barco->value("discovery", std::uint16_t{0}),
                   .producer = barco->value("producer", std::uint16_t{0}),
                   .consumer = barco->value("consumer", std::uint16_t{0}),
                   .metrics = barco->value("metrics", std::uint16_t{0}),
                   .binary = barco->value("binary", std::uint16_t{0})};
    }
    return out;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

} // namespace callboard
