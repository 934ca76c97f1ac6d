// Who may do what to which stream and group, over HTTP.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::access_test {

namespace {

constexpr auto get = http_verb::get;
constexpr auto put = http_verb::put;
const headers json_body{{"Content-Type", "application/json"}};

} // namespace

TEST_CASE("groups are made by operators, consumed by who is signed in") {
  dialect_fixture f;
  auto status = [&](const std::string& who, http_verb verb,
                    std::string target) {
    return f.call_as(who, verb, target, json_body, "{}").status();
  };
  CHECK(status("", put, "/subscriptions/s/g") == 401);
  CHECK(status("bob", put, "/subscriptions/s/g") == 401);
  CHECK(status("ops; $ops", put, "/subscriptions/s/g") == 201);
  CHECK(status("", http_verb::delete_, "/subscriptions/s/g") == 401);
  CHECK(status("", get, "/subscriptions/s/g") == 401);
  CHECK(status("bob", get, "/subscriptions/s/g") == 200);
  CHECK(status("", http_verb::post, "/subscriptions/s/g/ack/" + f.last_id())
        == 401);
  CHECK(status("bob", http_verb::post, "/subscriptions/s/g/ack/" + f.last_id())
        == 202);
  CHECK(status("", get, "/subscriptions/s/g/info") == 401);
  CHECK(status("bob", get, "/subscriptions/s/g/info") == 200);
  CHECK(status("bob", http_verb::post, "/subscriptions/s/g/replayParked")
        == 401);
}

TEST_CASE("an ACL that was just written counts for the next request") {
  dialect_fixture f;
  CHECK(f.publish("s").status() == 201);
  auto write = [&](const std::string& who, int n) {
    return f
      .call_as(who, http_verb::post, "/streams/s",
               {{"Content-Type", "application/json"},
                {"ES-EventType", "t"},
                {"ES-EventId", to_string(world::id(std::uint64_t(1000 + n)))}},
               "{}")
      .status();
  };
  CHECK(write("", 1) == 201);
  auto acl = [&](const std::string& text, int n) {
    return f
      .post("/streams/%24%24s",
            {{"Content-Type", "application/vnd.eventstore.events+json"}},
            R"([{"eventId":")" + to_string(world::id(std::uint64_t(2000 + n)))
              + R"(","eventType":"$metadata","data":)" + text + "}]")
      .status();
  };
  CHECK(acl(R"({"$acl":{"$w":"other","$r":"other"}})", 1) == 201);
  CHECK(write("", 2) == 401);
  CHECK(write("bob", 3) == 401);
  CHECK(write("other", 4) == 201);
  auto read = [&](const std::string& who) {
    return f.call_as(who, get, "/streams/s", {{"Accept", "application/json"}})
      .status();
  };
  CHECK(read("") == 401);
  CHECK(read("other") == 200);
  f.w.create("s", "g");
  CHECK(f.call_as("bob", get, "/subscriptions/s/g").status() == 401);
  CHECK(f.call_as("other", get, "/subscriptions/s/g").status() == 200);
  CHECK(acl("{}", 2) == 201);
  CHECK(write("", 5) == 201);
}

TEST_CASE("$settings says what counts where a stream says nothing, at once") {
  dialect_fixture f;
  f.publish("s");
  auto settings = [&](const std::string& type, const std::string& text, int n) {
    return f
      .post("/streams/%24settings",
            {{"Content-Type", "application/json"},
             {"ES-EventType", type},
             {"ES-EventId", to_string(world::id(std::uint64_t(3000 + n)))}},
            text)
      .status();
  };
  auto read = [&](const std::string& who, const std::string& stream = "s") {
    return f
      .call_as(who, get, "/streams/" + stream, {{"Accept", "application/json"}})
      .status();
  };
  CHECK(read("") == 200);
  CHECK(settings("update-default-acl",
                 R"({"$userStreamAcl":{"$r":"readers"},
                     "$systemStreamAcl":{"$r":"auditors"}})",
                 1)
        == 201);
  CHECK(read("") == 401);
  CHECK(read("bob; readers") == 200);
  CHECK(read("bob; auditors", "%24settings") == 200);
  CHECK(read("bob; readers", "%24settings") == 401);
  // Other events say nothing; of those that do the newest counts.
  CHECK(settings("note", R"({"$userStreamAcl":{"$r":"x"}})", 2) == 201);
  CHECK(read("bob; readers") == 200);
  CHECK(settings("settings", R"({"$userStreamAcl":{"$r":"$all"}})", 3) == 201);
  CHECK(read("") == 200);
  CHECK(read("bob; auditors", "%24settings") == 401);
  f.call(http_verb::delete_, "/streams/%24settings");
  CHECK(read("bob; auditors", "%24settings") == 401);
}

TEST_CASE("defaults that are no ACLs are refused, now and for later") {
  dialect_fixture f;
  headers event{{"Content-Type", "application/json"},
                {"ES-EventType", "update-default-acl"},
                {"ES-EventId", to_string(world::id(3000))}};
  auto oops = R"({"$userStreamAcl":"oops"})";
  auto later = event;
  later.emplace_back("Delay", "1s");
  for (auto& got : {f.post("/streams/%24settings", event, oops),
                    f.post("/streams/%24settings", later, oops),
                    f.post("/delayed", {},
                           R"({"stream":"$settings","every":"PT1S","event":)"
                           R"({"eventType":"settings","data":)"
                             + std::string{oops} + "}}")}) {
    CHECK(got.status() == 400);
    CHECK(got.body().find("$userStreamAcl") != std::string::npos);
  }
}

TEST_CASE("nobody writes to $all over HTTP, and its metadata is admins'") {
  dialect_fixture f;
  headers event{{"Content-Type", "application/json"},
                {"ES-EventType", "t"},
                {"ES-EventId", to_string(world::id(1))}};
  CHECK(f.post("/streams/%24all", event, "{}").status() == 401);
  CHECK(f.call(http_verb::delete_, "/streams/%24all").status() == 401);
  CHECK(f.call_as("bob", http_verb::post, "/streams/%24all/metadata",
                  {{"Content-Type", "application/json"},
                   {"ES-EventId", to_string(world::id(2))}},
                  "{}")
          .status()
        == 401);
}

TEST_CASE("$all is not written by another of its names either") {
  dialect_fixture f;
  auto home = f.w.node->placement.home_of("$all").value;
  auto name = "/streams/%24all%40" + std::to_string(home);
  CHECK(f.post(name,
               {{"Content-Type", "application/json"},
                {"ES-EventType", "t"},
                {"ES-EventId", to_string(world::id(1))}},
               "{}")
          .status()
        == 401);
  CHECK(f.call(http_verb::delete_, name).status() == 401);
}

TEST_CASE("who reads a link needs the right to read its target") {
  dialect_fixture f;
  f.publish("secret");
  f.post("/streams/secret/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(77))}},
         R"({"$acl":{"$r":"bob"}})");
  f.post("/streams/links",
         {{"Content-Type", "application/vnd.eventstore.events+json"}},
         R"([{"eventId":")" + to_string(world::id(78))
           + R"(","eventType":"$>","data":"0@secret"}])");
  auto status = [&](const std::string& who, headers more = {}) {
    more.emplace_back("Accept", "application/json");
    return f.call_as(who, get, "/streams/links", more).status();
  };
  CHECK(status("bob") == 200);
  CHECK(status("") == 401);
  CHECK(status("", {{"ES-ResolveLinkTos", "false"}}) == 200);
  CHECK(f.call_as("", get, "/streams/links/0", {{"Accept", "application/json"}})
          .status()
        == 401);
}

TEST_CASE("streams can be closed to those who are not signed in") {
  dialect_fixture f{{.anonymous_streams = false, .trusted_header = true}};
  f.publish("s");
  headers json{{"Accept", "application/json"}};
  CHECK(f.call_as("", get, "/streams/s", json).status() == 401);
  CHECK(f.call_as("bob", get, "/streams/s", json).status() == 200);
  CHECK(f.call_as("", get, "/ping").status() == 200);
  f.w.create("s", "g");
  for (auto* target : {"/subscriptions", "/subscriptions/s",
                       "/subscriptions/s/g", "/subscriptions/s/g/info"}) {
    CHECK(f.call_as("", get, target).status() == 401);
    CHECK(f.call_as("bob", get, target).status() == 200);
  }
}

TEST_CASE("open streams do not open groups to who is not signed in") {
  dialect_fixture f{{.anonymous_streams = true, .trusted_header = true}};
  f.w.create("s", "g");
  auto status = [&](const std::string& who, http_verb verb,
                    std::string_view target) {
    return f.call_as(who, verb, target, json_body, "{}").status();
  };
  for (auto* target :
       {"/subscriptions", "/subscriptions/s", "/subscriptions/s/g"}) {
    CHECK(status("", get, target) == 401);
    CHECK(status("bob", get, target) == 200);
  }
  auto* parked = "/subscriptions/viewparkedmessages/s/g/head/backward/20";
  CHECK(status("", get, parked) == 401);
  CHECK(status("bob", get, parked) == 404); // nothing is
  for (auto* target : {"/subscriptions/s/g/ack?ids=", "/subscriptions/s/g/nack",
                       "/subscriptions/s/g/replayParked"})
    CHECK(status("", http_verb::post, target) == 401);
}

TEST_CASE("an insecure broker treats everybody as admin") {
  dialect_fixture f{{.everybody_is_admin = true}};
  CHECK(f.call_as("", put, "/subscriptions/$s/g", json_body, "{}").status()
        == 201);
  CHECK(f.call_as("", get, "/subscriptions", {{"Authorization", "Basic %%%"}})
          .status()
        == 200);
}

} // namespace callboard::test::access_test
