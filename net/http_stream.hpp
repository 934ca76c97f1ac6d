// A connection's bytes: in the clear, or through TLS.
#pragma once

#include "net/http.hpp"
#include "net/tls.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <memory>
#include <utility>

namespace callboard {

using tcp_socket =
  boost::asio::basic_stream_socket<boost::asio::ip::tcp, http_executor>;

/// A non-blocking socket that may speak TLS. What cannot be done at once fails
/// with `would_block`, and is tried again after `wait_readable` or
/// `wait_writable`. In the clear each call is the socket's own.
class http_stream {
public:
  using error_code = boost::system::error_code;

  /// `tls`: null for a plain connection.
  http_stream(tcp_socket socket, std::unique_ptr<tls_connection> tls)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  bool secure() const noexcept { return tls_ != nullptr; }

  http_executor executor() { return socket_.get_executor(); }

  /// Of a secure one, before anything else.
  void handshake(error_code& ec) { tls_->handshake(ec); }

  /// `to`: at least 16 KiB. Only what the socket has not given yet makes it
  /// readable: nothing is kept here.
  std::size_t read_some(std::span<char> to, error_code& ec) {
    return tls_
             ? tls_->read_some(to, ec)
             : socket_.read_some(boost::asio::buffer(to.data(), to.size()), ec);
  }

  /// `head`, then `body`. After `would_block` again from the same byte on;
  /// there may be more behind it then.
  std::size_t write_some(std::string_view head, std::string_view body,
                         error_code& ec) {
    if (tls_)
      return tls_->write_some(head.empty() ? body : head, ec);
    std::array<boost::asio::const_buffer, 2> all{
      boost::asio::const_buffer{head.data(), head.size()},
      boost::asio::const_buffer{body.data(), body.size()}};
    return socket_.write_some(all, ec);
  }

  template <class Handler>
  void wait_readable(Handler handler) {
    socket_.async_wait(tls_ && tls_->waits_for_room() ? tcp_socket::wait_write
                                                      : tcp_socket::wait_read,
                       std::move(handler));
  }

  template <class Handler>
  void wait_writable(Handler handler) {
    socket_.async_wait(tcp_socket::wait_write, std::move(handler));
  }

  /// Nothing more will be written.
  void end_output() {
    error_code ignored;
    if (tls_)
      tls_->end();
    socket_.shutdown(tcp_socket::shutdown_send, ignored);
  }

  void close() {
    error_code ignored;
    if (tls_)
      tls_->end();
    socket_.close(ignored);
  }

private:
  tcp_socket socket_;
  std::unique_ptr<tls_connection> tls_;
};

} // namespace callboard
