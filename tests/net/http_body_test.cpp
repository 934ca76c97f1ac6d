// Bodies while they come: in pieces, or where room was made for them.
#include "net/http_body.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

namespace callboard::test::http_body_test {

namespace {

constexpr std::size_t long_bytes = 200'000;

/// So many bytes, a thousand at a time; all that was filled in.
std::string fill(http_body& body, std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) {
    std::string part(std::min<std::size_t>(1000, bytes - all.size()),
                     char('a' + all.size() / 1000 % 26));
    body.append(part);
    all += part;
  }
  return all;
}

} // namespace

TEST_CASE("a long body is what came, with room for it or without") {
  http_budget plenty{long_bytes};
  http_budget none{long_bytes - 1};
  for (auto* ahead : {&plenty, &none}) {
    http_body body;
    body.expect(long_bytes, *ahead);
    CHECK(ahead->used() == (ahead == &plenty ? long_bytes : 0));
    auto all = fill(body, long_bytes);
    CHECK(body.size() == long_bytes);
    CHECK(body.take() == all);
    CHECK(body.size() == 0);
    CHECK(ahead->used() == 0);
  }
}

TEST_CASE("room may be made for what is still to come") {
  http_budget ahead{1'000'000};
  http_body body;
  auto all = fill(body, long_bytes);
  body.expect(50'000, ahead);
  CHECK(ahead.used() == 250'000);
  body.expect(70'000, ahead); // there is room already
  CHECK(ahead.used() == 250'000);
  all += fill(body, 10'000);
  CHECK(body.take() == all);
}

TEST_CASE("a short body needs no room of its own") {
  http_budget ahead{1'000'000};
  http_body body;
  body.expect(60'000, ahead);
  CHECK(ahead.used() == 0);
}

TEST_CASE("a body that ends early gives its room back") {
  http_budget ahead{long_bytes};
  {
    http_body body;
    body.expect(long_bytes, ahead);
    fill(body, 1000);
  }
  CHECK(ahead.used() == 0);
}

} // namespace callboard::test::http_body_test
