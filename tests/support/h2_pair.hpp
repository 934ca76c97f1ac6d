// An h2_protocol with a client, both in memory, in virtual time.
#pragma once

#include "net/h2_protocol.hpp"
#include "net/http_writer.hpp"
#include "tests/support/h2_peer.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace callboard::test {

/// Moves bytes and keeps requests, until the test answers them.
class h2_pair {
public:
  explicit h2_pair(http_options how = {},
                   const h2_peer::options& client_how = {})
      : options(std::move(how)), protocol(options, now), client(client_how) {}

  h2_protocol::moment moment() const {
    return {now, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", bound};
  }

  /// Until nobody has more to say.
  void run() {
    for (bool moved = true; moved;) {
      auto to_server = client.output();
      give(to_server);
      auto to_client = produce();
      client.input(to_client);
      moved = !to_server.empty() || !to_client.empty();
    }
  }

  /// To the server, as they are.
  void give(std::string_view bytes) {
    if (bytes.empty())
      return;
    protocol.receive(bytes, moment());
    take();
  }

  void take() {
    while (auto next = protocol.next_request())
      requests.emplace(next->number, std::move(next->request));
    while (auto next = protocol.next_callback())
      next();
  }

  /// What the server has to say, at most 64 KiB at once.
  std::string produce() {
    std::string out;
    for (;;) {
      std::string part;
      protocol.produce(part, 64 << 10);
      if (part.empty())
        return out;
      out += part;
    }
  }

  void answer(std::int32_t id, http_answer what,
              std::string_view header_block = {}) {
    protocol.answer(std::uint64_t(id), std::move(what), header_block, moment());
    take();
  }

  /// A request and its answer, in one go.
  const h2_peer::response& get(std::string_view path) {
    auto id = client.request("GET", path);
    run();
    answer(id, {.body = std::string{path}});
    run();
    return client[id];
  }

  /// As time goes by; late is late.
  void pass(std::chrono::milliseconds time) {
    now += time;
    if (protocol.deadline() <= now)
      protocol.expire(moment());
    take();
    run();
  }

  bool has(std::int32_t id) const {
    return requests.count(std::uint64_t(id)) > 0;
  }

  const http_request& request(std::int32_t id) const {
    return requests.at(std::uint64_t(id));
  }

  http_options options;
  h2_protocol::time_point now{std::chrono::hours{1}};
  bool bound = false; // something is, to the connection
  h2_protocol protocol;
  h2_peer client;
  std::map<std::uint64_t, http_request> requests; // that were handed out
};

} // namespace callboard::test
