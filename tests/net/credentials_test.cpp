// What an Authorization header says (spec 7.1).
#include "net/credentials.hpp"

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>

namespace callboard::test::credentials_test {

namespace {

using kind = credentials::kind;

credentials
from(std::initializer_list<std::string_view> authorization_headers) {
  http_request request;
  REQUIRE(request.set_target("/"));
  for (auto value : authorization_headers)
    request.add_header("authorization", value);
  return read_credentials(request);
}

} // namespace

TEST_CASE("Basic carries a login and a password") {
  // printf admin:changeit | base64
  CHECK(from({"Basic YWRtaW46Y2hhbmdlaXQ="})
        == credentials{kind::basic, "admin", "changeit"});
  // a:b:c, a: and : and a password in UTF-8
  CHECK(from({"Basic YTpiOmM="}) == credentials{kind::basic, "a", "b:c"});
  CHECK(from({"Basic YTo="}) == credentials{kind::basic, "a", ""});
  CHECK(from({"Basic Og=="}) == credentials{kind::basic, "", ""});
  CHECK(from({"Basic YTrRgQ=="}) == credentials{kind::basic, "a", "\xd1\x81"});
}

TEST_CASE("what is no Basic login is anonymous") {
  CHECK(from({}).what == kind::none);
  CHECK(from({"Bearer YWRtaW46Y2hhbmdlaXQ="}).what == kind::none);
  CHECK(from({"basic YWRtaW46Y2hhbmdlaXQ="}).what == kind::none);
  CHECK(from({"Basic"}).what == kind::none);
  CHECK(from({""}).what == kind::none);
  CHECK(from({"Basic YTpi", "Basic YTpi"}).what == kind::none);
  CHECK(from({"Basic YWRtaW4="}).what == kind::none); // no colon
  CHECK(from({"Basic "}).what == kind::none);         // empty: no colon either
}

TEST_CASE("text that is not base64 is a login that fails") {
  for (auto value : {"Basic !!!!", "Basic YTpi!", "Basic YTpiO", "Basic a",
                     "Basic YTo=x", "Basic YTo", "Basic \xd1\x81"}) {
    INFO(value);
    CHECK(from({value}).what == kind::broken);
  }
}

TEST_CASE("failures are counted by address, and of IPv6 by network") {
  CHECK(failure_name("10.1.2.3") == "10.1.2.3");
  CHECK(failure_name("::ffff:10.1.2.3") == "10.1.2.3");
  CHECK(failure_name("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::");
  CHECK(failure_name("2001:db8:1:2::9") == "2001:db8:1:2::");
  CHECK(failure_name("") == "");
}

} // namespace callboard::test::credentials_test
