// What can be set about a node's place in a cluster.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

/// A node as `--peers` names it.
struct peer_address {
  std::uint64_t id = 0;
  std::string host; // name or address
  std::uint16_t port = 0;

  friend bool operator==(const peer_address&, const peer_address&) = default;
};

/// `host:port`, `[::1]:port`.
std::string to_string(const peer_address& peer);

struct cluster_options {
  std::uint64_t node_id = 0; // 0: by the number that the host's name ends with
  std::string listen = "127.0.0.1:2114"; // ADDR:PORT for the other nodes
  std::string address = "127.0.0.1";     // the two parts of it
  std::uint16_t port = 2114;
  std::string peers_text;          // as it was said, and what it means
  std::vector<peer_address> peers; // all nodes, this one too, by id
  std::string secret_file;
  std::uint64_t wal_keep_bytes = std::uint64_t{1} << 30; // for nodes that lag
  bool join = false;           // of a cluster that exists: its nodes know more
  std::string advertise_http;  // HOST:PORT that clients of other nodes are told
  std::string advertise_barco; // HOST

  /// A node without peers stands alone.
  bool on() const { return !peers.empty(); }

  /// Whether the nodes' addresses are all of this machine alone. Names are not.
  bool on_loopback() const;

  /// The node among the peers that this process is: `node_id`, or the one whose
  /// number `host_name` ends with. Null: none of them.
  const peer_address* self(const std::string& host_name) const;
};

/// `1=127.0.0.1:2114,2=127.0.0.2:2114`. Returns what is wrong with it.
std::optional<std::string> read_peers(std::vector<peer_address>& to,
                                      const std::string& text);

/// Listens where `peers` says that this node is; at a name's port on all of the
/// machine's addresses.
void listen_as_peers_say(cluster_options& settings,
                         const std::string& host_name);

/// What is wrong with the settings together, or nothing. `from`: where each
/// value came from, as `options::from`.
std::optional<std::string>
check_cluster(const cluster_options& settings, const std::string& host_name,
              const std::map<std::string, std::string>& from);

} // namespace callboard
