// Bodies that are nested without end: refused, before anything that goes down
// into them has to come up again.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::nested_bodies_test {

using namespace std::chrono_literals;

namespace {

const headers json_body{{"Content-Type", "application/json"}};

/// A value that is nested so deep; it takes no room to say.
std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

} // namespace

TEST_CASE("no route of a group follows a body that is nested too deep") {
  dialect_fixture f;
  REQUIRE(f.call(http_verb::put, "/subscriptions/s/g", json_body, "{}").status()
          == 201);
  for (auto* route : {"/pause", "/retries", "/parked/replay", "/parked/discard",
                      "/settle", "/extend"}) {
    INFO(route);
    for (std::size_t depth : {64, 30'000}) {
      auto got = f.post(std::string{"/subscriptions/s/g"} + route, json_body,
                        R"({"id":)" + nested(depth) + "}");
      CHECK(got.status() == 400);
      CHECK(got.body().find("nested 64 deep") != std::string::npos);
    }
  }
}

TEST_CASE("an event that waits is shown in base64 if it is nested too deep") {
  dialect_fixture f;
  for (std::size_t depth : {3, 1'000'000}) {
    auto text = nested(depth);
    auto accepted = f.post("/streams/orders",
                           {{"Content-Type", "application/json"},
                            {"ES-EventType", "order"},
                            {"ES-EventId", to_string(world::id(depth))},
                            {"Delay", "90s"}},
                           text);
    REQUIRE(accepted.status() == 202);
    auto url = accepted.header("Location");
    auto shown = f.get(url.substr(url.find("/delayed")));
    REQUIRE(shown.status() == 200);
    auto event = shown.json()["event"];
    auto& data = event["data"];
    if (depth == 3) {
      CHECK(event["contentType"] == "application/json");
      CHECK(data.dump() == text);
    } else {
      CHECK(event["contentType"] == "application/octet-stream");
      CHECK(data.get<std::string>().starts_with("W1tb")); // [[[
      CHECK(data.get<std::string>().size() == (text.size() + 2) / 3 * 4);
    }
  }
}

TEST_CASE("metadata may be nested, not without end, and its ACL counts") {
  dialect_fixture f;
  auto write = [&](std::size_t depth) {
    auto deep = nested(depth);
    return f
      .post("/streams/s/metadata",
            {{"Content-Type", "application/json"},
             {"ES-EventType", "$metadata"},
             {"ES-EventId", to_string(world::id(1))}},
            R"({"x":)" + deep + R"(,"$acl":{"$r":["bob"],"y":)" + deep + "}}")
      .status();
  };
  CHECK(write(1'000'000) == 413);
  CHECK(write(10'000) == 400);
  CHECK(write(60) == 201);
  f.publish("s");
  auto get_as = [&](const std::string& who) {
    return f
      .call_as(who, http_verb::get, "/streams/s/0",
               {{"Accept", "application/json"}})
      .status();
  };
  CHECK(get_as("bob") == 200);
  CHECK(get_as("anna") == 401);
}

} // namespace callboard::test::nested_bodies_test
