// Streamed answers in HTTP/2, in memory and virtual time: windows, deadlines.
#include "tests/support/h2_pair.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::h2_streamed_test {

using namespace std::chrono_literals;

namespace {

struct streamed_pair : h2_pair {
  explicit streamed_pair(const h2_peer::options& client_how = {})
      : h2_pair({}, client_how) {
    id = client.request("GET", "/");
    run();
    REQUIRE(protocol.begin_stream(
      std::uint64_t(id), {.content_type = "text/plain"}, {}, moment()));
    run();
  }

  bool write(const std::string& part) {
    auto written = protocol.write_part(std::uint64_t(id), part, moment());
    run();
    return written;
  }

  std::size_t unwritten() { return protocol.unwritten(std::uint64_t(id)); }

  std::int32_t id = 0;
};

} // namespace

TEST_CASE(
  "the head of a streamed answer leaves at once, parts when they come") {
  streamed_pair pair;
  CHECK(pair.client[pair.id].status() == "200");
  CHECK(pair.client[pair.id].header("content-length").empty());
  CHECK(pair.write("a"));
  CHECK(pair.client[pair.id].body == "a");
  pair.pass(24h);
  CHECK(pair.write("b"));
  CHECK(pair.client[pair.id].body == "ab");
  CHECK(!pair.client[pair.id].complete);
  pair.protocol.end_stream(std::uint64_t(pair.id), pair.moment());
  pair.run();
  CHECK(pair.client[pair.id].complete);
  CHECK(!pair.write("c"));
  CHECK(pair.protocol.unsent() == 0);
}

TEST_CASE("a streamed answer waits for the client's window") {
  streamed_pair pair{{.window = 1000, .reads = false}};
  CHECK(pair.write(std::string(1500, 'x')));
  CHECK(pair.client[pair.id].body.size() == 1000);
  CHECK(pair.unwritten() == 500);
  pair.client.grant(pair.id, 5000);
  pair.run();
  CHECK(pair.unwritten() == 0);
  for (int i = 0; i < 100; ++i) { // always a little behind
    pair.write(std::string(1000, 'y'));
    pair.client.grant(pair.id, 900);
    pair.client.grant(0, 900);
    pair.run();
  }
  CHECK(pair.client[pair.id].body.size() + pair.unwritten() == 101'500);
  CHECK(pair.protocol.unsent() == pair.unwritten());
}

TEST_CASE("a client that reads nothing of a streamed answer loses it") {
  streamed_pair pair{{.window = 1000, .reads = false}};
  int gone = 0;
  std::function<void()> callback = [&] { ++gone; };
  REQUIRE(pair.protocol.on_gone(std::uint64_t(pair.id), callback));
  pair.write(std::string(1500, 'x'));
  pair.pass(limits::write_wait_max);
  pair.pass(limits::write_wait_max);
  CHECK(pair.client[pair.id].closed);
  CHECK(gone == 1);
  CHECK(pair.protocol.unsent() == 0);
}

TEST_CASE("a stream that ends while its parts wait sends them first") {
  streamed_pair pair{{.window = 10, .reads = false}};
  pair.write("0123456789abc");
  pair.protocol.end_stream(std::uint64_t(pair.id), pair.moment());
  pair.run();
  CHECK(!pair.client[pair.id].complete);
  pair.client.grant(pair.id, 100);
  pair.run();
  CHECK(pair.client[pair.id].body == "0123456789abc");
  CHECK(pair.client[pair.id].complete);
}

TEST_CASE("a draining connection of HTTP/2 tells who streams") {
  streamed_pair pair;
  int stopping = 0;
  std::function<void()> callback = [&] { ++stopping; };
  REQUIRE(pair.protocol.on_stopping(std::uint64_t(pair.id), callback));
  pair.protocol.drain();
  pair.take();
  pair.run();
  CHECK(stopping == 1);
  CHECK(!pair.protocol.over());
  pair.protocol.end_stream(std::uint64_t(pair.id), pair.moment());
  pair.run();
  CHECK(pair.protocol.over());
}

} // namespace callboard::test::h2_streamed_test
