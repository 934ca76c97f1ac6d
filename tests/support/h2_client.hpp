// A blocking client of HTTP/2 for tests: one connection.
#pragma once

#include "tests/support/h2_peer.hpp"
#include "tests/support/http_client.hpp"

#include <array>
#include <string>
#include <string_view>

namespace callboard::test {

/// Speaks HTTP/2 on one connection to 127.0.0.1, by prior knowledge unless told
/// otherwise. Every call blocks; a connection that ends early throws.
class h2_client {
public:
  explicit h2_client(std::uint16_t port, const h2_peer::options& how = {})
      : peer(how), http_(port) {}

  /// Asks for HTTP/2 with a request of HTTP/1.1, whose answer is stream 1's.
  /// `head`: its lines, without those of the upgrade.
  std::string upgrade(std::string_view head) {
    http_.send(std::string{head}
               + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                 "HTTP2-Settings: AAQAAP__\r\n\r\n");
    return http_.receive_head();
  }

  void send() { http_.send(peer.output()); }

  /// Until `done`.
  template <class Condition>
  void run(Condition done) {
    for (;;) {
      http_.send(peer.output());
      if (done())
        return;
      peer.input(http_.receive_some());
    }
  }

  const h2_peer::response& receive(std::int32_t id) {
    run([&] { return peer[id].complete || peer[id].closed; });
    return peer[id];
  }

  const h2_peer::response& get(std::string_view path) {
    return receive(peer.request("GET", path));
  }

  const h2_peer::response& post(std::string_view path, std::string body) {
    return receive(peer.request("POST", path, {}, std::move(body)));
  }

  /// Reads on until the server has closed the connection.
  bool closed() {
    try {
      for (;;)
        peer.input(http_.receive_some());
    } catch (const boost::system::system_error&) {
      return true;
    }
  }

  http_client& connection() noexcept { return http_; }

  void close() { http_.close(); }

  h2_peer peer;

private:
  http_client http_;
};

} // namespace callboard::test
