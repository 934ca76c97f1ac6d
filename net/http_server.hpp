// Accepts connections on one io_context; drains them on stop.
#pragma once

#include "actors/log_limit.hpp"
#include "net/http_session.hpp"

#include <memory>
#include <unordered_map>
#include <vector>

namespace callboard {

using tcp_acceptor =
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, http_executor>;

/// Listens at `at` once for each context; the kernel spreads the connections
/// over them (SO_REUSEPORT). Port 0 takes a free one, the same for all. Throws
/// `boost::system::system_error`, `address_in_use` also if the other listener
/// would share its port with us: two brokers never share one by accident.
std::vector<tcp_acceptor>
listen(const std::vector<boost::asio::io_context*>& contexts,
       const boost::asio::ip::tcp::endpoint& at);

/// The connections of one thread, from one listener. No session ever changes
/// its thread. All calls except the constructor on the thread of its
/// io_context: `asio::post` them.
class http_server : public std::enable_shared_from_this<http_server> {
public:
  http_server(tcp_acceptor acceptor, http_handler handler,
              http_options options = {});

  /// From any thread.
  boost::asio::ip::tcp::endpoint endpoint() const { return endpoint_; }

  void start();

  /// Accepts no more, closes idle connections, lets requests in progress finish
  /// and calls `stopped` when the last one has, or was cut off after
  /// `drain_wait_max`. From any thread.
  void stop(std::function<void()> stopped);

  std::size_t sessions() const noexcept { return sessions_.size(); }

private:
  using timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock,
    boost::asio::wait_traits<std::chrono::steady_clock>, http_executor>;

  void accept();
  void on_accepted(tcp_socket socket,
                   const boost::asio::ip::tcp::endpoint& peer);
  void on_session_end(std::uint64_t number, bool refused);
  void on_handshake_over();
  void wait_for_descriptors();
  void drain(std::function<void()> stopped);
  void close_all();

  tcp_acceptor acceptor_;
  boost::asio::ip::tcp::endpoint endpoint_;
  boost::asio::ip::tcp::endpoint peer_; // of the connection being accepted
  timer timer_;
  log_limit log_;
  std::shared_ptr<http_service> service_;
  std::unordered_map<std::uint64_t, std::weak_ptr<http_session>> sessions_;
  std::uint64_t next_session_ = 0;
  std::size_t refused_ = 0; // of the sessions, beyond the budget
  bool paused_ = false;     // accepts again after a handshake
  std::function<void()> stopped_;
};

} // namespace callboard
