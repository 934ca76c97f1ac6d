// A load client: many keep-alive connections on one thread, little work an
// answer.
#pragma once

#include "bench/measures.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callboard::bench {

/// An answer; the views live until the next request of its connection.
struct http_reply {
  unsigned status = 0;
  std::string_view head;
  std::string_view body;
};

/// One connection: `send` writes a request, `on_reply` gets what comes back.
/// Understands answers with a Content-Length, which ours always have.
class connection {
public:
  connection(boost::asio::io_context& io, std::uint16_t port) : socket_(io) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.set_option(boost::asio::ip::tcp::no_delay{true});
  }

  std::function<void(const http_reply&)> on_reply;

  void send(std::string request) {
    request_ = std::move(request);
    sent = bench_clock::now();
    have_ = 0;
    boost::asio::async_write(socket_, boost::asio::buffer(request_),
                             [this](boost::system::error_code ec, std::size_t) {
                               if (!ec)
                                 receive();
                             });
  }

  bench_clock::time_point sent;

private:
  void receive() {
    if (buffer_.size() - have_ < 65'536)
      buffer_.resize(std::max<std::size_t>(131'072, buffer_.size() * 2));
    socket_.async_read_some(
      boost::asio::buffer(buffer_.data() + have_, buffer_.size() - have_),
      [this](boost::system::error_code ec, std::size_t n) {
        if (ec)
          return;
        have_ += n;
        http_reply reply;
        if (!parse(reply))
          return receive();
        on_reply(reply);
      });
  }

  bool parse(http_reply& out) const {
    std::string_view all{buffer_.data(), have_};
    auto end = all.find("\r\n\r\n");
    if (end == std::string_view::npos)
      return false;
    auto at = all.find("Content-Length: ");
    std::size_t length = 0;
    if (at < end)
      std::from_chars(all.data() + at + 16, all.data() + end, length);
    if (all.size() < end + 4 + length)
      return false;
    std::from_chars(all.data() + 9, all.data() + 12, out.status);
    out.head = all.substr(0, end);
    out.body = all.substr(end + 4, length);
    return true;
  }

  boost::asio::ip::tcp::socket socket_;
  std::string request_;
  std::string buffer_;
  std::size_t have_ = 0;
};

} // namespace callboard::bench
