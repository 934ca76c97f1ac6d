// HTTP/2 without a socket: requests, answers, windows, endings.
#include "net/h2_upgrade.hpp"
#include "tests/support/h2_pair.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace callboard::test::h2_protocol_test {

using namespace std::chrono_literals;

namespace {

std::string large_text(std::size_t size) {
  std::string out(size, 'x');
  for (std::size_t i = 0; i < size; i += 1000)
    out[i] = char('a' + i / 1000 % 26);
  return out;
}

} // namespace

TEST_CASE("a request of HTTP/2 reaches the handler as one of HTTP/1 does") {
  h2_pair pair;
  auto id = pair.client.request(
    "POST", "/a%20b/c?x=1", {{"es-eventtype", "t"}, {"accept", "a/b"}}, "body");
  pair.run();
  REQUIRE(pair.has(id));
  auto& request = pair.request(id);
  CHECK(request.method == http_verb::post);
  CHECK(request.target() == "/a%20b/c?x=1");
  CHECK(request.segment(0) == "a b");
  CHECK(request.query("x") == "1");
  CHECK(request.header("ES-EventType") == "t");
  CHECK(request.header(http_field::accept) == "a/b");
  CHECK(request.header(http_field::host) == "localhost");
  CHECK(request.body == "body");
  CHECK(request.keep_alive);
}

TEST_CASE("an answer of HTTP/2 has a length and a date, names in lower case, "
          "and nothing about the connection") {
  h2_pair pair;
  auto id = pair.client.request("GET", "/");
  pair.run();
  pair.answer(id,
              {.status = http_status::created,
               .reason = "Fine",
               .content_type = "text/plain",
               .headers = "ES-Position: 5\r\nConnection: close\r\n"
                          "Keep-Alive: 5\r\nTransfer-Encoding: x\r\n"
                          "X-Empty:\r\nX-Two: a b \r\n",
               .body = "hello"},
              "Access-Control-Allow-Origin: *\r\n");
  pair.run();
  auto& got = pair.client[id];
  CHECK(got.complete);
  CHECK(got.closed);
  CHECK(got.error == NGHTTP2_NO_ERROR);
  CHECK(got.body == "hello");
  CHECK(got.headers
        == h2_peer::header_list{{":status", "201"},
                                {"content-length", "5"},
                                {"content-type", "text/plain"},
                                {"date", "Thu, 01 Jan 1970 00:00:00 GMT"},
                                {"access-control-allow-origin", "*"},
                                {"es-position", "5"},
                                {"x-empty", ""},
                                {"x-two", "a b"}});
}

TEST_CASE("content-length is there at any size, and not with 204 and 304") {
  h2_pair pair;
  for (std::size_t size : {0, 1, 4095, 4097, 16'385, 1'000'000}) {
    auto id = pair.client.request("GET", "/");
    pair.run();
    pair.answer(id, {.body = std::string(size, 'x')});
    pair.run();
    CHECK(pair.client[id].header("content-length") == std::to_string(size));
    CHECK(pair.client[id].body.size() == size);
    CHECK(pair.client[id].complete);
  }
  for (auto status : {http_status::no_content, http_status::not_modified}) {
    auto id = pair.client.request("GET", "/");
    pair.run();
    pair.answer(id, {.status = status, .body = "not for this status"});
    pair.run();
    CHECK(pair.client[id].header("content-length").empty());
    CHECK(pair.client[id].body.empty());
    CHECK(pair.client[id].complete);
  }
  auto head = pair.client.request("HEAD", "/");
  pair.run();
  pair.answer(head, {.body = "12345"});
  pair.run();
  CHECK(pair.client[head].header("content-length") == "5");
  CHECK(pair.client[head].body.empty());
  CHECK(pair.client[head].complete);
}

TEST_CASE("many requests are under way at once, and answered in any order") {
  h2_pair pair;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 100; ++i)
    ids.push_back(pair.client.request("POST", "/" + std::to_string(i), {},
                                      std::to_string(i)));
  pair.run();
  CHECK(pair.requests.size() == 100);
  std::reverse(ids.begin(), ids.end());
  for (auto id : ids)
    pair.answer(id, {.body = pair.request(id).body});
  pair.run();
  for (std::size_t i = 0; i < ids.size(); ++i)
    CHECK(pair.client[ids[i]].body == std::to_string(99 - i));
}

TEST_CASE("requests that come byte by byte, preface and all, are the same") {
  h2_pair pair;
  auto first = pair.client.request("POST", "/a", {{"x", "y"}}, "one");
  auto second = pair.client.request("GET", "/b");
  for (char c : pair.client.output())
    pair.give({&c, 1});
  REQUIRE(pair.has(first));
  REQUIRE(pair.has(second));
  CHECK(pair.request(first).body == "one");
  CHECK(pair.request(second).target() == "/b");
}

TEST_CASE("a request that was sent by HTTP/1.1 is answered on stream 1") {
  http_request request;
  REQUIRE(request.set_target("/a"));
  request.method = http_verb::get;
  request.add_header("Connection", "Upgrade, HTTP2-Settings");
  request.add_header("Upgrade", "h2c");
  request.add_header("HTTP2-Settings", "AAQAAAAF"); // windows of 5 bytes
  auto settings = h2_settings_of(request);
  REQUIRE(settings);
  h2_pair pair{{}, {.window = 5, .upgraded = true}};
  pair.protocol.upgrade(std::move(request), *settings);
  pair.take();
  REQUIRE(pair.has(1));
  pair.answer(1, {.body = "hello you"});
  auto early = pair.produce();
  CHECK(early.ends_with("hello")); // no more than the settings allow
  pair.client.input(early);
  pair.run();
  CHECK(pair.client[1].body == "hello you");
  CHECK(pair.client[1].complete);
  CHECK(pair.get("/next").body == "/next");
}

TEST_CASE("an upgrade that is not asked for in the right way is none") {
  auto asks = [](const h2_peer::header_list& headers) {
    http_request request;
    REQUIRE(request.set_target("/"));
    for (auto& [name, value] : headers)
      request.add_header(name, value);
    return h2_settings_of(request).has_value();
  };
  using pairs = h2_peer::header_list;
  const std::pair<std::string, std::string> upgrade{"Upgrade", "h2c"};
  const std::pair<std::string, std::string> connection{
    "Connection", "Upgrade, HTTP2-Settings"};
  const std::pair<std::string, std::string> settings{"HTTP2-Settings",
                                                     "AAMAAABkAAQAAP__"};
  CHECK(asks({upgrade, connection, settings}));
  CHECK(asks({upgrade, connection, {"HTTP2-Settings", ""}}));
  CHECK(asks({{"upgrade", "websocket, H2C"},
              {"connection", "keep-alive, http2-settings"},
              {"connection", "upgrade"},
              settings}));
  CHECK(!asks({}));
  CHECK(!asks({upgrade, connection}));
  CHECK(!asks({connection, settings}));
  CHECK(!asks({upgrade, settings}));
  CHECK(!asks({upgrade, {"Connection", "Upgrade"}, settings}));
  CHECK(!asks({upgrade, connection, settings, settings}));
  CHECK(!asks({{"Upgrade", "h2"}, connection, settings}));
  for (auto bad : {"AAMAAABk=", "AAMAAAB", "AAMAAABkAA", "A+MAAABk", "*"})
    CHECK(!asks({upgrade, connection, {"HTTP2-Settings", bad}}));
  CHECK(!asks(
    pairs{upgrade, connection, {"HTTP2-Settings", std::string(8000, 'A')}}));
}

TEST_CASE("a large body comes in through small windows") {
  h2_pair pair{
    {.h2 = {.stream_window_bytes = 10'000, .connection_window_bytes = 65'535}}};
  auto text = large_text(4 << 20);
  auto id = pair.client.request("POST", "/", {}, text);
  auto small = pair.client.request("POST", "/", {}, "small");
  pair.run();
  REQUIRE(pair.has(id));
  CHECK(pair.request(id).body == text);
  CHECK(pair.request(small).body == "small");
  CHECK(pair.options.budgets->receiving.used() > 4'000'000);
  pair.answer(id, {});
  CHECK(pair.options.budgets->receiving.used() == 0);
}

TEST_CASE("a large body goes out as fast as the client allows, and others pass "
          "it") {
  h2_pair pair{{}, {.window = 1000}};
  auto text = large_text(4 << 20);
  auto id = pair.client.request("GET", "/large");
  pair.run();
  pair.answer(id, {.body = text});
  auto first = pair.produce();
  CHECK(first.size() < 2000);
  CHECK(pair.protocol.unsent() == text.size() - 1000);
  pair.client.input(first);
  CHECK(pair.get("/small").body == "/small");
  pair.run();
  CHECK(pair.client[id].body == text);
  CHECK(pair.client[id].complete);
  CHECK(pair.protocol.unsent() == 0);
}

TEST_CASE("what is produced at once is bounded, whatever the windows") {
  h2_pair pair{{}, {.window = 16 << 20}};
  pair.client.grant(0, 16 << 20);
  auto text = large_text(1 << 20);
  auto id = pair.client.request("GET", "/");
  pair.run();
  pair.answer(id, {.body = text});
  std::string out;
  pair.protocol.produce(out, 20'000);
  CHECK(out.size() < 20'000 + 17'000);
  CHECK(out.size() > 20'000);
  pair.client.input(out);
  pair.run();
  CHECK(pair.client[id].body == text);
}

TEST_CASE("a PING is answered") {
  h2_pair pair;
  pair.client.ping();
  pair.run();
  pair.client.ping();
  pair.run();
  CHECK(pair.client.pongs == 2);
}

TEST_CASE("100-continue comes before the body over HTTP/2 too") {
  h2_pair pair;
  auto id =
    pair.client.request("POST", "/", {{"expect", "100-Continue"}}, {}, false);
  pair.run();
  CHECK(pair.client[id].heads == 1);
  CHECK(pair.client[id].status() == "100");
  pair.client.send(id, "body", true);
  pair.run();
  REQUIRE(pair.has(id));
  pair.answer(id, {.body = pair.request(id).body});
  pair.run();
  CHECK(pair.client[id].heads == 2);
  CHECK(pair.client[id].body == "body");
}

TEST_CASE("a trailer cannot speak for the header in HTTP/2 either") {
  h2_pair pair;
  auto id = pair.client.request("POST", "/", {}, {}, false);
  pair.run();
  std::uint8_t name[] = "authorization";
  std::uint8_t value[] = "Basic YTpi";
  nghttp2_nv trailer{name, value, sizeof name - 1, sizeof value - 1,
                     NGHTTP2_NV_FLAG_NONE};
  nghttp2_submit_headers(pair.client.session(), NGHTTP2_FLAG_END_STREAM, id,
                         nullptr, &trailer, 1, nullptr);
  pair.run();
  REQUIRE(pair.has(id));
  CHECK(!pair.request(id).header(http_field::authorization));
}

// --- endings ----------------------------------------------------------------

TEST_CASE("a waiting request that the client resets is gone, and only that") {
  h2_pair pair;
  auto one = pair.client.request("GET", "/1");
  auto two = pair.client.request("GET", "/2");
  pair.run();
  int gone_one = 0;
  int gone_two = 0;
  std::function<void()> callback = [&] { ++gone_one; };
  CHECK(pair.protocol.on_gone(std::uint64_t(one), callback));
  callback = [&] { ++gone_two; };
  CHECK(pair.protocol.on_gone(std::uint64_t(two), callback));
  pair.client.reset(one);
  pair.run();
  CHECK(gone_one == 1);
  callback = [] {};
  CHECK(!pair.protocol.on_gone(std::uint64_t(one), callback));
  int unsent = 0;
  pair.answer(one, {.body = "late", .unsent = [&] { ++unsent; }});
  CHECK(unsent == 1);
  pair.answer(two, {.body = "in time"});
  pair.run();
  CHECK(pair.client[one].headers.empty());
  CHECK(pair.client[two].body == "in time");
  CHECK(gone_one == 1);
  CHECK(gone_two == 0);
}

TEST_CASE("an answer that the client resets half-way is dropped") {
  h2_pair pair{{}, {.window = 1000}};
  auto id = pair.client.request("GET", "/");
  pair.run();
  pair.answer(id, {.body = large_text(100'000)});
  pair.client.input(pair.produce());
  pair.client.reset(id);
  pair.run();
  CHECK(pair.client[id].body.size() == 1000);
  CHECK(pair.protocol.unsent() == 0);
  CHECK(pair.get("/next").body == "/next");
}

TEST_CASE("draining takes no further request and lets others finish") {
  h2_pair pair;
  auto waiting = pair.client.request("GET", "/");
  auto begun = pair.client.request("POST", "/", {}, {}, false);
  pair.run();
  int stopping = 0;
  std::function<void()> callback = [&] { ++stopping; };
  CHECK(pair.protocol.on_stopping(std::uint64_t(waiting), callback));
  pair.protocol.drain();
  pair.take();
  CHECK(stopping == 1);
  callback = [] {};
  CHECK(!pair.protocol.on_stopping(std::uint64_t(waiting), callback));
  pair.client.send(begun, "body", true);
  pair.run();
  CHECK(pair.client.goaway == NGHTTP2_NO_ERROR);
  CHECK(pair.client.last_stream == begun);
  CHECK(!pair.protocol.over());
  REQUIRE(pair.has(begun));
  pair.answer(waiting, {.body = "last"});
  pair.answer(begun, {.body = "very last"});
  pair.run();
  CHECK(pair.client[waiting].body == "last");
  CHECK(pair.client[begun].body == "very last");
  CHECK(pair.protocol.over());
}

TEST_CASE("an answer that ends the connection ends it after the others") {
  h2_pair pair;
  auto one = pair.client.request("GET", "/1");
  auto two = pair.client.request("GET", "/2");
  pair.run();
  pair.answer(one, {.body = "bye", .close = true});
  pair.run();
  CHECK(pair.client[one].body == "bye");
  CHECK(pair.client.goaway == NGHTTP2_NO_ERROR);
  CHECK(!pair.protocol.over());
  pair.answer(two, {.body = "2"});
  pair.run();
  CHECK(pair.client[two].body == "2");
  CHECK(pair.protocol.over());
}

TEST_CASE("a client that says goodbye ends the connection") {
  h2_pair pair;
  CHECK(pair.get("/").body == "/");
  pair.client.goodbye();
  pair.run();
  CHECK(pair.protocol.over());
}

TEST_CASE("when the connection is gone, so are its requests") {
  h2_pair pair;
  auto id = pair.client.request("GET", "/");
  pair.run();
  int gone = 0;
  std::function<void()> callback = [&] { ++gone; };
  pair.protocol.on_gone(std::uint64_t(id), callback);
  pair.protocol.abandon();
  pair.take();
  CHECK(gone == 1);
  pair.answer(id, {.body = "nobody reads it"});
}

} // namespace callboard::test::h2_protocol_test
