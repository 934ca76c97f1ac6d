// Requests and answers between nodes: that they come back as they were, and
// that nothing else comes out.
#include "net/forwarded_messages.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <vector>

namespace callboard::test::forwarded_messages_test {

namespace {

using headers = std::vector<std::pair<std::string, std::string>>;

headers headers_of(const http_request& request) {
  headers out;
  request.each_header([&](std::string_view name, std::string_view value) {
    out.emplace_back(name, value);
  });
  return out;
}

const forwarded_request::origin somewhere{.key = {3, 0xfedcba9876543210},
                                          .round = 7,
                                          .client = 99,
                                          .to = listener::consumer};

http_request some_request() {
  http_request out;
  out.method = http_verb::put;
  out.body = std::string{"a\0b\r\n", 5};
  out.remote_address = "::1";
  out.keep_alive = false;
  REQUIRE(out.set_target("/a%20b/%E2%82%AC/?x=%2F+1&x=2&y"));
  out.add_header("hOST", "here");
  out.add_header("ES-EventId", "");
  out.add_header("accept", "one");
  out.add_header("Accept", "two");
  return out;
}

http_answer some_answer() {
  http_answer out{.status = http_status::gone,
                  .reason = "Not here",
                  .content_type = "text/xml",
                  .body = std::string{"\0<x/>", 5},
                  .close = true,
                  .unsent = [] {}};
  out.add_header("Location", "http://a/b");
  return out;
}

enum decoder { request, answer, note };

struct sample {
  std::string bytes;
  decoder by;
};

/// One of every kind.
std::vector<sample> samples() {
  return {{encode(somewhere, some_request()), request},
          {encode(somewhere.key, some_answer(), "X: 1\r\n"), answer},
          {encode(somewhere.key, forwarded_outcome::not_served), answer},
          {encode(forwarding_note{somewhere.key, 12345}), note}};
}

/// Which of the three decoders find sense in it.
std::vector<bool> decoded(std::string_view bytes) {
  return {decode_forwarded_request(bytes).has_value(),
          decode_forwarded_answer(bytes).has_value(),
          decode_forwarding_note(bytes).has_value()};
}

const std::vector<bool> by_none(3, false);

} // namespace

TEST_CASE("a forwarded request comes back as it was") {
  auto request = some_request();
  auto back = decode_forwarded_request(encode(somewhere, request));
  REQUIRE(back.has_value());
  CHECK(back->from == somewhere);
  auto& got = back->request;
  CHECK(got.method == http_verb::put);
  CHECK(got.body == request.body);
  CHECK(got.remote_address == "::1");
  CHECK_FALSE(got.keep_alive);
  CHECK(got.target() == request.target());
  CHECK(got.segment(0) == "a b");
  CHECK(got.trailing_slash());
  CHECK(got.query_list("x") == std::vector<std::string_view>{"/ 1", "2"});
  CHECK(headers_of(got) == headers_of(request));
  CHECK(got.header(http_field::host) == "here");
  CHECK(got.header_list(http_field::accept) == "one, two");
  CHECK_FALSE(got.connection);
}

TEST_CASE("a forwarded answer comes back with the lines of its route") {
  auto answer = some_answer();
  auto back =
    decode_forwarded_answer(encode(somewhere.key, answer, "X: 1\r\n"));
  REQUIRE(back.has_value());
  CHECK(back->key == somewhere.key);
  CHECK(back->outcome == forwarded_outcome::served);
  CHECK(back->wants_delivered);
  CHECK(back->content_type == "text/xml");
  CHECK(back->answer.status == http_status::gone);
  CHECK(back->answer.reason == "Not here");
  CHECK(back->answer.headers == "X: 1\r\nLocation: http://a/b\r\n");
  CHECK(back->answer.body == answer.body);
  CHECK(back->answer.close);

  auto plain = decode_forwarded_answer(encode(somewhere.key, {}, {}));
  REQUIRE(plain.has_value());
  CHECK_FALSE(plain->wants_delivered);
  CHECK_FALSE(plain->answer.close);
  CHECK(plain->answer.reason.empty());
  CHECK(plain->answer.status == http_status::ok);
}

TEST_CASE("that there is no answer, and notes, come back") {
  for (auto why : {forwarded_outcome::not_served, forwarded_outcome::unknown}) {
    auto back = decode_forwarded_answer(encode(somewhere.key, why));
    REQUIRE(back.has_value());
    CHECK(back->key == somewhere.key);
    CHECK(back->outcome == why);
  }
  for (std::uint64_t value : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    forwarding_note note{somewhere.key, value};
    auto back = decode_forwarding_note(encode(note));
    REQUIRE(back.has_value());
    CHECK(*back == note);
  }
}

TEST_CASE("every message says which thread it is about") {
  for (auto& [bytes, by] : samples())
    CHECK(forwarding_thread(bytes) == 3u);
  CHECK(forwarding_thread("") == std::nullopt);
  CHECK(forwarding_thread("\2\3\4") == std::nullopt);
}

TEST_CASE("a message that was cut, or is followed by something, is refused") {
  for (auto& [bytes, by] : samples()) {
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      INFO("cut after " << n);
      CHECK_FALSE(decoded(std::string_view{bytes}.substr(0, n))[by]);
    }
    CHECK(decoded(bytes)[by]);
    CHECK(decoded(bytes + "x") == by_none);
  }
}

TEST_CASE("messages of another version are told apart") {
  for (auto& [bytes, by] : samples()) {
    auto newer = bytes;
    newer[0] = 2;
    CHECK(decode_forwarded_request(newer).error() == errc::unknown_format);
    CHECK(decode_forwarded_answer(newer).error() == errc::unknown_format);
    CHECK(decode_forwarding_note(newer).error() == errc::unknown_format);
  }
}

TEST_CASE("what was damaged is refused or decoded, and nothing worse") {
  std::mt19937 random{5};
  auto any = [&](std::size_t below) { return random() % below; };
  auto all = samples();
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = all[any(all.size())].bytes;
    for (auto changes = 1 + any(4); changes > 0; --changes)
      bytes[any(bytes.size())] = static_cast<char>(any(256));
    refused += decoded(bytes) == by_none ? 1 : 0;
  }
  CHECK(refused > 5'000);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(any(60), '\1');
    for (std::size_t i = 1; i < bytes.size(); ++i)
      bytes[i] = static_cast<char>(any(round % 2 == 0 ? 256 : 4));
    decoded(bytes);
  }
}

TEST_CASE("a target that is none does not come out of a message") {
  auto bytes = encode(somewhere, some_request());
  auto at = bytes.find("/a%20b");
  REQUIRE(at != std::string::npos);
  bytes[at] = 'x';
  CHECK(decode_forwarded_request(bytes).error() == errc::corrupt);
}

} // namespace callboard::test::forwarded_messages_test
