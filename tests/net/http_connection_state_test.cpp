// What handlers keep for a connection: who shares it, and when it ends.
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::http_connection_state_test {

using namespace std::chrono_literals;

namespace {

/// Bound to a connection; its end comes with the thread that it was on.
struct counted {
  std::promise<std::thread::id>& ended;
  int requests = 0;

  explicit counted(std::promise<std::thread::id>& end) : ended(end) {}

  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

  ~counted() { ended.set_value(std::this_thread::get_id()); }
};

std::thread::id thread_of(http_fixture& server) {
  return server.on_thread([] { return std::this_thread::get_id(); });
}

} // namespace

TEST_CASE("what is bound to a connection is shared by its requests and ends "
          "with it") {
  std::promise<std::thread::id> ended;
  http_fixture server{
    [&](http_request& request, const http_exchange& exchange) {
      auto& bound = request.connection->bound;
      if (request.path() == "/bind")
        bound = std::make_shared<counted>(ended);
      auto* count = static_cast<counted*>(bound.get());
      exchange.answer({.body = std::to_string(count ? ++count->requests : 0)});
    }};
  auto end = ended.get_future();
  http_client client{server.port()};
  CHECK(client.get("/").body() == "0");
  CHECK(client.get("/bind").body() == "1");
  CHECK(client.get("/").body() == "2");
  CHECK(http_client{server.port()}.get("/").body() == "0");
  CHECK(end.wait_for(0s) == std::future_status::timeout);
  client.close();
  CHECK(end.get() == thread_of(server));
}

TEST_CASE("what is bound outlives a connection until its last request is over, "
          "and ends on its thread") {
  std::promise<std::thread::id> ended;
  std::promise<http_exchange> arrived;
  http_fixture server{
    [&](http_request& request, const http_exchange& exchange) {
      request.connection->bound = std::make_shared<counted>(ended);
      exchange.on_gone([] {});
      arrived.set_value(exchange);
    }};
  auto end = ended.get_future();
  {
    http_client client{server.port()};
    client.send_request("GET", "/");
    auto exchange = arrived.get_future().get();
    arrived = {}; // its copy too
    client.close();
    while (server.sessions() > 0) // ends: somebody watches the client
      std::this_thread::yield();
    CHECK(end.wait_for(0s) == std::future_status::timeout);
  } // here the exchange ends, on this thread
  CHECK(end.get() == thread_of(server));
}

TEST_CASE("a connection to which something is bound may be idle for longer, as "
          "long as it is") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
                        request.connection->bound = request.path() == "/bind"
                                                      ? std::make_shared<int>()
                                                      : nullptr;
                        exchange.answer({});
                      },
                      {.idle_wait_max = 30ms, .bound_idle_wait_max = 1h}};
  http_client bound{server.port()};
  CHECK(bound.get("/bind").result_int() == 200);
  http_client other{server.port()};
  CHECK(other.get("/").result_int() == 200);
  CHECK(other.closed()); // the time that an idle one has is over
  CHECK(server.sessions() == 1);
  CHECK(bound.get("/free").result_int() == 200);
  CHECK(bound.closed());
}

} // namespace callboard::test::http_connection_state_test
