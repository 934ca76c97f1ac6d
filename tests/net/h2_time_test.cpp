// Deadlines of HTTP/2 in virtual time, and what connections share.
#include "tests/support/h2_pair.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::h2_time_test {

using namespace std::chrono_literals;

namespace {

std::string x(std::size_t n) {
  return std::string(n, 'x');
}

} // namespace

TEST_CASE("a connection without requests ends after a while, unless somebody "
          "asks for it") {
  h2_pair pair;
  pair.run();
  pair.pass(limits::idle_wait_max - 1s);
  CHECK(pair.get("/").body == "/");
  pair.pass(limits::idle_wait_max - 1s);
  pair.client.ping();
  pair.run();
  pair.pass(limits::idle_wait_max - 1s);
  CHECK(!pair.protocol.over());
  pair.pass(1s);
  CHECK(pair.client.goaway == NGHTTP2_NO_ERROR);
  CHECK(pair.protocol.over());
}

TEST_CASE("a connection of HTTP/2 to which something is bound may be idle for "
          "longer") {
  h2_pair pair{{.bound_idle_wait_max = 150s}};
  pair.bound = true;
  CHECK(pair.get("/").body == "/");
  pair.pass(149s);
  CHECK(!pair.protocol.over());
  SECTION("up to its own bound") {
    pair.pass(1s);
  }
  SECTION("as long as it is") {
    pair.bound = false;
    CHECK(pair.get("/").body == "/");
    pair.pass(limits::idle_wait_max);
  }
  CHECK(pair.protocol.over());
}

TEST_CASE("a client that says nothing after its preface is not waited for") {
  h2_pair pair;
  pair.give("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  pair.now += limits::header_wait_max;
  CHECK(pair.protocol.deadline() <= pair.now);
  pair.protocol.expire(pair.moment());
  pair.produce();
  CHECK(pair.protocol.over());
}

TEST_CASE("a header that is not complete in time ends the connection") {
  h2_pair pair;
  pair.run();
  pair.give(h2_frame(NGHTTP2_HEADERS, 0, 1, "\x82\x86"));
  pair.pass(limits::header_wait_max - 1ms);
  CHECK(!pair.protocol.over());
  pair.pass(1ms);
  CHECK(pair.client.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(pair.protocol.over());
}

TEST_CASE("a body that comes too slowly is 408, and others go on") {
  h2_pair pair;
  auto slow = pair.client.request("POST", "/", {}, "a", false);
  auto fast = pair.client.request("POST", "/", {}, x(2048), false);
  pair.run();
  pair.pass(limits::body_grace);
  CHECK(pair.client[slow].status() == "408");
  CHECK(pair.client[slow].body.find("1024 bytes a second")
        != std::string::npos);
  CHECK(pair.client[slow].closed);
  CHECK(!pair.client[fast].closed); // it has earned two seconds
  pair.pass(1s);
  pair.client.send(fast, "b", true);
  pair.run();
  CHECK(pair.has(fast));
}

TEST_CASE("a request that is not answered in time is 408 in HTTP/2 too") {
  h2_pair pair;
  auto late = pair.client.request("GET", "/late");
  auto poll = pair.client.request("GET", "/poll");
  pair.run();
  int gone = 0;
  std::function<void()> callback = [&] { ++gone; };
  pair.protocol.on_gone(std::uint64_t(late), callback);
  pair.protocol.extend_deadline(std::uint64_t(poll), 1h);
  pair.pass(limits::answer_wait_max);
  CHECK(pair.client[late].status() == "408");
  CHECK(gone == 1);
  pair.answer(late, {.body = "too late"});
  pair.pass(1h - 1s);
  pair.answer(poll, {.body = "in time"});
  pair.run();
  CHECK(pair.client[late].body.empty());
  CHECK(pair.client[poll].body == "in time");
  CHECK(pair.options.counts->of_class(4) == 1);
  CHECK(pair.options.counts->of_class(2) == 1);
}

TEST_CASE("what is not done in time, or who knows, is 503 in HTTP/2 too") {
  h2_pair pair;
  auto late = pair.client.request("POST", "/late");
  pair.run();
  pair.pass(limits::answer_wait_max);
  CHECK(pair.client[late].status() == "503");
  CHECK(pair.client[late].header("retry-after") == "1");
}

TEST_CASE("an answer that the client does not read is given up, others are "
          "not") {
  h2_pair pair{{}, {.window = 100'000, .reads = false}};
  pair.client.grant(0, 1 << 20);
  auto stuck = pair.client.request("GET", "/");
  auto slow = pair.client.request("GET", "/");
  pair.run();
  for (auto id : {stuck, slow})
    pair.answer(id, {.body = x(200'000)});
  pair.run();
  for (int i = 0; i < 3; ++i) {
    pair.pass(limits::write_wait_max - 1s);
    CHECK(!pair.client[slow].closed);
    pair.client.grant(slow, 20'000);
    pair.run();
    pair.pass(1s);
  }
  CHECK(pair.client[stuck].closed);
  CHECK(pair.client[stuck].error == NGHTTP2_CANCEL);
  CHECK(pair.client[slow].body.size() == 160'000);
  pair.client.grant(slow, 100'000);
  pair.run();
  CHECK(pair.client[slow].complete);
  CHECK(pair.protocol.unsent() == 0);
}

TEST_CASE("a client that lets nothing through at all loses every answer") {
  h2_pair pair{{}, {.window = 1 << 20, .reads = false}};
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 3; ++i)
    ids.push_back(pair.client.request("GET", "/"));
  pair.run();
  for (auto id : ids)
    pair.answer(id, {.body = x(100'000)});
  pair.run();
  pair.pass(limits::write_wait_max); // what was sent counts once
  pair.pass(limits::write_wait_max);
  for (auto id : ids)
    CHECK(pair.client[id].error == NGHTTP2_CANCEL);
  CHECK(pair.protocol.unsent() == 0);
}

TEST_CASE("an answer that waits only for the socket is not given up") {
  h2_pair pair{{}, {.window = 1 << 20}};
  pair.client.grant(0, 1 << 20);
  auto id = pair.client.request("GET", "/");
  pair.run();
  pair.answer(id, {.body = x(200'000)});
  for (int i = 0; i < 3; ++i) { // nothing is produced meanwhile
    pair.now += limits::write_wait_max;
    pair.protocol.expire(pair.moment());
  }
  pair.run();
  CHECK(pair.client[id].body.size() == 200'000);
  CHECK(pair.client[id].complete);
}

TEST_CASE("bodies of HTTP/2 share the memory of all requests") {
  h2_pair pair{{.budgets = std::make_shared<http_budgets>(
                  http_bounds{.receiving_bytes = 100'000})}};
  auto first = pair.client.request("POST", "/", {}, x(60'000), false);
  pair.run();
  auto second = pair.client.request("POST", "/", {}, x(60'000), false);
  pair.run();
  CHECK(pair.client[second].status() == "503");
  CHECK(pair.client[second].header("retry-after") == "1");
  CHECK(pair.client[second].closed);
  // What comes whole needs no place, and who ends gives it back.
  auto small = pair.client.request("POST", "/", {}, x(1000));
  pair.run();
  CHECK(pair.has(small));
  pair.client.send(first, x(30'000), true);
  pair.run();
  REQUIRE(pair.has(first));
  CHECK(pair.request(first).body.size() == 90'000);
  pair.answer(first, {});
  CHECK(pair.options.budgets->receiving.used() == 0);
}

TEST_CASE("answers of HTTP/2 share the memory of all answers") {
  h2_pair pair{{.budgets = std::make_shared<http_budgets>(
                  http_bounds{.sending_bytes = 100'000})}};
  auto id = pair.client.request("GET", "/");
  pair.run();
  pair.options.budgets->sending.take_anyway(50'000); // somebody else's
  pair.answer(id, {.body = x(60'000)});
  pair.run();
  CHECK(pair.client[id].status() == "503");
  CHECK(pair.client[id].header("retry-after") == "1");
  pair.options.budgets->sending.give(50'000);
  CHECK(pair.get("/small").body == "/small");
}

TEST_CASE("a meter allows so many at once and so many a second") {
  h2_meter meter{3, 2};
  h2_meter::time_point now{1h};
  for (int i = 0; i < 3; ++i)
    CHECK(meter.take(now));
  CHECK(!meter.take(now));
  now += 500ms;
  CHECK(meter.take(now));
  CHECK(!meter.take(now));
  now += 1h;
  for (int i = 0; i < 3; ++i)
    CHECK(meter.take(now));
  CHECK(!meter.take(now));
}

} // namespace callboard::test::h2_time_test
