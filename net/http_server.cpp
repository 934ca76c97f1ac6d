// Listening, the set of open sessions, and the drain.
#include "net/http_server.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace callboard {

using boost::asio::ip::tcp;

namespace {

// Asio has no name for it.
using reuse_port =
  boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

// Clients beyond the budget are told so; beyond this too they are cut off.
constexpr std::size_t refused_connections_max = 100;

// Without descriptors accept fails at once, again and again.
constexpr auto descriptor_wait = std::chrono::milliseconds{50};

} // namespace

std::vector<tcp_acceptor>
listen(const std::vector<boost::asio::io_context*>& contexts,
       const tcp::endpoint& at) {
  std::vector<tcp_acceptor> out;
  auto where = at;
  for (auto* context : contexts) {
    auto& acceptor = out.emplace_back(context->get_executor());
    acceptor.open(where.protocol());
    acceptor.set_option(tcp_acceptor::reuse_address{true});
    // Only the listeners after the first share the port when they bind, so the
    // first one fails if anybody else has it, shared or not.
    if (out.size() > 1)
      acceptor.set_option(reuse_port{true});
    acceptor.bind(where);
    acceptor.listen(boost::asio::socket_base::max_listen_connections);
    if (out.size() == 1)
      acceptor.set_option(reuse_port{true});
    where = acceptor.local_endpoint();
  }
  return out;
}

http_server::http_server(tcp_acceptor acceptor, http_handler handler,
                         http_options options)
    : acceptor_(std::move(acceptor)), endpoint_(acceptor_.local_endpoint()),
      timer_(acceptor_.get_executor()),
      service_(std::make_shared<http_service>()) {
  service_->handler = std::move(handler);
  service_->options = std::move(options);
  service_->handshake_over = [this] { on_handshake_over(); };
}

void http_server::start() {
  accept();
}

void http_server::accept() {
  acceptor_.async_accept(
    peer_, [self = shared_from_this()](boost::system::error_code ec,
                                       tcp_socket socket) {
      if (!self->acceptor_.is_open())
        return;
      if (!ec)
        self->on_accepted(std::move(socket), self->peer_);
      if (ec == boost::system::errc::too_many_files_open
          || ec == boost::system::errc::too_many_files_open_in_system
          || ec == boost::system::errc::no_buffer_space
          || ec == boost::system::errc::not_enough_memory)
        return self->wait_for_descriptors();
      if (self->service_->handshakes < self->service_->options.handshakes_max)
        self->accept();
      else
        self->paused_ = true;
    });
}

void http_server::on_handshake_over() {
  if (std::exchange(paused_, false) && acceptor_.is_open())
    accept();
}

void http_server::wait_for_descriptors() {
  if (auto more = log_.pass("descriptors"))
    spdlog::warn("cannot accept connections: no descriptors left port={} "
                 "suppressed={}",
                 endpoint_.port(), *more);
  timer_.expires_after(descriptor_wait);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    if (!ec && self->acceptor_.is_open())
      self->accept();
  });
}

void http_server::on_accepted(tcp_socket socket, const tcp::endpoint& peer) {
  auto& options = service_->options;
  bool refused = !options.budgets->connections.take(1);
  // One that speaks TLS would have to be served before it could be told.
  if (refused && (options.tls || refused_ == refused_connections_max))
    return;
  boost::system::error_code ec;
  socket.set_option(tcp::no_delay{true}, ec);
  socket.non_blocking(true, ec);
  auto tls =
    options.tls && !ec ? options.tls->accept(socket.native_handle()) : nullptr;
  if (ec || (options.tls && !tls)) {
    if (!refused)
      options.budgets->connections.give(1);
    return;
  }
  auto number = next_session_++;
  // The server outlives its sessions: each holds it through this callback.
  auto session = std::make_shared<http_session>(
    http_stream{std::move(socket), std::move(tls)}, peer.address().to_string(),
    service_, [self = shared_from_this(), number, refused] {
      self->on_session_end(number, refused);
    });
  sessions_.emplace(number, session);
  options.counts->opened();
  if (refused) {
    ++refused_;
    session->start_refused();
  } else
    session->start();
}

void http_server::on_session_end(std::uint64_t number, bool refused) {
  sessions_.erase(number);
  if (refused)
    --refused_;
  else
    service_->options.budgets->connections.give(1);
  service_->options.counts->closed();
  if (sessions_.empty() && stopped_) {
    timer_.cancel();
    std::exchange(stopped_, nullptr)();
  }
}

void http_server::stop(std::function<void()> stopped) {
  // Later: a handler may ask for it, and its session is busy now.
  boost::asio::post(
    acceptor_.get_executor(),
    [self = shared_from_this(), s = std::move(stopped)] { self->drain(s); });
}

void http_server::drain(std::function<void()> stopped) {
  stopped_ = std::move(stopped);
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  auto open = sessions_; // drain() may end a session, which changes the map
  for (auto& [number, weak] : open)
    if (auto session = weak.lock())
      session->drain();
  if (sessions_.empty()) {
    if (stopped_)
      std::exchange(stopped_, nullptr)();
    return;
  }
  timer_.expires_after(service_->options.drain_wait_max);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    if (!ec)
      self->close_all();
  });
}

void http_server::close_all() {
  auto open = sessions_;
  for (auto& [number, weak] : open)
    if (auto session = weak.lock())
      session->close();
}

} // namespace callboard
