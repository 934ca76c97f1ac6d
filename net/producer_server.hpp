// Accepts binary producers on one io_context; drains them on stop.
#pragma once

#include "actors/log_limit.hpp"
#include "net/http_server.hpp"
#include "net/producer_session.hpp"

#include <functional>
#include <memory>
#include <unordered_map>

namespace callboard {

/// The connections of one thread, from one listener. All calls except the
/// constructor and `endpoint` on the thread of its io_context.
class producer_server : public std::enable_shared_from_this<producer_server> {
public:
  producer_server(tcp_acceptor acceptor,
                  std::shared_ptr<producer_service> service);

  /// From any thread.
  boost::asio::ip::tcp::endpoint endpoint() const { return endpoint_; }

  void start();

  /// Accepts no more; `stopped` is called when all that was read is answered,
  /// or after `limits::drain_wait_max`. From any thread.
  void stop(std::function<void()> stopped);

  std::size_t sessions() const noexcept { return sessions_.size(); }

private:
  using timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock,
    boost::asio::wait_traits<std::chrono::steady_clock>, http_executor>;

  void accept();
  void on_accepted(producer_session::socket socket);
  void on_closed(std::uint64_t number);
  void drain(std::function<void()> stopped);

  tcp_acceptor acceptor_;
  boost::asio::ip::tcp::endpoint endpoint_;
  timer timer_;
  log_limit log_;
  std::shared_ptr<producer_service> service_;
  std::unordered_map<std::uint64_t, std::weak_ptr<producer_session>> sessions_;
  std::uint64_t next_session_ = 0;
  std::function<void()> stopped_;
};

} // namespace callboard
