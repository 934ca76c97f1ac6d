// A blocking HTTP client for tests: one connection, whole answers or raw bytes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace callboard::test {

/// Speaks HTTP on one connection to 127.0.0.1. Every call blocks; a connection
/// that ends early throws `boost::system::system_error`.
class http_client {
public:
  using response =
    boost::beast::http::response<boost::beast::http::string_body>;

  explicit http_client(std::uint16_t port) : socket_(context_) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.set_option(boost::asio::ip::tcp::no_delay{true});
  }

  void send(std::string_view bytes) {
    boost::asio::write(socket_, boost::asio::buffer(bytes));
  }

  /// For a peer that may have closed already. False if it has.
  bool try_send(std::string_view bytes) {
    boost::system::error_code ec;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ec);
    return !ec;
  }

  /// `lines`: headers, whole lines.
  void send_request(std::string_view method, std::string_view target,
                    std::string_view lines = {}, std::string_view body = {}) {
    std::string bytes{method};
    bytes.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
    bytes.append(lines);
    if (!body.empty())
      bytes.append("Content-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n");
    send(bytes.append("\r\n").append(body));
  }

  /// `head`: the answer to a HEAD, which has no body whatever its length says.
  response receive(bool head = false) {
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    parser.body_limit(boost::none);
    parser.skip(head);
    auto buffer = boost::asio::dynamic_buffer(input_);
    boost::beast::http::read(socket_, buffer, parser);
    return parser.release();
  }

  response request(std::string_view method, std::string_view target,
                   std::string_view lines = {}, std::string_view body = {}) {
    send_request(method, target, lines, body);
    return receive(method == "HEAD");
  }

  response get(std::string_view target, std::string_view lines = {}) {
    return request("GET", target, lines);
  }

  response post(std::string_view target, std::string_view body,
                std::string_view lines = {}) {
    return request("POST", target, lines, body);
  }

  /// Up to and without the next empty line.
  std::string receive_head() {
    auto size = boost::asio::read_until(
      socket_, boost::asio::dynamic_buffer(input_), "\r\n\r\n");
    auto text = input_.substr(0, size - 4);
    input_.erase(0, size);
    return text;
  }

  /// What comes next, at least a byte.
  std::string receive_some() {
    if (input_.empty()) {
      input_.resize(std::size_t{64} << 10);
      boost::system::error_code ec;
      input_.resize(socket_.read_some(boost::asio::buffer(input_), ec));
      if (ec)
        throw boost::system::system_error{ec};
    }
    return std::exchange(input_, {});
  }

  /// All that comes until the server closes.
  std::string receive_all() {
    boost::system::error_code ec;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(input_), ec);
    return std::exchange(input_, {});
  }

  /// Waits until the server has closed the connection.
  bool closed() {
    char byte = 0;
    boost::system::error_code ec;
    boost::asio::read(socket_, boost::asio::buffer(&byte, 1), ec);
    return ec == boost::asio::error::eof
           || ec == boost::asio::error::connection_reset;
  }

  /// No more requests will come; answers are still read.
  void close_output() {
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send);
  }

  void close() { socket_.close(); }

  /// At once: what the server writes from now on fails.
  void reset() {
    socket_.set_option(boost::asio::socket_base::linger{true, 0});
    socket_.close();
  }

  boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }

private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
  std::string input_; // not yet looked at
};

} // namespace callboard::test
