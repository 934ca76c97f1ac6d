// Groups that resolve links, read by who may not read what those lead to.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::group_links_test {

using nlohmann::json;

namespace {

const headers json_body{{"Content-Type", "application/json"}};

/// Everybody may read and write `s`, whose group resolves links; only the boss
/// may read `secret`. Bob links to it.
struct links_fixture : dialect_fixture {
  links_fixture() {
    publish("secret", R"({"top":"SECRET"})");
    post("/streams/secret/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(77))}},
         R"({"$acl":{"$r":"boss"}})");
    call(http_verb::put, "/subscriptions/s/g", json_body,
         R"({"resolveLinktos":true})");
    link("0@secret");
  }

  void link(const std::string& target) {
    call_as("bob", http_verb::post, "/streams/s",
            {{"Content-Type", "application/vnd.eventstore.events+json"}},
            R"([{"eventId":")" + to_string(world::id(++links_))
              + R"(","eventType":"$>","data":")" + target + "\"}]");
  }

  json settle_as(const std::string& who, const json& body) {
    return call_as(who, http_verb::post, "/subscriptions/s/g/settle", json_body,
                   body.dump())
      .json();
  }

  json next(const std::string& who) {
    return settle_as(who, {{"next", {{"count", 5}}}})["events"];
  }

private:
  std::uint64_t links_ = 1000;
};

bool tells(const std::string& text) {
  return text.find("SECRET") != std::string::npos;
}

} // namespace

TEST_CASE("a link that a consumer may not follow comes as a link, and can be "
          "settled") {
  links_fixture f;
  auto events = f.next("bob");
  REQUIRE(events.size() == 1);
  CHECK_FALSE(tells(events.dump()));
  CHECK(events[0]["type"] == "$>");
  CHECK(events[0]["stream"] == "s");
  CHECK(events[0]["number"] == 0);
  auto done = f.settle_as("bob", {{"ack", {events[0]["id"]}}});
  CHECK(done["applied"] == 1);
  f.link("0@secret");
  auto followed = f.next("boss");
  REQUIRE(followed.size() == 1);
  CHECK(tells(followed.dump()));
}

TEST_CASE("a fetch follows only the links that its consumer may follow") {
  links_fixture f;
  f.publish("open", R"({"is":"OPEN"})");
  f.link("0@open");
  auto fetch = [&](const std::string& who) {
    return f.call_as(
      who, http_verb::get, "/subscriptions/s/g/5?embed=body",
      {{"Accept", "application/vnd.eventstore.competingatom+json"}});
  };
  auto got = fetch("bob");
  CHECK(got.status() == 200);
  CHECK(got.json()["entries"].size() == 2);
  CHECK_FALSE(tells(got.body()));
  CHECK(got.body().find("OPEN") != std::string::npos);
  f.link("0@secret");
  CHECK(tells(fetch("boss").body()));
}

TEST_CASE("what is parked is shown to who may read where it comes from") {
  links_fixture f;
  auto id = f.next("bob")[0]["id"];
  auto parked =
    f.settle_as("bob", {{"nack", {{{"id", id}, {"action", "park"}}}}});
  CHECK(parked["applied"] == 1);
  f.settle();
  auto list = [&](const std::string& who) {
    return f.call_as(who, http_verb::get, "/subscriptions/s/g/parked").body();
  };
  CHECK(json::parse(list("bob"))["events"].size() == 1);
  CHECK_FALSE(tells(list("bob")));
  CHECK(tells(list("boss")));
  f.post("/subscriptions/s/g/parked/replay", json_body, "{}");
  auto again = f.next("bob");
  REQUIRE(again.size() == 1);
  CHECK_FALSE(tells(again.dump()));
}

TEST_CASE("links to what is parked are for who may read where they lead, "
          "followed or not") {
  links_fixture f;
  auto id = f.next("bob")[0]["id"];
  f.settle_as("bob", {{"nack", {{{"id", id}, {"action", "park"}}}}});
  f.call(http_verb::put, "/subscriptions/secret/g", json_body, "{}");
  f.settle();
  auto view = [&](const std::string& who, const std::string& stream) {
    return f
      .call_as(who, http_verb::get,
               "/subscriptions/viewparkedmessages/" + stream
                 + "/g/head/backward/9",
               {{"Accept", "application/vnd.eventstore.competingatom+json"},
                {"ES-ResolveLinkTos", "False"}})
      .status();
  };
  CHECK(view("bob", "s") == 401);
  CHECK(view("boss", "s") == 200);
  CHECK(view("bob", "secret") == 401);
  CHECK(view("boss", "secret") == 404); // nothing is
}

} // namespace callboard::test::group_links_test
