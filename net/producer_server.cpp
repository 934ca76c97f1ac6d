// Accept, count, drain.
#include "net/producer_server.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

namespace callboard {

namespace {

// Without descriptors accept fails at once, again and again.
constexpr auto descriptor_wait = std::chrono::milliseconds{50};

} // namespace

producer_server::producer_server(tcp_acceptor acceptor,
                                 std::shared_ptr<producer_service> service)
    : acceptor_(std::move(acceptor)), endpoint_(acceptor_.local_endpoint()),
      timer_(acceptor_.get_executor()), service_(std::move(service)) {}

void producer_server::start() {
  accept();
}

void producer_server::accept() {
  acceptor_.async_accept(
    [self = shared_from_this()](boost::system::error_code ec,
                                producer_session::socket socket) {
      if (!self->acceptor_.is_open())
        return;
      if (!ec) {
        self->on_accepted(std::move(socket));
        return self->accept();
      }
      if (auto more = self->log_.pass(ec.message()))
        spdlog::warn("cannot accept connections: {} port={} suppressed={}",
                     ec.message(), self->endpoint_.port(), *more);
      self->timer_.expires_after(descriptor_wait);
      self->timer_.async_wait([self](boost::system::error_code failed) {
        if (!failed && self->acceptor_.is_open())
          self->accept();
      });
    });
}

void producer_server::on_accepted(producer_session::socket socket) {
  boost::system::error_code ec;
  socket.set_option(boost::asio::ip::tcp::no_delay{true}, ec);
  socket.set_option(boost::asio::socket_base::keep_alive{true}, ec);
  socket.non_blocking(true, ec);
  if (ec || !service_->budgets->connections.take(1))
    return; // the socket closes
  auto number = next_session_++;
  auto session = std::make_shared<producer_session>(
    std::move(socket), service_,
    [self = shared_from_this(), number] { self->on_closed(number); });
  sessions_.emplace(number, session);
  session->start();
}

void producer_server::on_closed(std::uint64_t number) {
  sessions_.erase(number);
  service_->budgets->connections.give(1);
  if (sessions_.empty() && stopped_) {
    timer_.cancel();
    std::exchange(stopped_, nullptr)();
  }
}

void producer_server::stop(std::function<void()> stopped) {
  boost::asio::post(
    acceptor_.get_executor(),
    [self = shared_from_this(), then = std::move(stopped)]() mutable {
      self->drain(std::move(then));
    });
}

void producer_server::drain(std::function<void()> stopped) {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  std::vector<std::shared_ptr<producer_session>> open;
  for (auto& [number, session] : sessions_)
    if (auto alive = session.lock())
      open.push_back(std::move(alive));
  stopped_ = std::move(stopped);
  for (auto& session : open)
    session->drain();
  if (sessions_.empty()) {
    if (auto done = std::exchange(stopped_, nullptr))
      done();
    return;
  }
  timer_.expires_after(limits::drain_wait_max);
  timer_.async_wait([self = shared_from_this(),
                     open = std::move(open)](boost::system::error_code ec) {
    if (!ec)
      for (auto& session : open)
        session->close();
  });
}

} // namespace callboard
