// Users in XML, in and out.
#include "tests/support/users_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::users_xml_test {

namespace {

constexpr auto get = http_verb::get;
constexpr auto put = http_verb::put;
constexpr auto post = http_verb::post;
constexpr auto erase = http_verb::delete_;

} // namespace

TEST_CASE("users are made, told of and changed in XML as well") {
  users_fixture f;
  auto xml = [&](http_verb verb, std::string_view target,
                 std::string body = {}) {
    return f.call_as({}, verb, target,
                     {{"Authorization", "Basic " + base64("admin:changeit")},
                      {"Accept", "text/xml"},
                      {"Content-Type", "text/xml; charset=utf-8"}},
                     std::move(body));
  };
  const std::string head = R"(<?xml version="1.0" encoding="utf-8"?>)";
  auto made = xml(post, "/users",
                  "<User><LoginName>anna</LoginName><FullName>Anna B</FullName>"
                  "<Groups><string>x</string></Groups>"
                  "<Password>pw</Password></User>");
  CHECK(made.status() == 201);
  CHECK(made.answer.content_type == "text/xml; charset=utf-8");
  CHECK(made.header("Location") == "http://h:2113/users/anna");
  CHECK(made.body()
        == head
             + "<UpdateResult><LoginName>anna</LoginName>"
               "<Success>true</Success><Error>Success</Error></UpdateResult>");
  CHECK(f.knock("anna:pw") == 200);
  auto one = xml(get, "/users/anna");
  CHECK(one.status() == 200);
  CHECK(one.body().starts_with(
    head
    + "<UserDetailsResult><Success>true</Success><Error>Success</Error><Data>"
      "<LoginName>anna</LoginName><FullName>Anna B</FullName>"
      "<Groups><string>x</string></Groups><Disabled>false</Disabled>"
      "<DateLastUpdated>"));
  CHECK(one.body().ends_with(
    "<RelLink><Href>http://h:2113/users/anna/command/disable</Href>"
    "<Rel>disable</Rel></RelLink></Links></Data></UserDetailsResult>"));
  auto all = xml(get, "/users");
  CHECK(all.body().starts_with(
    head
    + "<AllUserDetailsResult><Success>true</Success>"
      "<Error>Success</Error><Data><UserData><LoginName>admin<"));
  auto none = xml(get, "/users/nobody");
  CHECK(none.status() == 404);
  CHECK(none.body()
        == head
             + "<UserDetailsResult><Success>false</Success>"
               "<Error>NotFound</Error></UserDetailsResult>");
  CHECK(xml(put, "/users/anna", "<User><Groups /></User>").status() == 200);
  CHECK(f.admin(get, "/users/anna").json()["data"]["groups"].empty());
  CHECK(xml(post, "/users/anna/command/reset-password",
            "<P><NewPassword>p2</NewPassword></P>")
          .status()
        == 200);
  CHECK(f.knock("anna:p2") == 200);
  auto refused = xml(post, "/users", "{}");
  CHECK(refused.status() == 400);
  CHECK(refused.body()
        == "The body is not XML with an element for each member.");
  CHECK(xml(erase, "/users/nobody").status() == 404);
}

} // namespace callboard::test::users_xml_test
