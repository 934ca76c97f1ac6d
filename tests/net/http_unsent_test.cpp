// Who answers hears of it when the answer does not leave.
#include "tests/support/h2_client.hpp"
#include "tests/support/h2_pair.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>

namespace callboard::test::http_unsent_test {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t much = std::size_t{32} << 20;

struct counting_server {
  std::atomic<int> unsent = 0;
  std::promise<void> first;

  http_handler handler(std::size_t bytes) {
    return [this, bytes](http_request&, const http_exchange& exchange) {
      exchange.answer({.body = std::string(bytes, 'x'), .unsent = [this] {
                         if (unsent++ == 0)
                           first.set_value();
                       }});
    };
  }
};

} // namespace

TEST_CASE("an answer that leaves says nothing") {
  counting_server counts;
  {
    http_fixture server{counts.handler(much)};
    http_client client{server.port()};
    client.send_request("GET", "/");
    CHECK(client.receive().body().size() == much);
  }
  CHECK(counts.unsent == 0);
}

TEST_CASE("an answer without room is told, and becomes 503") {
  counting_server counts;
  http_options options;
  options.budgets = std::make_shared<http_budgets>(
    http_bounds{.sending_bytes = std::size_t{1} << 20});
  http_fixture server{counts.handler(much), options};
  http_client client{server.port()};
  client.send_request("GET", "/");
  CHECK(client.receive().result_int() == 503);
  CHECK(counts.unsent == 1);
}

TEST_CASE("an answer whose client goes away half-way is told") {
  counting_server counts;
  http_fixture server{counts.handler(much)};
  {
    http_client client{server.port()};
    client.send_request("GET", "/");
  }
  CHECK(counts.first.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(counts.unsent == 1);
}

TEST_CASE("of a pipeline only the answers that did not leave are told") {
  std::atomic<int> small = 0;
  std::promise<void> large;
  http_fixture server{
    [&](http_request& request, const http_exchange& exchange) {
      if (request.path() == "/small")
        return exchange.answer({.body = "x", .unsent = [&] { ++small; }});
      exchange.answer(
        {.body = std::string(much, 'x'), .unsent = [&] { large.set_value(); }});
    }};
  {
    http_client client{server.port()};
    client.send("GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.receive().body() == "x");
  }
  CHECK(large.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(small == 0);
}

TEST_CASE("an answer of HTTP/2 that never reached the socket is told") {
  std::promise<void> arrived;
  std::promise<void> left;
  std::promise<void> told;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        arrived.set_value();
                        left.get_future().wait();
                        exchange.answer(
                          {.body = "x", .unsent = [&] { told.set_value(); }});
                      },
                      {.h2c = true}};
  h2_client client{server.port()};
  client.peer.request("GET", "/");
  client.send();
  arrived.get_future().wait();
  client.connection().reset();
  left.set_value();
  CHECK(told.get_future().wait_for(20s) == std::future_status::ready);
}

TEST_CASE("an answer of HTTP/2 that was produced says where it ends") {
  h2_pair pair{{}, {.window = 100}};
  auto whole = pair.client.request("GET", "/");
  auto half = pair.client.request("GET", "/");
  pair.run();
  int unsent = 0;
  auto count = [&] { ++unsent; };
  pair.answer(whole, {.body = "x", .unsent = count});
  std::string out = "before";
  pair.protocol.produce(out, 64 << 10);
  auto produced = pair.protocol.take_produced();
  REQUIRE(produced.size() == 1);
  CHECK(produced.front().end == out.size());
  pair.answer(half, {.body = std::string(101, 'x'), .unsent = count});
  pair.produce();
  CHECK(pair.protocol.take_produced().empty());
  pair.protocol.abandon();
  pair.take();
  CHECK(unsent == 1); // the other one is left to who has it
}

} // namespace callboard::test::http_unsent_test
