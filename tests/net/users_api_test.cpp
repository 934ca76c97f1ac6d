// Users over HTTP: made, changed, removed, and what counts for whom at once.
#include "actors/core/limits.hpp"
#include "tests/support/users_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::users_api_test {

using namespace std::chrono_literals;

namespace {

constexpr auto get = http_verb::get;
constexpr auto put = http_verb::put;
constexpr auto post = http_verb::post;
constexpr auto erase = http_verb::delete_;
const headers json_body{{"Content-Type", "application/json"}};
const std::string anna_json =
  R"({"loginName":"anna","fullName":"Anna B","groups":["x"],"password":"pw"})";

std::string relations(const nlohmann::json& user) {
  std::string out;
  for (auto& link : user["links"])
    out += link["rel"].get<std::string>() + ' ';
  return out;
}

} // namespace

TEST_CASE("a user is made, told of, and can log in") {
  users_fixture f;
  CHECK(f.knock("anna:pw") == 401);
  auto made = f.admin(post, "/users/", anna_json);
  CHECK(made.status() == 201);
  CHECK(made.header("Location") == "http://h:2113/users/anna");
  CHECK(made.header("Durability") == "fsync");
  CHECK(made.answer.content_type == "application/json; charset=utf-8");
  CHECK(made.json()
        == nlohmann::json{
          {"loginName", "anna"}, {"success", true}, {"error", "Success"}});
  CHECK(f.knock("anna:pw") == 200); // 401 was remembered, and forgotten
  CHECK(f.knock("anna:no") == 401);
  auto seen = f.admin(get, "/users/anna");
  CHECK(seen.status() == 200);
  auto document = seen.json();
  CHECK(document["success"] == true);
  CHECK(document["error"] == "Success");
  auto& data = document["data"];
  CHECK(data["loginName"] == "anna");
  CHECK(data["fullName"] == "Anna B");
  CHECK(data["groups"] == nlohmann::json{"x"});
  CHECK(data["disabled"] == false);
  CHECK(data["dateLastUpdated"].is_string());
  CHECK(relations(data)
        == "reset-password change-password edit delete disable ");
  CHECK(data["links"][0]["href"]
        == "http://h:2113/users/anna/command/reset-password");
  CHECK(data["links"][3]["href"] == "http://h:2113/users/anna");
  CHECK(data.size() == 6);
}

TEST_CASE("all users are listed by login, with and without a slash") {
  users_fixture f;
  f.admin(post, "/users", anna_json);
  for (auto* target : {"/users", "/users/"}) {
    auto list = f.admin(get, target).json();
    REQUIRE(list["data"].size() == 2);
    CHECK(list["data"][0]["loginName"] == "admin");
    CHECK(list["data"][1]["loginName"] == "anna");
    CHECK(list["success"] == true);
  }
}

TEST_CASE("a repeated create is 201 only with the same details and password") {
  users_fixture f;
  CHECK(f.admin(post, "/users", anna_json).status() == 201);
  auto again = f.admin(post, "/users", anna_json);
  CHECK(again.status() == 201);
  CHECK(again.header("Location") == "http://h:2113/users/anna");
  auto other = f.admin(
    post, "/users",
    R"({"loginName":"anna","fullName":"Anna B","groups":["x"],"password":"o"})");
  CHECK(other.status() == 409);
  CHECK(other.json()["error"] == "Conflict");
  CHECK(other.json()["success"] == false);
  CHECK(
    f.admin(
       post, "/users",
       R"({"loginName":"anna","fullName":"A","groups":["x"],"password":"pw"})")
      .status()
    == 409);
  CHECK(f.knock("anna:pw") == 200);
}

TEST_CASE("of creates that come together one succeeds") {
  users_fixture f;
  std::vector<std::uint64_t> asked;
  auto serve = [&](const std::string& password) {
    return f.begin_as({}, post, "/users", f.of("admin:changeit"),
                      R"({"loginName":"bob","password":")" + password + "\"}");
  };
  f.w.log->at_once = false;
  asked = {serve("one"), serve("two"), serve("one")};
  for (auto one : asked)
    CHECK_FALSE(f.answer_to(one)); // not before it is on disk
  f.w.log->at_once = true;
  f.w.log->flush();
  f.settle();
  CHECK(f.answer_to(asked[0])->status() == 201);
  CHECK(f.answer_to(asked[1])->status() == 409);
  CHECK(f.answer_to(asked[2])->status() == 201);
  CHECK(f.knock("bob:one") == 200);
  CHECK(f.knock("bob:two") == 401);
}

TEST_CASE("a user that could not be recorded was not made") {
  users_fixture f;
  f.knock("admin:changeit");
  f.w.log->at_once = false;
  auto asked =
    f.begin_as({}, post, "/users", f.of("admin:changeit"), anna_json);
  f.w.log->fail(errc::storage_failed);
  f.settle();
  CHECK(f.answer_to(asked)->status() == 503);
  f.w.log->at_once = true;
  CHECK(f.admin(get, "/users/anna").status() == 404);
  CHECK(f.admin(post, "/users", anna_json).status() == 201);
}

TEST_CASE("a user is disabled, enabled, and both count at once") {
  users_fixture f;
  f.admin(post, "/users", anna_json);
  CHECK(f.knock("anna:pw") == 200);
  CHECK(f.admin(post, "/users/anna/command/disable").status() == 200);
  CHECK(f.knock("anna:pw") == 401);
  auto data = f.admin(get, "/users/anna").json()["data"];
  CHECK(data["disabled"] == true);
  CHECK(relations(data)
        == "reset-password change-password edit delete enable ");
  CHECK(f.admin(post, "/users/anna/command/enable").status() == 200);
  CHECK(f.admin(get, "/users/anna").json()["data"]["disabled"] == false);
  CHECK(f.knock("anna:pw") == 200);
}

TEST_CASE("an update changes what it names; groups count at once") {
  users_fixture f;
  f.admin(post, "/users", anna_json);
  CHECK(f.as("anna:pw", put, "/subscriptions/s/g", "{}").status() == 401);
  auto changed = f.admin(put, "/users/anna", R"({"fullName":"Anna C"})");
  CHECK(changed.status() == 200);
  CHECK(changed.json()["loginName"] == "anna");
  auto data = f.admin(get, "/users/anna").json()["data"];
  CHECK(data["fullName"] == "Anna C");
  CHECK(data["groups"] == nlohmann::json{"x"});
  CHECK(f.admin(put, "/users/anna", R"({"groups":["$ops"]})").status() == 200);
  CHECK(f.as("anna:pw", put, "/subscriptions/s/g", "{}").status() == 201);
}

TEST_CASE("a password is reset by admins, and changed by oneself") {
  users_fixture f;
  f.admin(post, "/users", anna_json);
  const std::string change = "/users/anna/command/change-password";
  CHECK(f.knock("anna:pw") == 200);
  CHECK(f.admin(post, "/users/anna/command/reset-password",
                R"({"newPassword":"p2"})")
          .status()
        == 200);
  CHECK(f.knock("anna:pw") == 401);
  auto own = [&](const std::string& with, const std::string& current) {
    return f.as("anna:" + with, post, change,
                R"({"newPassword":"p3","currentPassword":")" + current + "\"}");
  };
  auto wrong = own("p2", "pw");
  CHECK(wrong.status() == 401);
  CHECK(wrong.json()["error"] == "Unauthorized");
  CHECK(wrong.header("WWW-Authenticate") == "BasicCustom realm=\"ES\"");
  CHECK(own("p2", "p2").status() == 200);
  CHECK(f.knock("anna:p2") == 401);
  CHECK(f.knock("anna:p3") == 200);
  CHECK(f.admin(post, change, R"({"newPassword":"a","currentPassword":"p3"})")
          .status()
        == 401);
}

TEST_CASE("guessing a current password is slowed down as well") {
  users_fixture f;
  f.admin(post, "/users", anna_json);
  auto guess = [&] {
    return f
      .as("anna:pw", post, "/users/anna/command/change-password",
          R"({"newPassword":"x","currentPassword":"wrong"})")
      .status();
  };
  for (std::uint64_t i = 0; i < limits::login_failures_max; ++i)
    CHECK(guess() == 401);
  CHECK(guess() == 429);
  f.advance(limits::login_failure_forgotten);
  CHECK(guess() == 401);
}

TEST_CASE("a user is deleted, and cannot log in any more") {
  users_fixture f;
  f.admin(post, "/users", anna_json);
  CHECK(f.knock("anna:pw") == 200);
  CHECK(f.admin(erase, "/users/anna").status() == 200);
  CHECK(f.knock("anna:pw") == 401);
  auto gone = f.admin(get, "/users/anna");
  CHECK(gone.status() == 404);
  CHECK(gone.json()["error"] == "NotFound");
}

TEST_CASE("who is not there is 404, for every command") {
  users_fixture f;
  const std::string uri = "/users/nobody";
  CHECK(f.admin(get, uri).status() == 404);
  CHECK(f.admin(put, uri, "{}").status() == 404);
  CHECK(f.admin(erase, uri).status() == 404);
  CHECK(f.admin(post, uri + "/command/enable").status() == 404);
  CHECK(f.admin(post, uri + "/command/disable").status() == 404);
  auto reset =
    f.admin(post, uri + "/command/reset-password", R"({"newPassword":"x"})");
  CHECK(reset.status() == 404);
  CHECK(reset.json()["error"] == "NotFound");
  CHECK(f.admin(get, "/users/Admin").status() == 404); // case counts
  CHECK(f.admin(get, "/users//").status() == 404);
  CHECK(f.admin(get, "/users/" + std::string(2'000, 'x')).status() == 404);
  CHECK(f.admin(post, uri + "/command/explode").status() == 404);
  CHECK(f.admin(put, "/users", "{}").status() == 405);
}

TEST_CASE("the last admin can neither be removed, disabled nor demoted") {
  users_fixture f;
  auto refused = f.admin(erase, "/users/admin");
  CHECK(refused.status() == 400);
  CHECK(refused.body()
        == "'admin' is the last user that is enabled and in $admins: make "
           "another one first.");
  CHECK(f.admin(post, "/users/admin/command/disable").status() == 400);
  CHECK(f.admin(put, "/users/admin", R"({"groups":[]})").status() == 400);
  CHECK(f.admin(post, "/users",
                R"({"loginName":"bob","groups":["$admins"],"password":"p"})")
          .status()
        == 201);
  CHECK(f.as("bob:p", erase, "/users/admin").status() == 200);
  CHECK(f.knock("admin:changeit") == 401);
}

TEST_CASE("users are administered by admins; oneself may look") {
  users_fixture f;
  f.admin(post, "/users", anna_json);
  f.admin(post, "/users",
          R"({"loginName":"ops","groups":["$ops"],"password":"pw"})");
  auto status = [&](const std::string& who, http_verb verb,
                    const std::string& target, const std::string& body = {}) {
    return who.empty() ? f.call_as({}, verb, target, json_body, body).status()
                       : f.as(who, verb, target, body).status();
  };
  for (auto* who : {"", "anna:pw", "ops:pw"}) {
    CHECK(status(who, get, "/users") == 401);
    CHECK(status(who, get, "/users/") == 401);
    CHECK(status(who, get, "/users/admin") == 401);
    CHECK(status(who, post, "/users", anna_json) == 401);
    CHECK(status(who, put, "/users/anna", "{}") == 401);
    CHECK(status(who, erase, "/users/anna") == 401);
    CHECK(status(who, post, "/users/anna/command/enable") == 401);
    CHECK(status(who, post, "/users/anna/command/disable") == 401);
    CHECK(status(who, post, "/users/anna/command/reset-password", "{}") == 401);
    CHECK(status(who, post, "/users/admin/command/change-password", "{}")
          == 401);
  }
  CHECK(status("anna:pw", get, "/users/anna") == 200);
  CHECK(status("", get, "/users/anna") == 401);
  CHECK(status("", get, "/users/$current") == 401);
  auto self = f.as("anna:pw", get, "/users/%24current");
  CHECK(self.status() == 200);
  CHECK(self.json()["data"]["loginName"] == "anna");
}

TEST_CASE("bodies must be JSON, and make sense") {
  users_fixture f;
  CHECK(f.call_as({}, post, "/users",
                  {{"Authorization", "Basic " + base64("admin:changeit")}},
                  anna_json)
          .status()
        == 415);
  auto refused = f.admin(post, "/users", "nonsense");
  CHECK(refused.status() == 400);
  CHECK(refused.body() == "The body is not a JSON object.");
  CHECK(
    f.admin(post, "/users", R"({"loginName":"a/b","password":"p"})").status()
    == 400);
  CHECK(f.call_as({}, get, "/users",
                  {{"Authorization", "Basic " + base64("admin:changeit")},
                   {"Accept", "image/png"}})
          .status()
        == 406);
}

TEST_CASE("in insecure mode everybody administers users") {
  users_fixture f{{.everybody_is_admin = true}};
  CHECK(f.call_as({}, post, "/users", json_body, anna_json).status() == 201);
  CHECK(f.call_as({}, get, "/users/anna").status() == 200);
  CHECK(f.call_as({}, get, "/users/$current").json()["data"]["loginName"]
        == "admin");
  CHECK(f.call_as({}, erase, "/users/anna").status() == 200);
}

TEST_CASE("too many passwords at once are put off, not queued") {
  auto hashes_at_once = [](caf::actor_system& sys) -> login_actor {
    return sys.spawn([]() -> login_actor::behavior_type {
      return {[](login_atom, const login_request&) { return login_reply{}; },
              [](hash_atom, const password_request&) {
                return password_proof{.hash = "hash"};
              }};
    });
  };
  dialect_fixture f{{.trusted_header = true}, hashes_at_once};
  auto more = json_body;
  more.emplace_back("ES-TrustedAuth", "admin; $admins");
  std::vector<std::uint64_t> asked;
  for (std::size_t i = 0; i <= limits::password_checks_max; ++i)
    asked.push_back(f.begin_quietly(post, "/users", more,
                                    R"({"password":"p","loginName":"user )"
                                      + std::to_string(i) + "\"}"));
  f.settle();
  auto put_off = *f.answer_to(asked.back());
  CHECK(put_off.status() == 503);
  CHECK(put_off.header("Retry-After") == "1");
  asked.pop_back();
  for (auto one : asked)
    CHECK(f.answer_to(one)->status() == 201);
  CHECK(f.post("/users", json_body, R"({"password":"p","loginName":"last"})")
          .status()
        == 201); // there is room again
}

} // namespace callboard::test::users_api_test
