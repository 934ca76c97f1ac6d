// A load client: many keep-alive connections on one thread, little work an
// answer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callboard::bench {

using bench_clock = std::chrono::steady_clock;

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

/// Latencies in microseconds; sorted when asked.
class latencies {
public:
  void add(bench_clock::duration d) {
    us_.push_back(std::uint32_t(d / std::chrono::microseconds{1}));
  }

  double ms(double share) {
    if (us_.empty())
      return 0;
    std::sort(us_.begin(), us_.end());
    auto at = std::min(us_.size() - 1, std::size_t(double(us_.size()) * share));
    return us_[at] / 1000.0;
  }

  std::size_t size() const { return us_.size(); }

private:
  std::vector<std::uint32_t> us_;
};

/// User and system time of a process, all threads.
inline double cpu_seconds(long pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(in, text);
  unsigned long user = 0;
  unsigned long system = 0;
  auto name_end = text.rfind(')');
  if (name_end == std::string::npos
      || std::sscanf(text.c_str() + name_end + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                     &user, &system)
           != 2)
    return 0;
  return double(user + system) / double(sysconf(_SC_CLK_TCK));
}

/// Resident memory of a process in MB.
inline double rss_mb(long pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/statm"};
  double pages = 0;
  in >> pages >> pages;
  return pages * double(sysconf(_SC_PAGESIZE)) / 1e6;
}

} // namespace callboard::bench
