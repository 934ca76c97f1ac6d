// The links of one node to all others: frames out, frames in.
#pragma once

#include "net/cluster_link_options.hpp"

#include <memory>

namespace callboard {

/// Dials every peer and sends to it on that connection only; accepts one
/// connection of each and only receives on it. So what one node sends to
/// another arrives in order and at most once. Peers prove to each other that
/// they know the cluster's secret (`cluster_handshake`); it may be empty, and
/// then anyone who reaches the port is believed. Owns a thread, on which all of
/// it happens.
class cluster_link {
public:
  /// Listens, and begins to dial. Throws `boost::system::system_error` if it
  /// cannot listen.
  cluster_link(cluster_link_options options, cluster_link_events events);

  cluster_link(const cluster_link&) = delete;
  cluster_link& operator=(const cluster_link&) = delete;

  /// Closes all connections and ends the thread; no event is called any more
  /// when it returns. Waits for a look-up of a name that is in progress.
  ~cluster_link();

  /// Where it listens. Any thread.
  boost::asio::ip::tcp::endpoint endpoint() const;

  /// Hands over a frame. `kind` is not 0, which is the link's own. Any thread;
  /// never blocks. False: the frame is dropped, because there is no connection
  /// to the peer, too much waits for it, or the body is too long. True promises
  /// nothing but that it is sent if the connection lasts.
  bool send(node_id to, std::uint8_t kind, std::string body);

  /// Whether there is a connection to send on. Any thread.
  bool connected(node_id to) const;

  /// Drops peers that are not named and dials those that are new. A peer whose
  /// address changed keeps a connection that stands. Any thread; takes effect
  /// soon after it returns.
  void set_peers(std::vector<cluster_peer> peers);

  /// Of all peers, by id. Any thread.
  std::vector<cluster_link_status> status() const;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace callboard
