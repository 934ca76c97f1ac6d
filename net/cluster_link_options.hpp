// What a cluster's links are told, and what they tell.
#pragma once

#include "net/cluster_handshake.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace callboard {

/// A node that is dialled, and whose connection is accepted. `host` is a name
/// or an address; names are resolved anew at each attempt.
struct cluster_peer {
  node_id id = 0;
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const cluster_peer&) const = default;
};

struct cluster_link_options {
  node_id self = 0;
  std::string cluster; // its name, the same on all nodes; at most 255 bytes
  std::string secret;  // the same on all nodes, never sent
  std::string hello;   // opaque, for the peers; at most 4 KiB
  boost::asio::ip::tcp::endpoint listen; // port 0: a free one
  std::vector<cluster_peer> peers;       // `self` among them is skipped

  /// A longer body is not sent, and a peer that announces one is cut off.
  std::size_t body_bytes_max = std::size_t{64} << 20;

  /// Frames for one peer that are not with the kernel yet, with 64 bytes for
  /// each. Kind 1 (raft) may use all of it, other kinds three quarters, or
  /// seven eighths for bodies up to 32 bytes.
  std::size_t waiting_bytes_max = std::size_t{64} << 20;

  /// A connection with nothing to send says so this often. The other side
  /// acknowledges what it hears at least as often, in the middle of a long
  /// frame too.
  std::chrono::milliseconds keep_alive_interval{500};

  /// A peer that is silent for so long is cut off.
  std::chrono::milliseconds silence_max{3'000};

  /// For a TCP connection to one address, and for the whole handshake.
  std::chrono::milliseconds connect_wait_max{2'000};
  std::chrono::milliseconds handshake_wait_max{2'000};

  /// Between two attempts: doubles up to the second, and the half of it is
  /// random.
  std::chrono::milliseconds retry_wait_min{20};
  std::chrono::milliseconds retry_wait_max{1'000};

  /// Accepted connections that have not proved themselves; one more, and the
  /// oldest is cut off.
  std::size_t half_open_max = 32;
};

/// All are called on the link's own thread, and must neither block it nor
/// throw. A peer has two connections: one that we dialled, to send on, and one
/// that it dialled.
struct cluster_link_events {
  /// A connection to or from the peer stands (called for each), with what the
  /// peer says of itself. Nothing comes from it before.
  std::function<void(node_id, const std::string& hello)> up;

  /// A connection to or from the peer is over (called for each that was up):
  /// what was sent, or is awaited from it, may be lost. Of what it lost a
  /// connection loses the end: no gaps, no repeats.
  std::function<void(node_id)> down;

  /// A frame, in the order of sending, at most once. `kind` is not 0.
  std::function<void(node_id, std::uint8_t kind, std::string body)> received;
};

struct cluster_link_status {
  cluster_peer peer;
  bool connected = false; // to it: `send` works
  bool accepted = false;  // from it
  std::size_t bytes_waiting = 0;
  std::uint64_t frames_sent = 0; // or being written
  std::uint64_t bytes_sent = 0;  // of these frames
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_received = 0; // with handshakes and signs of life
  std::uint64_t frames_dropped =
    0; // not taken by `send`, or lost with a connection
  std::uint64_t connections = 0; // to it, that passed the handshake
  std::uint64_t cut_offs = 0;    // connections in both directions we gave up
  std::optional<std::chrono::milliseconds> silent_for; // none: never heard
};

} // namespace callboard
