// What a client may not send, and how long it may take.
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

namespace callboard::test::http_limits_test {

using namespace std::chrono_literals;

namespace {

void ok(http_request& request, const http_exchange& exchange) {
  exchange.answer({.body = std::move(request.body)});
}

/// Sends bytes on a connection of their own; checks that it is closed after the
/// answer.
http_client::response refused(http_fixture& server, std::string_view bytes) {
  http_client client{server.port()};
  client.try_send(bytes);
  auto answer = client.receive();
  CHECK(!answer.keep_alive());
  CHECK(answer.body() == answer.reason());
  CHECK(client.closed());
  return answer;
}

unsigned status(http_fixture& server, std::string_view bytes) {
  return refused(server, bytes).result_int();
}

const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";

} // namespace

TEST_CASE("what is too large is refused by name") {
  http_fixture server{ok,
                      {.sizes = {.header_bytes_max = 1024,
                                 .target_bytes_max = 256,
                                 .body_bytes_max = 100}}};
  auto get = [](const std::string& target, const std::string& headers) {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
  };
  auto x = [](std::size_t n) { return std::string(n, 'x'); };
  auto long_target = refused(server, get("/" + x(256), ""));
  CHECK(long_target.result_int() == 414);
  CHECK(long_target.body() == "Request targets are limited to 256 bytes");
  CHECK(status(server, get("/" + x(5000), "")) == 414);
  auto long_header = refused(server, get("/", "X: " + x(1100) + "\r\n"));
  CHECK(long_header.result_int() == 431);
  CHECK(long_header.body().find("1024 bytes") != std::string::npos);
  std::string many;
  for (int i = 0; i < 101; ++i)
    many += "a:\r\n";
  CHECK(status(server, get("/", many)) == 431);
  auto body = refused(server, post + "Content-Length: 101\r\n\r\n");
  CHECK(body.result_int() == 413);
  CHECK(body.body() == "Request bodies are limited to 100 bytes");
  CHECK(status(server, post + "Content-Length: 18446744073709551615\r\n\r\n")
        == 413);
  CHECK(status(server, post + "Transfer-Encoding: chunked\r\n\r\n33\r\n" + x(51)
                         + "\r\n33\r\n")
        == 413);
  // At the bounds all is well.
  http_client client{server.port()};
  CHECK(client.get("/" + x(255)).result_int() == 200);
  CHECK(client.post("/", x(100)).body() == x(100));
}

TEST_CASE("request line and header lines share one bound") {
  http_fixture server{ok};
  auto get = [](std::size_t target, std::size_t header) {
    return "GET /" + std::string(target, 'x') + " HTTP/1.1\r\nHost: x\r\nA: "
           + std::string(header, 'y') + "\r\n\r\n";
  };
  http_client client{server.port()};
  for (auto target :
       {std::size_t{0}, std::size_t{20'000}, std::size_t{32'700}}) {
    client.send(get(target, 32'720 - target));
    CHECK(client.receive().result_int() == 200);
  }
  CHECK(status(server, get(0, 33'000)) == 431);
  CHECK(status(server, get(20'000, 13'000)) == 431);
  auto target = refused(server, get(33'000, 0));
  CHECK(target.result_int() == 414);
  CHECK(target.body() == "Request targets are limited to 32768 bytes");
  CHECK(status(server, "GET /" + std::string(40'000, 'x')) == 414);
}

TEST_CASE("header lines that trickle in are counted together") {
  http_fixture server{
    ok, {.sizes = {.header_bytes_max = 512, .target_bytes_max = 256}}};
  http_client client{server.port()};
  client.send("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 1000; ++i)
    if (!client.try_send("abcdefgh: ijklmnop\r\n"))
      break;
  CHECK(client.receive().result_int() == 431);
}

TEST_CASE("an answer of 413 arrives though the client is still sending") {
  http_fixture server{ok, {.sizes = {.body_bytes_max = 1000}}};
  http_client client{server.port()};
  client.send(post + "Content-Length: 5000000\r\n\r\n");
  for (int i = 0; i < 50; ++i)
    client.try_send(std::string(10'000, 'x'));
  CHECK(client.receive().result_int() == 413);
}

TEST_CASE("what is malformed is 400 and says why") {
  http_fixture server{ok};
  for (auto bytes : {"BROKEN\r\n\r\n",
                     "GET /\r\n\r\n",
                     "GET / HTTP/2.0\r\n\r\n",
                     "GET / HTTP/1.1\nHost: x\n\n",
                     "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
                     "G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost: x\r\n: no name\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost: x\r\nA\xe4: b\r\n\r\n",
                     "GET / HTTP/1.1\r\nHost: x\n\r\n",
                     "GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n",
                     "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
                     "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
                     "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n",
                     "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
                     "GET /?a=%ff HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    INFO(bytes);
    auto answer = refused(server, bytes);
    CHECK(answer.result_int() == 400);
    CHECK(answer.body().size() > 15);
  }
}

TEST_CASE("exactly one Host is needed, from HTTP/1.1 on") {
  http_fixture server{ok};
  CHECK(status(server, "GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status(server, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
  http_client old{server.port()};
  old.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(old.receive().result_int() == 200);
}

TEST_CASE("a target in absolute form names the host that Host does") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
    exchange.answer({.body = std::string{request.target()}});
  }};
  http_client client{server.port()};
  client.send("GET http://a:1/b?c HTTP/1.1\r\nHost: A:1\r\n\r\n");
  CHECK(client.receive().body() == "/b?c");
  for (auto bytes : {"GET http://a:1/ HTTP/1.1\r\nHost: b:1\r\n\r\n",
                     "GET http://a:1/ HTTP/1.1\r\nHost: a\r\n\r\n",
                     "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
                     "GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n",
                     "GET http://a:1/ HTTP/1.1\r\n\r\n"}) {
    INFO(bytes);
    CHECK(status(server, bytes) == 400);
  }
}

TEST_CASE("a header line that is continued in the next is refused") {
  http_fixture server{ok};
  for (auto lines :
       {"A: b\r\n c\r\n", "A: b\r\n\tc\r\n", "A:\r\n b\r\n", "A: b\r\n \r\n",
        "A:\r\n \r\n", "A: \r\n\t\r\n b\r\n", "Content-Length:\r\n 5\r\n",
        "Transfer-Encoding: chunked\r\n , gzip\r\n"}) {
    INFO(lines);
    auto answer = refused(server, post + lines + "\r\nabcde");
    CHECK(answer.result_int() == 400);
    CHECK(answer.body().find("continued") != std::string::npos);
  }
  http_client client{server.port()};
  CHECK(client.get("/", "A: \t b \t\r\nC:\r\nD:d\r\n").result_int() == 200);
}

TEST_CASE("an expectation that cannot be met is refused by name") {
  http_fixture server{ok};
  auto answer = refused(server, post + "Expect: 200-ok\r\n\r\n");
  CHECK(answer.result_int() == 417);
  CHECK(answer.body().find("100-continue") != std::string::npos);
  http_client old{server.port()}; // has no expectations
  old.send("GET / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n");
  CHECK(old.receive().result_int() == 200);
}

TEST_CASE("a request with two readings is refused, not guessed") {
  http_fixture server{ok};
  for (auto headers :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: \r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n"}) {
    INFO(headers);
    CHECK(status(server, post + headers + "\r\n5\r\nabcde\r\n0\r\n\r\n")
          == 400);
  }
  CHECK(status(server, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "0\r\n\r\n")
        == 400);
}

TEST_CASE("a chunk that is no chunk ends the connection") {
  http_fixture server{ok};
  auto chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (auto body : {"x\r\n", "-1\r\n", "5\r\nabcdeXX\r\n", "5 \r\nabcde\r\n",
                    "11111111111111111\r\n"}) {
    INFO(body);
    auto code = status(server, chunked + body);
    CHECK((code == 400 || code == 413));
  }
  auto long_line = refused(server, chunked + "1;a=" + std::string(40'000, 'x'));
  CHECK(long_line.result_int() == 400);
  CHECK(long_line.body().find("chunk") != std::string::npos);
}

TEST_CASE("a trailer cannot speak for the header") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
    exchange.answer({.body = std::to_string(
                       request.header_count(http_field::authorization))});
  }};
  http_client client{server.port()};
  client.send(post
              + "Transfer-Encoding: chunked\r\n\r\n0\r\n"
                "Authorization: Basic YTpi\r\n\r\n");
  CHECK(client.receive().body() == "0");
  CHECK(client.get("/").body() == "0");
}

TEST_CASE("each part of a request has its time") {
  http_fixture server{
    ok,
    {.idle_wait_max = 100ms, .header_wait_max = 50ms, .body_wait_max = 50ms}};
  http_client idle{server.port()};
  CHECK(idle.closed());
  http_client used{server.port()};
  CHECK(used.get("/").result_int() == 200);
  CHECK(used.closed());
  auto header = refused(server, "GET / HT");
  CHECK(header.result_int() == 408);
  CHECK(header.body().find("header") != std::string::npos);
  auto body = refused(server, post + "Content-Length: 5\r\n\r\nabc");
  CHECK(body.result_int() == 408);
  CHECK(body.body().find("body") != std::string::npos);
}

TEST_CASE("bytes that keep coming do not buy a header more time") {
  http_fixture server{
    ok, {.sizes = {.header_bytes_max = 64 << 20}, .header_wait_max = 50ms}};
  http_client client{server.port()};
  client.send("GET / HTTP/1.1\r\n");
  auto begin = std::chrono::steady_clock::now();
  while (client.socket().available() == 0
         && std::chrono::steady_clock::now() - begin < 10s)
    if (!client.try_send("x"))
      break;
  CHECK(client.receive().result_int() == 408);
}

TEST_CASE("a client that does not read its answer is cut off") {
  std::promise<void> answered;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        exchange.answer({.body = std::string(64 << 20, 'x')});
                        answered.set_value();
                      },
                      {.write_wait_max = 50ms}};
  http_client client{server.port()};
  client.send_request("GET", "/");
  answered.get_future().wait();
  auto begin = std::chrono::steady_clock::now();
  while (server.sessions() > 0
         && std::chrono::steady_clock::now() - begin < 10s)
    std::this_thread::yield();
  CHECK(server.sessions() == 0);
}

TEST_CASE("a connection too many is told so and closed") {
  http_fixture server{
    ok,
    {.budgets = std::make_shared<http_budgets>(http_bounds{.connections = 2})}};
  http_client first{server.port()};
  http_client second{server.port()};
  CHECK(first.get("/").result_int() == 200);
  CHECK(second.get("/").result_int() == 200);
  http_client third{server.port()};
  third.try_send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  auto answer = third.receive();
  CHECK(answer.result_int() == 503);
  CHECK(answer["Retry-After"] == "1");
  CHECK(!answer.keep_alive());
  CHECK(third.closed());
  third.close();
  first.close();
  // Its place is free once the server has seen it go.
  auto begin = std::chrono::steady_clock::now();
  while (server.sessions() > 1
         && std::chrono::steady_clock::now() - begin < 10s)
    std::this_thread::yield();
  CHECK(http_client{server.port()}.get("/").result_int() == 200);
}

TEST_CASE("no garbage brings the server down") {
  http_fixture server{ok,
                      {.sizes = {.header_bytes_max = 512,
                                 .target_bytes_max = 256,
                                 .body_bytes_max = 512},
                       .idle_wait_max = 20ms,
                       .header_wait_max = 20ms,
                       .body_wait_max = 20ms}};
  const std::string seeds[] = {
    "GET /a%20b/c?d=e HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
    post + "Content-Length: 5\r\n\r\nabcde",
    post
      + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n",
    post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "HEAD http://h/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"};
  auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random{seed};
  auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 400; ++round) {
    std::string bytes;
    for (auto parts = 1 + below(4); parts > 0; --parts)
      bytes += seeds[below(std::size(seeds))];
    for (auto changes = below(6); changes > 0; --changes)
      switch (below(3)) {
        case 0: bytes[below(bytes.size())] = char(random()); break;
        case 1: bytes.erase(below(bytes.size()), 1 + below(4)); break;
        default: bytes.insert(below(bytes.size()), 1, "\r\n :;,%0"[below(8)]);
      }
    http_client client{server.port()};
    auto half = below(bytes.size() + 1);
    client.try_send(std::string_view{bytes}.substr(0, half));
    client.try_send(std::string_view{bytes}.substr(half));
    if (below(2) == 0) {
      boost::system::error_code ignored;
      client.socket().shutdown(boost::asio::socket_base::shutdown_send,
                               ignored);
      client.receive_all();
    }
  }
  CHECK(http_client{server.port()}.post("/", "alive").body() == "alive");
}

} // namespace callboard::test::http_limits_test
