// Barco's consumer port, and what produces for it.
#pragma once

#include "tests/support/barco_fixture.hpp"
#include "tests/support/consumers.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace callboard::test {

struct consumer_fixture : barco_fixture {
  consumer_fixture() : barco_fixture(add_consumer_routes) {}

  std::uint64_t begin(const connection& from, std::string_view target,
                      const headers& more) {
    auto number = barco_fixture::begin(from, http_verb::post, target, more);
    es.settle();
    return number;
  }

  seen_answer post(std::string_view target, const headers& more = {},
                   std::string body = {}) {
    return call(first, http_verb::post, target, more, std::move(body));
  }

  seen_answer join(const std::string& query) {
    return call(first, http_verb::put, "/v1/consumer/register?" + query);
  }

  seen_answer poll_json(const std::string& id = "c1") {
    return post("/v1/consumer/poll?consumerId=" + id,
                {{"Accept", "application/json"}});
  }

  void settle() { es.settle(); }

  world& w = es.w;
  connection first = es.client;
};

} // namespace callboard::test
