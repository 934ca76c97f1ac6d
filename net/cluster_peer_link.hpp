// Everything between this node and one other.
#pragma once

#include "net/cluster_connection.hpp"
#include "net/cluster_outbox.hpp"

#include <atomic>
#include <deque>

namespace callboard {

/// Keeps a connection to the peer, dials anew when it breaks, and holds the one
/// that the peer dialled.
///
///   waiting --timer--> looking up --> connecting --handshake--> up
///      ^--------------------- any failure --------------------'
class cluster_peer_link
    : public std::enable_shared_from_this<cluster_peer_link>,
      public cluster_connection_owner {
public:
  cluster_peer_link(cluster_link_context& link, cluster_peer peer);

  /// Any thread.
  bool send(std::uint8_t kind, std::string body);

  bool connected() const { return outbox_.is_open(); }

  /// Any thread; the peer's address is the caller's to know.
  cluster_link_status status() const;

  // On the link's thread.

  void start();

  /// Closes both connections; it ends with what is in progress.
  void stop();

  /// Dials this from the next attempt on.
  void set_address(cluster_peer peer);

  /// Takes over what the peer dialled, which is up; in place of an older one.
  void adopt(std::shared_ptr<cluster_connection> accepted);

private:
  void on_up(cluster_connection& one) override;
  void on_heard(cluster_connection& one, std::size_t bytes) override;
  void on_frame(cluster_connection& one, cluster_frame frame) override;
  void on_written(cluster_connection& one) override;
  void on_closed(cluster_connection& one, const std::string& why,
                 bool cut) override;

  void look_up();
  void connect_next();
  void dial_later();
  void flush();
  void log_unknown(const std::string& why);
  void log_closed(const cluster_connection& one, const std::string& why);

  cluster_link_context& link_;
  cluster_peer peer_;
  cluster_outbox outbox_;
  boost::asio::ip::basic_resolver<boost::asio::ip::tcp, cluster_executor>
    resolver_;
  cluster_timer timer_;
  std::deque<boost::asio::ip::tcp::endpoint> addresses_; // not tried yet
  std::shared_ptr<cluster_connection> to_;
  std::shared_ptr<cluster_connection> from_;
  std::chrono::milliseconds retry_wait_;
  cluster_clock::time_point up_since_;
  bool waiting_ = false; // to dial
  bool stopped_ = false;

  // Read by any thread.
  std::atomic<bool> accepted_ = false;
  std::atomic<std::uint64_t> frames_sent_ = 0;
  std::atomic<std::uint64_t> bytes_sent_ = 0;
  std::atomic<std::uint64_t> frames_received_ = 0;
  std::atomic<std::uint64_t> bytes_received_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<std::uint64_t> cut_offs_ = 0;
  std::atomic<cluster_clock::rep> heard_ = 0; // 0: never
};

} // namespace callboard
