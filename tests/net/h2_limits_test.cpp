// What a client of HTTP/2 may not do, and how long it may take.
#include "tests/support/h2_pair.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::h2_limits_test {

using namespace std::chrono_literals;

namespace {

std::string x(std::size_t n) {
  return std::string(n, 'x');
}

/// A request that is refused: status, and the connection goes on.
std::string status_of(h2_pair& pair, const h2_peer::header_list& headers,
                      std::string body = {}) {
  auto id = pair.client.request(headers, std::move(body));
  pair.run();
  CHECK(!pair.has(id));
  CHECK(!pair.protocol.over());
  return pair.client[id].status();
}

h2_peer::header_list head(const std::string& path,
                          const h2_peer::header_list& more = {}) {
  h2_peer::header_list out{{":method", "POST"},
                           {":scheme", "http"},
                           {":authority", "localhost"},
                           {":path", path}};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

/// The server has had enough: GOAWAY with `code`, and the end.
void check_over(h2_pair& pair, std::uint32_t code) {
  pair.client.input(pair.produce());
  CHECK(pair.client.goaway == code);
  CHECK(pair.protocol.over());
}

const http_options small{.sizes = {.header_bytes_max = 1024,
                                   .target_bytes_max = 256,
                                   .body_bytes_max = 100}};

} // namespace

TEST_CASE("what is too large is refused by name, and the connection goes on") {
  h2_pair pair{small};
  auto target = pair.client.request("GET", "/" + x(256));
  auto header = pair.client.request("GET", "/", {{"a", x(1100)}});
  h2_peer::header_list many;
  for (int i = 0; i < 101; ++i)
    many.emplace_back("a", "");
  auto fields = pair.client.request("GET", "/", many);
  pair.run();
  CHECK(pair.client[target].status() == "414");
  CHECK(pair.client[target].body == "Request targets are limited to 256 bytes");
  CHECK(pair.client[header].status() == "431");
  CHECK(pair.client[header].body.find("1024 bytes") != std::string::npos);
  CHECK(pair.client[fields].status() == "431");
  CHECK(pair.requests.empty());
  CHECK(pair.client.settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE] == 1024);
  // At the bounds all is well.
  auto fits = pair.client.request("POST", "/" + x(255), {}, x(100));
  pair.run();
  CHECK(pair.has(fits));
}

TEST_CASE("a body over its bound is 413, and the rest of it is read over") {
  h2_pair pair{small};
  auto announced =
    pair.client.request("POST", "/", {{"content-length", "101"}}, {}, false);
  auto sent = pair.client.request("POST", "/", {}, x(101), false);
  auto huge = pair.client.request("POST", "/", {}, x(1 << 20));
  pair.run();
  for (auto id : {announced, sent, huge}) {
    CHECK(pair.client[id].status() == "413");
    CHECK(pair.client[id].body == "Request bodies are limited to 100 bytes");
    CHECK(pair.client[id].complete);
    CHECK(pair.client[id].closed);
    CHECK(pair.client[id].error == NGHTTP2_NO_ERROR);
  }
  CHECK(pair.requests.empty());
  CHECK(pair.get("/next").body == "/next");
}

TEST_CASE("what is broken in one request costs that request") {
  h2_pair pair{{}, {.careless = true}};
  CHECK(status_of(pair, head("/%4")) == "400");
  CHECK(status_of(pair, head("/%00")) == "400");
  CHECK(status_of(pair, head("/?a=%ff")) == "400");
  CHECK(status_of(pair, head("/", {{"host", "elsewhere"}})) == "400");
  CHECK(status_of(pair, head("/", {{"expect", "200-ok"}})) == "417");
  CHECK(status_of(pair, head("/", {{"a", "b\x01"}})) == "400");
  CHECK(status_of(pair, {{":method", "CONNECT"}, {":authority", "a:1"}})
        == "400");
  CHECK(status_of(pair, {{":method", "OPTIONS"},
                         {":scheme", "http"},
                         {":authority", "localhost"},
                         {":path", "*"}})
        == "400");
  // What two readers could understand in two ways has no answer.
  for (auto& wrong : std::vector<h2_peer::header_list>{
         head("/", {{"content-length", "4"}, {"content-length", "5"}}),
         head("/", {{"content-length", "+5"}}),
         head("/", {{"content-length", "4"}}),
         head("/", {{"content-length", "6"}}),
         head("/", {{"transfer-encoding", "chunked"}}),
         head("/", {{"connection", "close"}}),
         head("/", {{":path", "/again"}}),
         head("a"),
         head(""),
         {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}},
         {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}}}) {
    auto id = pair.client.request(wrong, "abcde");
    pair.run();
    INFO(wrong.back().first << ": " << wrong.back().second);
    CHECK(!pair.has(id));
    CHECK(pair.client[id].closed);
    CHECK((pair.client[id].error == NGHTTP2_PROTOCOL_ERROR
           || pair.client[id].status() == "400"));
    CHECK(!pair.protocol.over());
  }
  CHECK(pair.get("/next").body == "/next");
}

TEST_CASE("more requests at once than are allowed are refused") {
  h2_pair pair{{.h2 = {.streams_max = 10}}};
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i) // before the client knows the bound
    ids.push_back(pair.client.request("GET", "/"));
  pair.run();
  CHECK(pair.client.settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS] == 10);
  CHECK(pair.requests.size() == 10);
  for (std::size_t i = 10; i < 20; ++i)
    CHECK(pair.client[ids[i]].error == NGHTTP2_REFUSED_STREAM);
}

TEST_CASE("requests that the client gave up count while they are worked on") {
  h2_pair pair{{.h2 = {.streams_max = 10}}};
  std::int32_t id = 0;
  for (int i = 0; i < 11; ++i) {
    id = pair.client.request("GET", "/");
    pair.run();
    pair.client.reset(id);
    pair.run();
  }
  CHECK(pair.requests.size() == 10);
  CHECK(pair.client[id].error == NGHTTP2_REFUSED_STREAM);
  pair.answer(1, {});
  CHECK(pair.get("/next").body == "/next");
}

TEST_CASE("a body that the client gave up counts until its handler is done") {
  h2_pair pair;
  auto id = pair.client.request("POST", "/", {}, x(1 << 20));
  pair.run();
  pair.client.reset(id);
  pair.run();
  CHECK(pair.options.budgets->receiving.used() > 0);
  pair.answer(id, {});
  CHECK(pair.options.budgets->receiving.used() == 0);
}

TEST_CASE("the headers of requests that are not answered have a bound") {
  h2_pair pair;
  h2_peer::header_list much;
  for (int i = 0; i < 10; ++i) // a byte each, but the first
    much.emplace_back("a", x(3000));
  auto begin = [&] {
    auto id = pair.client.request("POST", "/", much, {}, false);
    pair.run();
    return id;
  };
  auto first = begin();
  auto fit = pair.options.h2.header_text_bytes_max / 30'100;
  for (std::size_t i = 1; i < fit; ++i)
    CHECK(pair.client[begin()].status().empty());
  auto refused = begin();
  CHECK(pair.client[refused].status() == "503");
  CHECK(pair.client[refused].header("retry-after") == "1");
  CHECK(pair.get("/small").body == "/small");
  // It counts until its handler is done, even without its client.
  pair.client.send(first, "x", true);
  pair.run();
  CHECK(pair.has(first));
  pair.client.reset(first);
  CHECK(pair.client[begin()].status() == "503");
  pair.answer(first, {});
  CHECK(pair.client[begin()].status().empty());
}

// --- floods -----------------------------------------------------------------

TEST_CASE("requests that are reset at once never reach a handler, and too many "
          "end the connection") {
  h2_pair pair;
  pair.run();
  for (std::size_t i = 0; i < limits::h2_resets_max; ++i) {
    pair.give(h2_frame(NGHTTP2_HEADERS,
                       NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                       std::uint32_t(2 * i + 1), "\x82\x86\x84\x41\x01x")
              + h2_frame(NGHTTP2_RST_STREAM, 0, std::uint32_t(2 * i + 1),
                         {"\0\0\0\x08", 4}));
  }
  CHECK(pair.requests.empty());
  CHECK(!pair.protocol.over());
  auto next = std::uint32_t(2 * limits::h2_resets_max + 1);
  auto again = [&] {
    pair.give(h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, next,
                       "\x82\x86\x84\x41\x01x")
              + h2_frame(NGHTTP2_RST_STREAM, 0, next, {"\0\0\0\x08", 4}));
    next += 2;
  };
  pair.now += 1s; // a second later a few more are fine
  for (std::size_t i = 0; i < limits::h2_resets_per_second; ++i)
    again();
  CHECK(!pair.protocol.over());
  again();
  check_over(pair, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_CASE("to make the server reset streams is no better") {
  h2_pair pair;
  pair.run();
  std::string said;
  std::size_t sent = 0;
  for (; !pair.protocol.over() && sent < 1000; ++sent) {
    // A window that is too large is an error of the stream.
    auto id = std::uint32_t(2 * sent + 1);
    pair.give(h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id,
                       "\x82\x86\x84\x41\x01x")
              + h2_frame(NGHTTP2_WINDOW_UPDATE, 0, id, "\x7f\xff\xff\xff"));
    said = pair.produce();
  }
  CHECK(sent == limits::h2_resets_max + 1);
  CHECK(said.ends_with(std::string_view{"\0\0\0\x0b", 4})); // enough is enough
  CHECK(pair.requests.empty());
}

TEST_CASE("frames that carry nothing are limited") {
  for (auto& frame : {h2_frame(NGHTTP2_PING, 0, 0, "12345678"),
                      h2_frame(NGHTTP2_SETTINGS, 0, 0),
                      h2_frame(NGHTTP2_PRIORITY, 0, 1, {"\0\0\0\0\1", 5})}) {
    h2_pair pair;
    pair.run();
    std::size_t sent = 0;
    while (!pair.protocol.over() && sent < 3000) {
      pair.give(frame);
      // nghttp2's client does not expect so many answers.
      pair.produce();
      ++sent;
    }
    CHECK(sent > limits::h2_small_frames_max - 10);
    CHECK(sent < limits::h2_small_frames_max + 10);
  }
  h2_pair pair; // all in one read
  pair.run();
  std::string pings;
  for (int i = 0; i < 3000; ++i)
    pings += h2_frame(NGHTTP2_PING, 0, 0, "12345678");
  pair.give(pings);
  CHECK(pair.produce().size() < 30'000);
  CHECK(pair.protocol.over());
}

TEST_CASE("empty pieces of a body are limited") {
  h2_pair pair;
  auto id = pair.client.request("POST", "/", {}, {}, false);
  pair.run();
  for (int i = 0; !pair.protocol.over() && i < 3000; ++i) {
    pair.give(h2_frame(NGHTTP2_DATA, 0, std::uint32_t(id)));
    pair.client.input(pair.produce());
  }
  CHECK(pair.client.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_CASE("a header that does not end is cut off") {
  for (auto& piece : {std::string{}, x(100)}) {
    h2_pair pair;
    pair.run();
    pair.give(h2_frame(NGHTTP2_HEADERS, 0, 1, "\x82\x86\x84"));
    for (int i = 0; !pair.protocol.over() && i < 1000; ++i) {
      pair.give(h2_frame(NGHTTP2_CONTINUATION, 0, 1, piece));
      pair.client.input(pair.produce());
    }
    CHECK(pair.client.goaway.has_value());
    CHECK(pair.requests.empty());
  }
}

TEST_CASE("a header that grows when it is unpacked is cut off") {
  h2_pair pair;
  pair.run();
  // A field of 4000 bytes for the table, then an index of one byte for each.
  std::string block{"\x82\x86\x84\x41\x01x\x40\x01"
                    "a\x7f\xa1\x1e"};
  block += x(4000);
  block += std::string(10'000, '\xbe');
  pair.give(h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block));
  check_over(pair, NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(pair.requests.empty());
}

TEST_CASE("garbage ends the connection with a reason") {
  auto preface = h2_peer{}.output();
  auto over = [&](std::string_view bytes, bool greeting = true) {
    h2_pair pair;
    if (greeting)
      pair.give(preface);
    else
      pair.give("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    pair.give(bytes);
    pair.client.input(pair.produce());
    INFO(bytes);
    CHECK(pair.client.goaway.has_value());
    CHECK(pair.client.goaway != NGHTTP2_NO_ERROR);
    CHECK(pair.protocol.over());
    CHECK(pair.requests.empty());
  };
  over("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  over("GET / HTTP/1.1\r\nHost: x\r\n\r\n", false);
  over(h2_frame(NGHTTP2_PING, 0, 0, "12345678"), false);
  over(std::string(100, '\xff'));
  over(h2_frame(NGHTTP2_PING, 0, 0, "123"));
  over(h2_frame(NGHTTP2_DATA, 0, 1, "x"));
  over(h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2, "\x82"));
  over(h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff"));
  over(h2_frame(NGHTTP2_CONTINUATION, 0, 1, "\x82"));
  over(h2_frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1,
                {"\0\0\0\2\x82", 5}));
  over(h2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff"));
  over(h2_frame(NGHTTP2_SETTINGS, 0, 0, x(5)));
}

} // namespace callboard::test::h2_limits_test
