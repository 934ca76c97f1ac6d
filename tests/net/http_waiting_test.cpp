// Requests that wait for their answer, clients that go, servers that stop.
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>

namespace callboard::test::http_waiting_test {

using namespace std::chrono_literals;

namespace {

/// Holds every request to `/wait` until the test lets go; `/…` else is answered
/// at once.
class long_poll {
public:
  http_handler handler() {
    return [this](http_request& request, const http_exchange& exchange) {
      if (request.target() != "/wait")
        return exchange.answer({.body = std::string{request.target()}});
      exchange.on_gone([this] {
        ++gone;
        exchange_.reset();
      });
      exchange.on_stopping([this] { stopping.set_value(); });
      if (extension > 0ms)
        exchange.extend_deadline(extension);
      exchange_ = exchange;
      arrived.set_value();
    };
  }

  /// On the server's thread.
  void answer(std::string body) {
    exchange_->answer({.body = std::move(body)});
    exchange_.reset();
  }

  std::promise<void> arrived;
  std::promise<void> stopping;
  std::atomic<int> gone = 0;
  std::chrono::milliseconds extension{0};

private:
  std::optional<http_exchange> exchange_;
};

template <class Condition>
bool eventually(Condition condition) {
  auto begin = std::chrono::steady_clock::now();
  while (!condition()) {
    if (std::chrono::steady_clock::now() - begin > 10s)
      return false;
    std::this_thread::yield();
  }
  return true;
}

} // namespace

TEST_CASE("an answer that comes after its client has left is told so") {
  std::promise<http_exchange> asked;
  std::promise<void> left;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
    exchange.on_gone([&] { left.set_value(); });
    asked.set_value(exchange);
  }};
  std::optional<http_exchange> exchange;
  {
    http_client client{server.port()};
    client.send_request("GET", "/");
    exchange = asked.get_future().get();
  }
  left.get_future().wait();
  std::promise<void> unsent;
  exchange->answer({.body = "late", .unsent = [&] { unsent.set_value(); }});
  CHECK(unsent.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("a client that goes away while it waits is noticed") {
  long_poll poll;
  http_fixture server{poll.handler()};
  {
    http_client client{server.port()};
    client.send_request("GET", "/wait");
    poll.arrived.get_future().wait();
    CHECK(poll.gone == 0);
  }
  CHECK(eventually([&] { return poll.gone == 1; }));
  CHECK(eventually([&] { return server.sessions() == 0; }));
  CHECK(poll.gone == 1);
}

TEST_CASE(
  "an answer ends the watch: a client that goes then is nobody's loss") {
  long_poll poll;
  http_fixture server{poll.handler()};
  {
    http_client client{server.port()};
    client.send_request("GET", "/wait");
    poll.arrived.get_future().wait();
    server.on_thread([&] { poll.answer("done"); });
    CHECK(client.receive().body() == "done");
    CHECK(client.get("/next").body() == "/next");
  }
  CHECK(eventually([&] { return server.sessions() == 0; }));
  CHECK(poll.gone == 0);
}

TEST_CASE("what is pipelined behind a waiting request is kept for later") {
  long_poll poll;
  http_fixture server{poll.handler()};
  http_client client{server.port()};
  client.send_request("GET", "/wait");
  poll.arrived.get_future().wait();
  std::string large(200'000, 'x');
  client.send_request("GET", "/1");
  client.send_request("POST", "/2", {}, "body");
  std::thread writer{[&] { client.send_request("POST", "/3", {}, large); }};
  // The server has looked at its sockets since.
  CHECK(http_client{server.port()}.get("/x").body() == "/x");
  server.on_thread([&] { poll.answer("waited"); });
  CHECK(client.receive().body() == "waited");
  CHECK(client.receive().body() == "/1");
  CHECK(client.receive().body() == "/2");
  CHECK(client.receive().body() == "/3");
  writer.join();
  CHECK(poll.gone == 0);
}

TEST_CASE(
  "a request that is not answered in time is 408; the next one goes on") {
  long_poll poll;
  http_fixture server{poll.handler(), {.answer_wait_max = 50ms}};
  http_client client{server.port()};
  auto late = client.get("/wait");
  CHECK(late.result_int() == 408);
  CHECK(late.reason() == "Server was unable to handle request in time");
  CHECK(poll.gone == 1); // the handler was told to give up
  CHECK(client.get("/next").body() == "/next");
}

TEST_CASE("what is not done in time, or who knows, is 503 and no 4xx") {
  long_poll poll;
  http_fixture server{poll.handler(),
                      {.answer_wait_max = 50ms, .repeating = "Ask."}};
  http_client client{server.port()};
  auto late = client.post("/wait", "x");
  CHECK(late.result_int() == 503);
  CHECK(late["Retry-After"] == "1");
  CHECK(late.body().ends_with("unknown. Ask."));
  CHECK(client.get("/next").body() == "/next");
}

TEST_CASE("a long poll adds its own time") {
  long_poll poll;
  poll.extension = 1h;
  http_fixture server{poll.handler(), {.answer_wait_max = 30ms}};
  http_client client{server.port()};
  client.send_request("GET", "/wait");
  poll.arrived.get_future().wait();
  // Another connection's 408 shows that the usual time has passed.
  http_fixture clock{[](http_request&, const http_exchange& exchange) {
                       exchange.on_gone([exchange] {});
                     },
                     {.answer_wait_max = 100ms}};
  CHECK(http_client{clock.port()}.get("/").result_int() == 408);
  server.on_thread([&] { poll.answer("in time"); });
  CHECK(client.receive().body() == "in time");
}

TEST_CASE("an answer that comes too late is dropped") {
  std::optional<http_exchange> late;
  http_fixture server{
    [&](http_request& request, const http_exchange& exchange) {
      if (request.target() == "/late")
        late = exchange;
      else
        exchange.answer({.body = "second"});
    },
    {.answer_wait_max = 30ms}};
  http_client client{server.port()};
  CHECK(client.get("/late").result_int() == 408);
  server.on_thread([&] {
    late->answer({.body = "first"});
    late.reset();
  });
  CHECK(client.get("/").body() == "second");
}

TEST_CASE("who asks for the end of a connection that has ended is told") {
  std::promise<http_exchange> arrived;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        arrived.set_value(exchange);
                      },
                      {.answer_wait_max = 30ms}};
  http_client client{server.port()};
  CHECK(client.get("/").result_int() == 408);
  client.close();
  auto exchange = arrived.get_future().get();
  std::promise<void> told;
  server.on_thread([&] { exchange.on_gone([&] { told.set_value(); }); });
  told.get_future().wait();
}

TEST_CASE("a stop closes idle connections and lets a request finish") {
  long_poll poll;
  http_fixture server{poll.handler()};
  http_client idle{server.port()};
  CHECK(idle.get("/x").result_int() == 200);
  http_client busy{server.port()};
  busy.send_request("GET", "/wait");
  poll.arrived.get_future().wait();
  auto stopped = server.begin_stop();
  CHECK(idle.closed());
  poll.stopping.get_future().wait();
  CHECK(stopped.wait_for(0s) == std::future_status::timeout);
  server.on_thread([&] { poll.answer("last"); });
  auto last = busy.receive();
  CHECK(last.body() == "last");
  CHECK(!last.keep_alive());
  CHECK(busy.closed());
  stopped.wait();
  CHECK(poll.gone == 0);
}

TEST_CASE("a stop waits for a request that has begun, and no longer than its "
          "bound") {
  std::promise<void> arrived;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        exchange.on_gone([exchange] {});
                        arrived.set_value();
                      },
                      {.drain_wait_max = 50ms}};
  http_client half{server.port()};
  half.send("GET / HT");
  http_client waiting{server.port()};
  waiting.send_request("GET", "/");
  arrived.get_future().wait();
  server.begin_stop().wait();
  CHECK(half.closed());
  CHECK(waiting.closed());
}

TEST_CASE("a request that comes in halves over a stop is answered") {
  http_fixture server{[](http_request&, const http_exchange& exchange) {
    exchange.answer({.body = "whole"});
  }};
  http_client client{server.port()};
  client.send("GET / HTTP/1.1\r\nHo");
  CHECK(eventually([&] { return server.sessions() == 1; }));
  CHECK(http_client{server.port()}.get("/").body() == "whole");
  auto stopped = server.begin_stop();
  client.send("st: x\r\n\r\n");
  auto last = client.receive();
  CHECK(last.body() == "whole");
  CHECK(!last.keep_alive());
  stopped.wait();
}

TEST_CASE("a handler may stop its own server") {
  std::promise<void> stopped;
  http_server* server = nullptr;
  http_fixture fixture{[&](http_request&, const http_exchange& exchange) {
    exchange.answer({.body = "bye"});
    server->stop([&] { stopped.set_value(); });
  }};
  server = &fixture.server();
  http_client client{fixture.port()};
  CHECK(client.get("/").body() == "bye");
  CHECK(client.closed());
  stopped.get_future().wait();
}

TEST_CASE("two listeners of one process share a port, two processes do not") {
  boost::asio::io_context one;
  boost::asio::io_context two;
  boost::asio::ip::tcp::endpoint any{boost::asio::ip::address_v4::loopback(),
                                     std::uint16_t{0}};
  auto listeners = listen({&one, &two}, any);
  REQUIRE(listeners.size() == 2);
  auto at = listeners[0].local_endpoint();
  CHECK(listeners[1].local_endpoint() == at);
  boost::asio::io_context other;
  try {
    listen({&other}, at);
    FAIL("shared a port");
  } catch (const boost::system::system_error& e) {
    CHECK(e.code() == boost::asio::error::address_in_use);
  }
  listeners.clear();
  CHECK(listen({&other}, at).size() == 1);
}

TEST_CASE("both listeners get connections") {
  boost::asio::io_context one;
  boost::asio::io_context two;
  auto listeners = listen(
    {&one, &two}, {boost::asio::ip::address_v4::loopback(), std::uint16_t{0}});
  auto at = listeners[0].local_endpoint();
  int accepted[2] = {};
  for (auto& listener : listeners)
    listener.non_blocking(true);
  std::vector<std::unique_ptr<http_client>> clients;
  for (int i = 0; i < 64; ++i)
    clients.push_back(std::make_unique<http_client>(at.port()));
  for (std::size_t i = 0; i < 2; ++i)
    for (boost::system::error_code ec; !ec; accepted[i] += !ec) {
      tcp_socket socket{i == 0 ? one.get_executor() : two.get_executor()};
      listeners[i].accept(socket, ec);
    }
  CHECK(accepted[0] + accepted[1] == 64);
  CHECK(accepted[0] > 0);
  CHECK(accepted[1] > 0);
}

} // namespace callboard::test::http_waiting_test
