// All that a node listens on: HTTP, and what the Barco dialect has.
#pragma once

#include "barco_listeners.hpp"
#include "forwarding.hpp"
#include "listening.hpp"
#include "net/barco_options.hpp"
#include "net/producer_server.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace callboard {

/// Opens every address. Until `lead` only what needs no actors is answered; all
/// else gets 503.
class listeners {
public:
  /// Throws `listen_failure`; then nothing is served.
  explicit listeners(const listened_node& of);

  /// Stops and ends what has not been.
  ~listeners();
  listeners(const listeners&) = delete;
  listeners& operator=(const listeners&) = delete;

  /// Accepts connections: the Barco dialect's discovery and metrics, its
  /// producers, its consumers, then HTTP, which tells that the node is live.
  void start();

  /// From now on these actors answer. Blocks until each thread knows.
  void lead(const running_broker& broker);

  /// They do not any more. Blocks until each thread knows.
  void leave();

  /// Of a cluster's node that leads: what is new waits for the next leader.
  /// Returns how much is still in progress; call it again.
  std::size_t hold();

  /// Of a cluster's node; null if it stands alone.
  forwarding* cluster() noexcept { return forwarding_.get(); }

  /// No new requests; those in progress are answered (at most
  /// `limits::drain_wait_max`).
  void stop();

  /// Ends the actors that asked for requests: after `stop` or `leave`, and
  /// after the broker's actors.
  void end_askers();

  /// Of HTTP, as bound.
  std::uint16_t port() const noexcept { return port_; }

  /// Of the Barco dialect, as bound; nothing if it is off.
  const std::optional<barco_ports>& barco() const noexcept { return barco_; }

private:
  void prepare_threads();
  serving_thread serve_thread(const running_broker& broker);
  http_handler make_eventstore(const serving_thread& thread,
                               const running_broker& broker, bool leads) const;
  void on_each_thread(const std::function<void(std::size_t)>& run);
  void answer_alone();
  void end(const caf::actor& asker);

  listened_node of_;
  listening all_;
  std::vector<tcp_acceptor> http_;
  std::optional<open_barco> open_barco_;
  barco_counters barco_counters_;
  std::shared_ptr<barco_state> barco_state_;
  std::string own_address_;
  std::vector<serving_thread> serving_;
  std::unique_ptr<forwarding> forwarding_;
  broker_actor absent_; // answers what nobody leads
  std::vector<std::shared_ptr<http_server>> servers_;
  std::vector<std::shared_ptr<producer_server>> producers_;
  std::uint16_t port_ = 0;
  std::optional<barco_ports> barco_;
};

} // namespace callboard
