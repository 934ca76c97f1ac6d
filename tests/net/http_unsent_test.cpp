// Who answers hears of it when the answer does not leave.
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

} // namespace callboard::test::http_unsent_test
