// Requests from bytes, wherever these are cut; the rest is seen over sockets.
#include "net/http_reader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

namespace callboard::test::http_reader_test {

namespace {

constexpr std::string_view head = "POST /a HTTP/1.1\r\nHost: x\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

/// What is read of a body in chunks that comes in pieces of `step` bytes, each
/// looked at twice.
std::string body_of(std::string_view chunks, std::size_t step) {
  http_limits limits;
  http_reader reader{limits};
  REQUIRE(reader.read(head) == head.size());
  std::string held;
  for (std::size_t at = 0; at < chunks.size(); at += step) {
    held += chunks.substr(at, step);
    for (int again = 0; again < 2 && !reader.done(); ++again) {
      auto taken = reader.read(held);
      REQUIRE(taken);
      held.erase(0, *taken);
    }
  }
  REQUIRE(reader.done());
  CHECK(held.empty());
  return reader.take().body;
}

} // namespace

TEST_CASE("a body in chunks is the same however it is cut") {
  for (std::size_t step = 1; step < 8; ++step) {
    CHECK(body_of("0\r\n\r\n", step).empty());
    CHECK(body_of("00\r\n\r\n", step).empty());
    CHECK(body_of("3\r\n000\r\n1\r\n0\r\n0\r\n\r\n", step) == "0000");
    CHECK(body_of("0;x=y\r\nT: x\r\n\r\n", step).empty());
    CHECK(body_of("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", step) == "abc");
  }
}

} // namespace callboard::test::http_reader_test
