// What an upgrade to HTTP/2 takes along, and what may be before it.
#include "tests/support/h2_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <string>

namespace callboard::test::h2_upgrade_test {

using namespace std::chrono_literals;

namespace {

const std::string asks_for_it = "Host: x\r\n"
                                "Connection: Upgrade, HTTP2-Settings\r\n"
                                "Upgrade: h2c\r\n"
                                "HTTP2-Settings: AAQAAP__\r\n";

} // namespace

TEST_CASE("an upgrade whose client is gone by then is not served") {
  std::atomic<int> served = 0;
  std::promise<void> arrived;
  std::promise<void> left;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        if (served++ == 0) {
                          arrived.set_value();
                          left.get_future().wait();
                        }
                        exchange.answer({});
                      },
                      {.h2c = true}};
  http_client client{server.port()};
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n"
              + asks_for_it + "\r\n");
  arrived.get_future().wait();
  client.reset();
  left.set_value();
  CHECK(server.sessions() == 0); // told on its thread: that turn is over
  CHECK(served == 1);
}

TEST_CASE("a body that comes with an upgrade counts until it is answered") {
  auto budgets = std::make_shared<http_budgets>();
  std::promise<http_exchange> asked;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        asked.set_value(exchange);
                      },
                      {.h2c = true, .budgets = budgets}};
  h2_client client{server.port(), {.upgraded = true}};
  std::string body(std::size_t{1} << 20, 'x');
  client.connection().send("POST / HTTP/1.1\r\n" + asks_for_it
                           + "Content-Length: " + std::to_string(body.size())
                           + "\r\n\r\n" + body);
  auto exchange = asked.get_future();
  REQUIRE(exchange.wait_for(20s) == std::future_status::ready);
  CHECK(budgets->receiving.used() == body.size());
  exchange.get().answer({.body = "done"});
  client.connection().receive_head();
  CHECK(client.receive(1).body == "done");
  CHECK(budgets->receiving.used() == 0);
}

} // namespace callboard::test::h2_upgrade_test
