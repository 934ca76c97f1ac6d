// All that a node listens on: HTTP, and what the Barco dialect has.
#pragma once

#include "listening.hpp"
#include "net/barco_options.hpp"
#include "net/producer_server.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace callboard {

/// Opens every address, then serves: the Barco dialect's discovery and metrics,
/// its producers, its consumers, then HTTP, which tells that the node is live.
class listeners {
public:
  /// Throws `listen_failure`; then nothing is served.
  explicit listeners(const listened_node& of);

  /// Stops and ends what has not been.
  ~listeners();
  listeners(const listeners&) = delete;
  listeners& operator=(const listeners&) = delete;

  /// No new requests; those in progress are answered (at most
  /// `limits::drain_wait_max`).
  void stop();

  /// Ends the actors that asked for requests: after `stop`, and after the
  /// broker's actors.
  void end_actors();

  /// Of HTTP, as bound.
  std::uint16_t port() const noexcept { return port_; }

  /// Of the Barco dialect, as bound; nothing if it is off.
  const std::optional<barco_ports>& barco() const noexcept { return barco_; }

private:
  void prepare_threads();
  void make_services(const boost::asio::ip::tcp::endpoint& at);
  void serve_http(std::vector<tcp_acceptor> acceptors);

  listened_node of_;
  listening all_;
  std::vector<std::shared_ptr<http_server>> servers_;
  std::vector<std::shared_ptr<producer_server>> producers_;
  std::uint16_t port_ = 0;
  std::optional<barco_ports> barco_;
};

} // namespace callboard
