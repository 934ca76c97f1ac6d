// What absolute URLs begin with (spec 0.7).
#include "net/base_url.hpp"

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>
#include <utility>

namespace callboard::test::base_url_test {

namespace {

using header = std::pair<std::string_view, std::string_view>;

std::string base(std::initializer_list<header> headers,
                 const base_url_options& options = {}) {
  http_request request;
  REQUIRE(request.set_target("/"));
  for (auto& [name, value] : headers)
    request.add_header(name, value);
  return base_url(request, options);
}

} // namespace

TEST_CASE("the base is what the client calls us; default ports are left out") {
  CHECK(base({{"Host", "broker:2113"}}) == "http://broker:2113");
  CHECK(base({{"Host", "broker"}}) == "http://broker");
  CHECK(base({{"Host", "broker:80"}}) == "http://broker");
  CHECK(base({{"Host", "broker:443"}}) == "http://broker:443");
  CHECK(base({{"Host", "broker:443"}}, {.tls = true}) == "https://broker");
  CHECK(base({{"Host", "[::1]:2113"}}) == "http://[::1]:2113");
  CHECK(base({{"Host", "[::1]"}}) == "http://[::1]");
}

TEST_CASE("without a usable Host our own address stands in") {
  CHECK(base({}, {.own_address = "127.0.0.1:9"}) == "http://127.0.0.1:9");
  for (auto host : {"", ":80", "a b", "a\"b", "a<b>", "a/b", "a:b", "a:0",
                    "a:99999", "[a", "[]", "u@h", "a:1:2"}) {
    INFO(host);
    CHECK(base({{"Host", host}}) == "http://127.0.0.1:2113");
  }
}

TEST_CASE("the advertised address replaces the client's") {
  auto advertised = [](advertised_address to, bool tls = false) {
    return base({{"Host", "inner:1"}},
                {.advertised = std::move(to), .tls = tls});
  };
  CHECK(advertised({.host = "outer"}) == "http://outer:1");
  CHECK(advertised({.host = "outer", .port = 80}) == "http://outer");
  CHECK(advertised({.host = "outer", .port = 5}, true) == "https://outer:5");
  // A whole URL says it all: no port is the default one.
  advertised_address url{.scheme = "https", .host = "outer", .prefix = "a/b"};
  CHECK(advertised(url) == "https://outer/a/b");
  url.port = 5;
  CHECK(advertised(url) == "https://outer:5/a/b");
  // A proxy still knows better.
  CHECK(base({{"Host", "inner:1"},
              {"X-Forwarded-Host", "proxy:7"},
              {"X-Forwarded-Prefix", "/c"},
              {"X-Forwarded-Proto", "http"}},
             {.advertised = url})
        == "http://proxy:7/c");
}

TEST_CASE("a proxy overrides port, scheme, host and prefix, in this order") {
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Port", "2"}}) == "http://a:2");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Port", "2x"}}) == "http://a:1");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Port", "-2"}}) == "http://a:1");
  CHECK(base({{"Host", "a:443"}, {"X-Forwarded-Proto", "https"}})
        == "https://a");
  CHECK(base({{"Host", "a"}, {"X-Forwarded-Proto", "https, http"}})
        == "https://a");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Proto", "javascript"}})
        == "http://a:1");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Host", "b"}}) == "http://b:1");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Host", "b:2, c:3"}})
        == "http://b:2");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Host", "b\"x"}}) == "http://a:1");
  CHECK(
    base(
      {{"Host", "a:1"}, {"X-Forwarded-Host", "b:3"}, {"X-Forwarded-Port", "2"}})
    == "http://b:3");
}

TEST_CASE("a prefix goes in front of every path") {
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Prefix", "myprefix"}})
        == "http://a:1/myprefix");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Prefix", "/my/prefix/"}})
        == "http://a:1/my/prefix");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Prefix", "/"}}) == "http://a:1");
  CHECK(base({{"Host", "a:1"}, {"X-Forwarded-Prefix", "a\"b"}})
        == "http://a:1");
}

} // namespace callboard::test::base_url_test
