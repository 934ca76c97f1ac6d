// Answers whose body comes part by part, over real sockets.
#include "tests/support/h2_client.hpp"
#include "tests/support/streaming_handler.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::answer_stream_test {

using namespace std::chrono_literals;

namespace {

/// A server, and one client of it.
struct streaming_server : streaming_handler {
  explicit streaming_server(http_options options = {})
      : server(handler(), std::move(options)), client(server.port()) {}

  bool write(const answer_stream& to, std::string part) {
    return server.on_thread([&] { return to.write(part); });
  }

  /// Also lets go of it on the server's thread.
  void end(answer_stream stream) {
    server.on_thread([&] {
      stream.end();
      return true;
    });
  }

  http_fixture server;
  http_client client;
};

std::string until(http_client& from, std::string_view end) {
  std::string out;
  while (!out.ends_with(end))
    out += from.receive_some();
  return out;
}

} // namespace

TEST_CASE("an answer comes in chunks, and the connection is used again") {
  streaming_server s;
  s.client.send_request("GET", "/");
  auto stream = s.take(0);
  auto head = s.client.receive_head();
  CHECK(head.find("Transfer-Encoding: chunked") != std::string::npos);
  CHECK(head.find("Content-Length") == std::string::npos);
  CHECK(s.write(stream, "first"));
  CHECK(until(s.client, "\r\nfirst\r\n") == "5\r\nfirst\r\n");
  CHECK(s.write(stream, ""));
  CHECK(s.write(stream, std::string(20, 'x')));
  until(s.client, "xxx\r\n");
  s.end(stream);
  CHECK(until(s.client, "\r\n\r\n") == "0\r\n\r\n");
  CHECK(!s.write(stream, "too late"));
  s.client.send_request("GET", "/again");
  s.end(s.take(1));
  CHECK(s.client.receive().body().empty());
}

TEST_CASE("an answer that nobody holds any more ends") {
  streaming_server s;
  s.client.send_request("GET", "/");
  {
    auto stream = s.take(0);
    s.write(stream, "all of it");
  }
  CHECK(s.client.receive().body() == "all of it");
}

TEST_CASE("a client of HTTP/1.0 reads up to the connection's end") {
  streaming_server s;
  s.client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  auto stream = s.take(0);
  auto head = s.client.receive_head();
  CHECK(head.find("Connection: close") != std::string::npos);
  CHECK(head.find("chunked") == std::string::npos);
  s.write(stream, "some");
  s.end(stream);
  CHECK(s.client.receive_all() == "some");
}

TEST_CASE("HEAD has no parts") {
  streaming_server s;
  CHECK(s.client.request("HEAD", "/").body().empty());
}

TEST_CASE("requests behind a streamed answer wait for its end") {
  streaming_server s;
  s.client.send_request("GET", "/0");
  s.client.send_request("GET", "/1");
  auto first = s.take(0);
  s.write(first, "0");
  s.end(first);
  CHECK(s.client.receive().body() == "0");
  auto second = s.take(1);
  s.write(second, "1");
  s.end(second);
  CHECK(s.client.receive().body() == "1");
}

TEST_CASE("a stream has no deadline, and an idle one is not cut off") {
  streaming_server s{
    {.idle_wait_max = 50ms, .answer_wait_max = 50ms, .write_wait_max = 50ms}};
  s.client.send_request("GET", "/");
  auto stream = s.take(0);
  s.client.receive_head();
  http_client other{s.server.port()}; // what cuts off the idle
  CHECK(other.closed());
  CHECK(s.write(stream, "still here"));
  s.end(stream);
  CHECK(until(s.client, "0\r\n\r\n").find("still here") != std::string::npos);
}

TEST_CASE("whoever streams hears that its client has gone") {
  streaming_server s;
  s.client.send_request("GET", "/");
  auto stream = s.take(0);
  s.client.receive_head();
  s.client.close();
  CHECK(s.gone(1));
  CHECK(!s.write(stream, "nobody reads it"));
  CHECK(s.server.on_thread([&] { return stream.unwritten(); }) == 0);
}

TEST_CASE("a client that does not read is given up, and what waits is told") {
  streaming_server s{{.write_wait_max = 200ms}};
  s.client.socket().set_option(
    boost::asio::socket_base::receive_buffer_size{4096});
  s.client.send_request("GET", "/");
  auto stream = s.take(0);
  std::size_t waits = 0;
  for (int i = 0; i < 1000 && waits == 0; ++i) {
    s.write(stream, std::string(64 << 10, 'x'));
    waits = s.server.on_thread([&] { return stream.unwritten(); });
  }
  CHECK(waits > 0);
  CHECK(s.gone(1));
}

TEST_CASE("streams that wait for their clients have a budget together") {
  http_options options;
  options.budgets =
    std::make_shared<http_budgets>(http_bounds{.sending_bytes = 1 << 20});
  streaming_server s{options};
  s.client.send_request("GET", "/");
  auto stream = s.take(0);
  int written = 0;
  while (written < 100'000 && s.write(stream, std::string(64 << 10, 'x')))
    ++written;
  CHECK(written < 100'000);
}

TEST_CASE("what a client took of a stream does not stay, though it is always "
          "behind") {
  constexpr std::size_t behind = 9 << 20; // more than the kernel takes at once
  http_options options;
  options.budgets =
    std::make_shared<http_budgets>(http_bounds{.sending_bytes = 3 * behind});
  streaming_server s{options};
  s.client.send_request("GET", "/");
  auto stream = s.take(0);
  auto unwritten = [&] {
    return s.server.on_thread([&] { return stream.unwritten(); });
  };
  std::string part(64 << 10, 'x');
  for (std::size_t sent = 0; sent < 8 * behind; sent += part.size()) {
    while (unwritten() >= behind)
      s.client.receive_some();
    REQUIRE(s.write(stream, part));
  }
  CHECK(options.budgets->sending.used() <= 3 * behind);
}

TEST_CASE("a stop tells who streams, and waits for the end of the streams") {
  streaming_server s;
  s.client.send_request("GET", "/");
  auto stream = s.take(0);
  s.client.receive_head();
  auto stopped = s.server.begin_stop();
  CHECK(s.stopping(1));
  s.write(stream, "goodbye");
  CHECK(until(s.client, "goodbye\r\n").size() > 7);
  s.end(stream);
  CHECK(until(s.client, "0\r\n\r\n") == "0\r\n\r\n");
  CHECK(s.client.closed());
  stopped.wait();
}

TEST_CASE("an answer comes part by part over HTTP/2 too, beside others") {
  streaming_handler streams;
  http_fixture server{[by = streams.handler()](http_request& request,
                                               const http_exchange& exchange) {
                        if (request.target() == "/stream")
                          by(request, exchange);
                        else
                          exchange.answer({.body = "whole"});
                      },
                      {.h2c = true}};
  h2_client client{server.port()};
  auto id = client.peer.request("GET", "/stream");
  client.send();
  auto stream = streams.take(0);
  auto write = [&](std::string part) {
    return server.on_thread([&] { return stream.write(part); });
  };
  CHECK(write("one "));
  client.run([&] { return client.peer[id].body == "one "; });
  CHECK(client.peer[id].header("content-length").empty());
  CHECK(client.get("/whole").body == "whole");
  CHECK(write("two"));
  client.run([&] { return client.peer[id].body == "one two"; });
  CHECK(!client.peer[id].complete);
  server.on_thread([&] {
    stream.end();
    return true;
  });
  client.receive(id);
  CHECK(client.peer[id].complete);

  auto second = client.peer.request("GET", "/stream");
  client.send();
  stream = streams.take(1);
  client.peer.reset(second);
  client.send();
  CHECK(streams.gone(1));
  CHECK(!write("nobody reads it"));
}

} // namespace callboard::test::answer_stream_test
