// Bodies of commands about users, checked member by member.
#include "actors/core/limits.hpp"
#include "net/users_json.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace callboard::test::users_json_test {

namespace {

std::string why_not(const accepted<user_form>& form) {
  return form ? "accepted" : form.error().text;
}

/// The refusal of a body with this login, or group, and all else in order.
std::string login_refusal(const std::string& json_text) {
  return why_not(
    parse_new_user(R"({"password":"p","loginName":)" + json_text + "}"));
}

std::string groups_refusal(const std::string& json_text) {
  return why_not(parse_user_details(R"({"groups":)" + json_text + "}"));
}

} // namespace

TEST_CASE("a new user has a login, a password, and maybe more") {
  auto form = parse_new_user(
    R"({"loginName":"anna","fullName":"Anna","groups":["a","b"],"password":"p"})");
  REQUIRE(form.has_value());
  CHECK(form->login == "anna");
  CHECK(form->full_name == "Anna");
  CHECK(form->groups == std::vector<std::string>{"a", "b"});
  CHECK(form->password == "p");
  form = parse_new_user(R"({"LOGINNAME":"anna","Password":1234,"fullname":null,
                            "other":{}})");
  REQUIRE(form.has_value());
  CHECK(form->password == "1234");
  CHECK_FALSE(form->full_name);
  CHECK_FALSE(form->groups);
}

TEST_CASE("what is no object is refused") {
  for (auto* body : {"", "nonsense", "[]", "null", "\"x\"", "{\"a\":"})
    CHECK(why_not(parse_new_user(body)) == "The body is not a JSON object.");
  CHECK(why_not(parse_user_details("\xEF\xBB\xBF{fullName: 'x' /* y */}"))
        == "accepted");
}

TEST_CASE("a login has some bytes, and none that mean something else") {
  CHECK(login_refusal(R"("a b.c-d@\u00e4")") == "accepted");
  CHECK(login_refusal("null")
        == "loginName is missing; needed: a text of up to 200 bytes.");
  CHECK(login_refusal("{}")
        == "loginName is {}; allowed: a text of up to 200 bytes.");
  CHECK(login_refusal("\"" + std::string(201, 'x') + "\"")
        == "loginName has 201 bytes; allowed: up to 200.");
  CHECK(login_refusal("\"" + std::string(200, 'x') + "\"") == "accepted");
  for (auto* text : {R"("")", R"("a/b")", R"("a:b")", R"("$admins")",
                     R"("a\u0000b")", R"("a\nb")", R"("\u007f")"})
    CHECK(login_refusal(text)
          == "loginName is " + std::string{text}
               + "; allowed: a text that is not empty, has no control "
                 "characters, no '/' and no ':', and does not begin with '$'.");
}

TEST_CASE("groups are some names") {
  CHECK(groups_refusal("[]") == "accepted");
  CHECK(groups_refusal("\"x\"")
        == "groups is \"x\"; allowed: an array of up to 30 names.");
  CHECK(groups_refusal(R"(["a",""])")
        == "groups[1] is \"\"; allowed: a name that is not empty and has no "
           "control characters.");
  CHECK(groups_refusal("[[]]")
        == "groups[0] is []; allowed: a text of up to 90 bytes.");
  std::string many = "[0";
  for (int i = 1; i < 31; ++i)
    many += ",\"g\"";
  CHECK(groups_refusal(many + "]")
        == "groups has 31 members; allowed: an array of up to 30 names.");
  CHECK(groups_refusal("[\"" + std::string(91, 'x') + "\"]")
        == "groups[0] has 91 bytes; allowed: up to 90.");
}

TEST_CASE("a full name has some bytes, and no control characters") {
  CHECK(why_not(parse_user_details(R"({"fullName":""})")) == "accepted");
  CHECK(why_not(parse_user_details(R"({"fullName":"a\tb"})"))
        == "fullName is \"a\\tb\"; allowed: a text without control "
           "characters.");
  CHECK(why_not(parse_user_details("{\"fullName\":\"" + std::string(401, 'x')
                                   + "\"}"))
        == "fullName has 401 bytes; allowed: up to 400.");
}

TEST_CASE("a password is needed, bounded, and never quoted") {
  CHECK(why_not(parse_new_user(R"({"loginName":"a"})"))
        == "password is missing; needed: a text of 1 to 1024 bytes.");
  CHECK(why_not(parse_new_user(R"({"loginName":"a","password":""})"))
        == "password is empty; allowed: a text of 1 to 1024 bytes.");
  CHECK(why_not(parse_new_user(R"({"loginName":"a","password":["top"]})"))
        == "password is not a text; allowed: a text of 1 to 1024 bytes.");
  CHECK(why_not(parse_password_reset("{}"))
        == "newPassword is missing; needed: a text of 1 to 1024 bytes.");
  CHECK(why_not(parse_password_change(R"({"newPassword":"x"})"))
        == "currentPassword is missing; needed: a text of 1 to 1024 bytes.");
  CHECK(why_not(parse_password_reset("{\"newPassword\":\""
                                     + std::string(1025, 'x') + "\"}"))
        == "newPassword has 1025 bytes; allowed: up to 1024.");
  auto form =
    parse_password_change(R"({"newPassword":"x","currentPassword":"y"})");
  REQUIRE(form.has_value());
  CHECK(form->password == "x");
  CHECK(form->current_password == "y");
}

TEST_CASE("a user with all that it may have fits into a page of the store") {
  CHECK(limits::full_name_bytes_max
          + limits::user_groups_max * (limits::user_group_bytes_max + 2) + 128
          + 64
        <= limits::value_bytes_max);
}

TEST_CASE("users are told as documents") {
  user_info anna{"anna b", "Anna", {"$ops", "x"}, false, {1'449'047'868'556}};
  CHECK(user_json("http://h:1", anna).dump(2) == R"({
  "success": true,
  "error": "Success",
  "data": {
    "loginName": "anna b",
    "fullName": "Anna",
    "groups": [
      "$ops",
      "x"
    ],
    "disabled": false,
    "dateLastUpdated": "2015-12-02T09:17:48.556Z",
    "links": [
      {
        "href": "http://h:1/users/anna%20b/command/reset-password",
        "rel": "reset-password"
      },
      {
        "href": "http://h:1/users/anna%20b/command/change-password",
        "rel": "change-password"
      },
      {
        "href": "http://h:1/users/anna%20b",
        "rel": "edit"
      },
      {
        "href": "http://h:1/users/anna%20b",
        "rel": "delete"
      },
      {
        "href": "http://h:1/users/anna%20b/command/disable",
        "rel": "disable"
      }
    ]
  }
})");
  CHECK(users_json("", {}).dump(2)
        == "{\n  \"success\": true,\n  \"error\": \"Success\",\n"
           "  \"data\": []\n}");
  CHECK(user_result_json("a", "Conflict").dump(2)
        == "{\n  \"loginName\": \"a\",\n  \"success\": false,\n"
           "  \"error\": \"Conflict\"\n}");
}

TEST_CASE("bodies in XML have an element for each member") {
  auto form = parse_new_user(
    R"(<?xml version="1.0"?><User xmlns:i="http://www.w3.org/2001/XMLSchema-instance">)"
    "<LoginName>anna</LoginName><fullName i:type=\"x\">Anna &amp; B</fullName>"
    "<Groups><string>a</string><string>b</string></Groups>"
    "<Password> 007 </Password><Other><a/></Other></User>",
    media::text_xml);
  REQUIRE(form.has_value());
  CHECK(form->login == "anna");
  CHECK(form->full_name == "Anna & B");
  CHECK(form->groups == std::vector<std::string>{"a", "b"});
  CHECK(form->password == " 007 ");
  auto groups = [](const std::string& elements) {
    return parse_user_details("<User>" + elements + "</User>", media::text_xml)
      .value()
      .groups;
  };
  using names = std::vector<std::string>;
  CHECK(groups("<Groups><string>a</string></Groups>") == names{"a"});
  CHECK(groups("<Groups>a</Groups><Groups>b</Groups>") == names{"a", "b"});
  CHECK(groups("<Groups>a</Groups>") == names{"a"});
  CHECK(groups("<Groups />") == names{});
  CHECK(groups("<Groups></Groups>") == names{});
  CHECK(groups("<Groups xmlns:i=\"x\" i:nil=\"true\" />") == std::nullopt);
  CHECK(groups("") == std::nullopt);
  auto details =
    parse_user_details("<User><FullName /></User>", media::text_xml);
  CHECK(details.value().full_name == "");
  CHECK_FALSE(details->groups);
  CHECK(parse_password_change("<P><CurrentPassword>a</CurrentPassword>"
                              "<NewPassword>b</NewPassword></P>",
                              media::text_xml)
          ->current_password
        == "a");
}

TEST_CASE("what is no XML with elements is refused, and so is a bad element") {
  for (auto* body : {"", "nonsense", "{}", "<a>", "<a>text</a>", "<a>b<c/></a>",
                     "<!DOCTYPE a><a><b/></a>"})
    CHECK(why_not(parse_user_details(body, media::text_xml))
          == "The body is not XML with an element for each member.");
  CHECK(why_not(parse_user_details("<a />", media::text_xml)) == "accepted");
  CHECK(
    why_not(parse_user_details(
      "<a><Groups><string>b</string><string/></Groups></a>", media::text_xml))
    == "groups[1] is null; allowed: a text of up to 90 bytes.");
  CHECK(why_not(parse_password_reset("<a><NewPassword/></a>", media::text_xml))
        == "newPassword is empty; allowed: a text of 1 to 1024 bytes.");
  CHECK(why_not(parse_password_reset("<a><NewPassword><b/></NewPassword></a>",
                                     media::text_xml))
        == "newPassword is not a text; allowed: a text of 1 to 1024 bytes.");
}

} // namespace callboard::test::users_json_test
