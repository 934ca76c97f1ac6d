// What connections share: memory for bodies on their way in and out, and time.
#include "net/http_budget.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>

namespace callboard::test::http_budget_test {

using namespace std::chrono_literals;

namespace {

void ok(http_request& request, const http_exchange& exchange) {
  exchange.answer({.body = std::move(request.body)});
}

http_client::response refused(http_fixture& server, std::string_view bytes) {
  http_client client{server.port()};
  client.try_send(bytes);
  auto answer = client.receive();
  CHECK(!answer.keep_alive());
  return answer;
}

const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";

} // namespace

TEST_CASE("a share of a budget grows only while there is some left") {
  http_budget budget{10};
  {
    budget_share one{budget};
    budget_share two{budget};
    CHECK(one.resize(6));
    CHECK(!two.resize(5));
    CHECK(two.resize(4));
    CHECK(!one.resize(7));
    CHECK(one.resize(5));
    CHECK(two.resize(5));
    CHECK(budget.used() == 10);
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("bytes that come fast enough buy a body more time") {
  http_fixture server{ok, {.body_grace = 100ms}};
  auto slow = refused(server, post + "Content-Length: 100\r\n\r\nabc");
  CHECK(slow.result_int() == 408);
  CHECK(slow.body().find("1024 bytes a second") != std::string::npos);
  auto begin = std::chrono::steady_clock::now();
  auto fast = refused(server, post + "Content-Length: 5000\r\n\r\n"
                                + std::string(1100, 'x'));
  CHECK(fast.result_int() == 408);
  CHECK(std::chrono::steady_clock::now() - begin > 1s);
}

TEST_CASE("bodies that are on their way share what memory there is") {
  auto budgets =
    std::make_shared<http_budgets>(http_bounds{.receiving_bytes = 100'000});
  http_fixture server{ok, {.budgets = budgets}};
  http_client first{server.port()};
  first.send(post + "Content-Length: 90000\r\n\r\n" + std::string(80'000, 'x'));
  while (budgets->receiving.used() < 80'000)
    std::this_thread::yield();
  // What a client announces costs nothing yet.
  http_client second{server.port()};
  second.send(post + "Content-Length: 50000\r\n\r\n");
  auto third = refused(server, post + "Content-Length: 50000\r\n\r\n"
                                 + std::string(30'000, 'x'));
  CHECK(third.result_int() == 503);
  CHECK(third["Retry-After"] == "1");
  // What comes whole needs no place, and who goes gives it back.
  CHECK(http_client{server.port()}.post("/", "small").body() == "small");
  first.send(std::string(10'000, 'x'));
  CHECK(first.receive().body().size() == 90'000);
  second.send(std::string(50'000, 'y'));
  CHECK(second.receive().body().size() == 50'000);
  CHECK(budgets->receiving.used() == 0);
}

TEST_CASE("what is sent behind a waiting request shares memory with bodies; "
          "without room for it there is no next request") {
  std::string behind;
  while (behind.size() < 8'000)
    behind += "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
  auto budgets =
    std::make_shared<http_budgets>(http_bounds{.receiving_bytes = 10'000});
  std::vector<http_exchange> waiting; // on the server's thread
  http_fixture server{
    [&](http_request& request, const http_exchange& exchange) {
      if (request.path() != "/wait")
        return exchange.answer({.body = std::string{request.path()}});
      exchange.on_gone([] {});
      waiting.push_back(exchange);
    },
    {.budgets = budgets}};
  auto wait = [&](http_client& client, std::size_t number) {
    client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" + behind);
    while (server.on_thread([&] { return waiting.size(); }) < number)
      std::this_thread::yield();
  };
  http_client first{server.port()};
  wait(first, 1);
  while (budgets->receiving.used() < behind.size())
    std::this_thread::yield();
  http_client second{server.port()};
  wait(second, 2);
  // The server has looked at its sockets since.
  CHECK(http_client{server.port()}.get("/x").body() == "/x");
  CHECK(budgets->receiving.used() == behind.size());
  server.on_thread([&] {
    for (auto& each : waiting)
      each.answer({.body = "waited"});
    waiting.clear();
    return true;
  });
  auto last = second.receive();
  CHECK(last.body() == "waited");
  CHECK(!last.keep_alive());
  CHECK(second.closed());
  CHECK(first.receive().body() == "waited");
  for (auto left = behind.size(); left > 0; left -= 31)
    REQUIRE(first.receive().body() == "/next");
  CHECK(budgets->receiving.used() == 0);
}

TEST_CASE("answers that nobody takes share what memory there is") {
  auto budgets =
    std::make_shared<http_budgets>(http_bounds{.sending_bytes = 150 << 20});
  http_fixture server{
    [](http_request& request, const http_exchange& exchange) {
      auto size = request.path() == "/large" ? 100 << 20 : 10'000;
      exchange.answer({.body = std::string(std::size_t(size), 'x')});
    },
    {.budgets = budgets}};
  http_client first{server.port()};
  first.send_request("GET", "/large");
  while (budgets->sending.used() == 0)
    std::this_thread::yield();
  http_client second{server.port()};
  auto refused = second.get("/large");
  CHECK(refused.result_int() == 503);
  CHECK(refused["Retry-After"] == "1");
  CHECK(refused.body() == "Too many large answers wait for slow clients");
  CHECK(second.get("/small").result_int() == 200);
  CHECK(first.receive().body().size() == 100 << 20);
  CHECK(second.get("/large").result_int() == 200);
  CHECK(first.get("/small").result_int() == 200);
  CHECK(budgets->sending.used() == 0);
}

} // namespace callboard::test::http_budget_test
