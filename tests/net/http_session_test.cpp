// One connection over a real socket: requests in, answers out, and in order.
#include "net/http_writer.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <vector>

namespace callboard::test::http_session_test {

using namespace std::chrono_literals;

namespace {

/// Answers with what it got.
void echo(http_request& request, const http_exchange& exchange) {
  http_answer answer{.content_type = "text/plain"};
  answer.body = std::string{boost::beast::http::to_string(request.method)}
                  .append(" ")
                  .append(request.target())
                  .append(" ")
                  .append(request.body);
  exchange.answer(std::move(answer));
}

/// Keeps exchanges until the test answers them.
class waiting_handler {
public:
  http_handler handler() {
    return [this](http_request&, const http_exchange& exchange) {
      std::lock_guard lock{mutex_};
      waiting_.push_back(exchange);
      arrived_.notify_all();
    };
  }

  /// Waits for the request number `i`, from 0. Gives up its own copy.
  http_exchange take(std::size_t i) {
    std::unique_lock lock{mutex_};
    REQUIRE(arrived_.wait_for(lock, 10s, [&] { return waiting_.size() > i; }));
    return *std::exchange(waiting_[i], std::nullopt);
  }

  std::size_t count() {
    std::lock_guard lock{mutex_};
    return waiting_.size();
  }

private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::optional<http_exchange>> waiting_;
};

} // namespace

TEST_CASE("requests on one connection are answered one after the other") {
  http_fixture server{echo};
  http_client client{server.port()};
  CHECK(client.post("/a", "one").body() == "POST /a one");
  CHECK(client.get("/b?c").body() == "GET /b?c ");
  CHECK(client.request("DELETE", "/d").body() == "DELETE /d ");
  CHECK(server.sessions() == 1);
}

TEST_CASE("a pipeline is answered in order") {
  http_fixture server{echo};
  http_client client{server.port()};
  std::string bytes;
  for (int i = 0; i < 500; ++i)
    bytes += "POST /" + std::to_string(i)
             + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  client.send(bytes);
  for (int i = 0; i < 500; ++i)
    REQUIRE(client.receive().body() == "POST /" + std::to_string(i) + " abc");
}

TEST_CASE("a pipeline is answered in order when answers come later") {
  waiting_handler later;
  http_fixture server{later.handler()};
  http_client client{server.port()};
  client.send_request("GET", "/0");
  client.send_request("POST", "/1", {}, "body");
  client.send_request("GET", "/2");
  for (std::size_t i = 0; i < 3; ++i) {
    auto exchange = later.take(i);
    CHECK(later.count() == i + 1); // one at a time
    exchange.answer({.body = std::string{exchange.request().target()}
                             + exchange.request().body});
  }
  CHECK(client.receive().body() == "/0");
  CHECK(client.receive().body() == "/1body");
  CHECK(client.receive().body() == "/2");
}

TEST_CASE("a request that comes byte by byte is one request") {
  http_fixture server{echo};
  http_client client{server.port()};
  for (char c : std::string{"\r\nPOST /slow HTTP/1.1\r\nHost: x\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n"
                            "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n"
                            "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"})
    client.send({&c, 1});
  CHECK(client.receive().body() == "POST /slow abcde");
  CHECK(client.receive().body() == "GET /next ");
}

TEST_CASE("every answer has a length and a date; 204 and 304 have no body") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
    auto status = request.target() == "/204"   ? http_status::no_content
                  : request.target() == "/304" ? http_status::not_modified
                                               : http_status::ok;
    exchange.answer({.status = status, .headers = "X: y\r\n", .body = "body"});
  }};
  http_client client{server.port()};
  client.send_request("GET", "/");
  auto head = client.receive_head();
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"));
  CHECK(head.find("\r\nDate: ") != std::string::npos);
  CHECK(head.find("\r\nX: y") != std::string::npos);
  CHECK(head.find("Content-Type") == std::string::npos);
  CHECK(head.find("Connection") == std::string::npos);
  http_client second{server.port()};
  second.send_request("GET", "/204");
  CHECK(second.receive_head().starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(second.get("/304").result_int() == 304);
  CHECK(second.get("/").body() == "body"); // nothing of a body was in between
}

TEST_CASE("an answer may have its own reason, in printable ASCII") {
  http_fixture server{[](http_request&, const http_exchange& exchange) {
    exchange.answer(bad_request("no \r\nX-Evil: 1 \xd1\x81"));
  }};
  http_client client{server.port()};
  auto got = client.get("/");
  CHECK(got.reason() == "no ??X-Evil: 1 ??");
  CHECK(got.body() == "no \r\nX-Evil: 1 ??");
  CHECK(got["X-Evil"].empty());
  CHECK(got["Content-Type"] == "text/plain");
}

TEST_CASE("what is only accepted has no reason") {
  std::string head;
  append_head(head, plain_status(http_status::accepted), {});
  CHECK(head.starts_with("HTTP/1.1 202 \r\n"));
  head.clear();
  append_head(head, plain_status(http_status::not_found), {});
  CHECK(head.starts_with("HTTP/1.1 404 Not Found\r\n"));
}

TEST_CASE("HEAD gets the length and not the body") {
  http_fixture server{echo};
  http_client client{server.port()};
  auto head = client.request("HEAD", "/a");
  CHECK(head["Content-Length"] == "8");
  CHECK(client.get("/b").body() == "GET /b ");
}

TEST_CASE("who wants to close, closes") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
    exchange.answer({.body = "x", .close = request.target() == "/close"});
  }};
  http_client first{server.port()};
  auto got = first.get("/", "Connection: close\r\n");
  CHECK(got["Connection"] == "close");
  CHECK(first.closed());
  http_client second{server.port()};
  CHECK(!second.get("/close").keep_alive());
  CHECK(second.closed());
}

TEST_CASE("HTTP/1.0 is closed unless it asks otherwise") {
  http_fixture server{echo};
  http_client plain{server.port()};
  plain.send("GET /old HTTP/1.0\r\n\r\n");
  auto all = plain.receive_all();
  CHECK(all.ends_with("\r\n\r\nGET /old "));
  CHECK(all.find("Connection: close") != std::string::npos);
  http_client keeping{server.port()};
  for (int i = 0; i < 2; ++i) {
    keeping.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(keeping.receive()["Connection"] == "keep-alive");
  }
}

TEST_CASE("a client that expects 100-continue gets it before its body") {
  http_fixture server{echo};
  http_client client{server.port()};
  for (int i = 0; i < 2; ++i) {
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                "Expect: 100-Continue\r\n\r\n");
    CHECK(client.receive_head() == "HTTP/1.1 100 Continue");
    client.send("body");
    CHECK(client.receive().body() == "POST /a body");
  }
  // Nobody waits for it if the body is here already.
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
              "Expect: 100-continue\r\n\r\nbody");
  CHECK(client.receive_head().starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("a large body goes in and out whole, and so does what follows") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
    exchange.answer({.body = std::move(request.body)});
  }};
  http_client client{server.port()};
  std::string large(8 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1000)
    large[i] = char('a' + i / 1000 % 26);
  for (int i = 0; i < 2; ++i) {
    std::thread writer{[&] { client.send_request("POST", "/", {}, large); }};
    auto same = client.receive().body() == large;
    writer.join();
    CHECK(same);
  }
  CHECK(client.post("/", "small").body() == "small");
}

TEST_CASE("a pipeline of large answers waits for a client that reads slowly") {
  std::string large(1 << 20, 'x');
  std::atomic<int> handled = 0;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
    ++handled;
    exchange.answer({.body = large});
  }};
  http_client client{server.port()};
  for (int i = 0; i < 50; ++i)
    client.send_request("GET", "/");
  // All requests have arrived when the last of another client is answered.
  CHECK(http_client{server.port()}.get("/").body() == large);
  CHECK(handled < 50);
  for (int i = 0; i < 50; ++i)
    REQUIRE(client.receive().body() == large);
  CHECK(handled == 51);
}

TEST_CASE("who still reads an answer is not idle") {
  std::string large(64 << 20, 'x');
  http_fixture server{
    [&](http_request& request, const http_exchange& exchange) {
      exchange.answer({.body = request.path() == "/large" ? large : ""});
    },
    {.idle_wait_max = 200ms}};
  http_client client{server.port()};
  client.send_request("GET", "/large");
  http_client idle{server.port()};
  CHECK(idle.get("/").result_int() == 200);
  CHECK(idle.closed()); // the time that an idle one has is over
  CHECK(client.receive().body() == large);
  CHECK(client.get("/").result_int() == 200);
}

TEST_CASE("a client that closed its half still gets its answers") {
  http_fixture server{echo};
  http_client client{server.port()};
  client.send_request("GET", "/1");
  client.send_request("GET", "/2");
  client.close_output();
  CHECK(client.receive().body() == "GET /1 ");
  CHECK(client.receive().body() == "GET /2 ");
  CHECK(client.closed());
}

TEST_CASE("a handler that never answers costs a 503, not a hanging client") {
  http_fixture server{[](http_request&, const http_exchange&) {}};
  http_client client{server.port()};
  for (int i = 0; i < 2; ++i) {
    auto got = client.get("/");
    CHECK(got.result_int() == 503);
    CHECK(got["Retry-After"] == "1");
  }
}

TEST_CASE("a handler that throws costs a 500") {
  http_fixture server{
    [](http_request&, const http_exchange&) { throw std::runtime_error{"x"}; }};
  http_client client{server.port()};
  CHECK(client.get("/").result_int() == 500);
  CHECK(client.get("/").result_int() == 500);
}

TEST_CASE("answers, and exchanges dropped, may come from another thread") {
  waiting_handler later;
  http_fixture server{later.handler()};
  http_client client{server.port()};
  client.send_request("GET", "/");
  later.take(0).answer({.body = "elsewhere"});
  CHECK(client.receive().body() == "elsewhere");
  client.send_request("GET", "/");
  later.take(1); // dropped here
  CHECK(client.receive().result_int() == 503);
}

TEST_CASE("a compressed answer is for who asks for exactly one coding") {
  http_fixture server{[](http_request&, const http_exchange& exchange) {
    exchange.answer({.body = std::string(5000, 'x')});
  }};
  http_client client{server.port()};
  auto packed = client.get("/", "Accept-Encoding: gzip\r\n");
  CHECK(packed["Content-Encoding"] == "gzip");
  CHECK(packed.body().starts_with("\x1f\x8b"));
  auto plain = client.get("/", "Accept-Encoding: gzip, deflate\r\n");
  CHECK(plain["Content-Encoding"].empty());
  CHECK(plain.body().size() == 5000);
}

TEST_CASE("what was answered is counted, and how long it took") {
  auto counts = std::make_shared<http_counters>();
  http_fixture server{
    [](http_request& request, const http_exchange& exchange) {
      exchange.answer(plain_status(
        request.path() == "/" ? http_status::ok : http_status::not_found));
    },
    {.counts = counts}};
  {
    http_client client{server.port()};
    client.get("/");
    client.get("/");
    client.get("/a");
    CHECK(server.on_thread([&] { return counts->connections(); }) == 1);
    client.send("BROKEN\r\n\r\n");
    CHECK(client.receive().result_int() == 400);
    CHECK(client.closed());
  }
  while (server.sessions() > 0) // ends: the client has closed
    std::this_thread::yield();
  CHECK(counts->of_class(2) == 2);
  CHECK(counts->of_class(4) == 2);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i <= http_counters::bounds_us.size(); ++i)
    all += counts->in_bucket(i);
  CHECK(all == 4);
  CHECK(counts->connections() == 0);
}

TEST_CASE("the handler knows who asks") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
    exchange.answer({.body = request.remote_address});
  }};
  http_client client{server.port()};
  CHECK(client.get("/").body() == "127.0.0.1");
}

TEST_CASE("segments and query reach the handler decoded (spec row 261)") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
    exchange.answer({.body = std::string{request.segment(0)}.append(
                       *request.query("value"))});
  }};
  http_client client{server.port()};
  auto both = [&](const std::string& escaped) {
    return client.get("/" + escaped + "?value=" + escaped).body();
  };
  CHECK(both("%41") == "AA");
  CHECK(both("$") == "$$");
  CHECK(both("%24") == "$$");
  CHECK(both("%20") == "  ");
  CHECK(both("%25") == "%%");
  CHECK(both("%2F") == "//");
  std::string word = "\xd1\x81\xd0\xbb\xd0\xbe\xd0\xb2\xd0\xbe";
  CHECK(both(word) == word + word);
  CHECK(both("%D1%81%D0%BB%D0%BE%D0%B2%D0%BE") == word + word);
}

} // namespace callboard::test::http_session_test
