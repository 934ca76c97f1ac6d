// What nodes of a cluster tell each other of themselves.
#pragma once

#include "net/barco_options.hpp"
#include "net/options.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// Where a node's clients find it.
struct node_addresses {
  std::string http;    // http://host:port
  std::string barco;   // host; empty: it is off
  barco_ports ports{}; // of Barco's listeners
};

/// Of this node: what it listens on, unless it is told to advertise something
/// else. An address that stands for all of the machine's is replaced by the
/// host that `--peers` names.
node_addresses own_addresses(const options& settings, std::uint16_t http_port,
                             const std::optional<barco_ports>& barco);

/// As it stands before a port: an IPv6 address in brackets.
std::string url_host(const std::string& host);

/// Hosts of the nodes that Barco's clients can use, in the order of `peers`: as
/// a node tells it; until it was heard of, as `--peers` names it.
std::vector<std::string>
barco_hosts(const std::vector<peer_address>& peers,
            const std::map<std::uint64_t, node_addresses>& heard);

/// Discovery tells one set of ports for all nodes: logs if another node has
/// other ones than this, which clients would not find.
void warn_of_other_ports(const node_addresses& own,
                         const node_addresses& other);

/// As bytes for the handshake, and back; nothing for what is none.
std::string encode(const node_addresses& what);
std::optional<node_addresses> decode_addresses(std::string_view bytes);

} // namespace callboard
