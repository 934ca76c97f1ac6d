// Parts of topics in the Event Store dialect: one stream, by any of its names.
#include "actors/core/topics.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::topic_streams_test {

namespace {

/// `orders@p`, p being where `orders` is at home.
std::string marked(const dialect_fixture& f, const std::string& stream) {
  return stream + "@"
         + std::to_string(f.w.node->placement.home_of(stream).value);
}

} // namespace

TEST_CASE("a stream is found, written and deleted by its marked name too") {
  dialect_fixture f;
  auto other = marked(f, "orders");
  f.publish("orders");
  auto written = f.publish(other);
  CHECK(written.header("Location") == "http://h:2113/streams/orders/1");
  CHECK(f.get("/streams/" + other + "/1").status() == 200);
  CHECK(f.get("/streams/orders/1").status() == 200);
  f.post("/streams/" + other + "/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(77))}},
         R"({"$maxCount":1})");
  CHECK(f.get("/streams/orders/metadata").json()["$maxCount"] == 1);
  CHECK(f.get("/streams/orders/0").status() == 404);
  CHECK(f.call(http_verb::put, "/subscriptions/" + other + "/g",
               {{"Content-Type", "application/json"}}, "{}")
          .status()
        == 201);
  CHECK(f.get("/subscriptions/orders/g/info").status() == 200);
  CHECK(f.call(http_verb::delete_, "/streams/" + other).status() == 204);
  CHECK(f.get("/streams/orders/1").status() == 404);
}

TEST_CASE("a marked name is no way around a stream's ACL") {
  dialect_fixture f;
  f.publish("orders");
  f.post("/streams/orders/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(77))}},
         R"({"$acl":{"$r":"boss"}})");
  for (std::string name : {std::string{"orders"}, marked(f, "orders")}) {
    INFO(name);
    auto read = [&](const std::string& who) {
      return f
        .call_as(who, http_verb::get, "/streams/" + name + "/0",
                 {{"Accept", "application/json"}})
        .status();
    };
    CHECK(read("clerk") == 401);
    CHECK(read("boss") == 200);
  }
}

TEST_CASE("the ACL of a topic's stream counts for each part that has none") {
  dialect_fixture f;
  auto acl = [&](const std::string& stream, std::uint64_t n, std::string text) {
    return f
      .post("/streams/" + stream + "/metadata",
            {{"Content-Type", "application/json"},
             {"ES-EventId", to_string(world::id(n))}},
            std::move(text))
      .status();
  };
  auto read = [&](const std::string& who, const std::string& stream) {
    return f
      .call_as(who, http_verb::get, "/streams/" + stream + "/0",
               {{"Accept", "application/json"}})
      .status();
  };
  auto write = [&](const std::string& who, const std::string& stream) {
    return f
      .call_as(who, http_verb::post, "/streams/" + stream,
               {{"Content-Type", "application/json"},
                {"ES-EventType", "t"},
                {"ES-EventId", to_string(world::id(79))}},
               "{}")
      .status();
  };
  REQUIRE(acl("orders", 77, R"({"$acl":{"$r":"boss","$w":"boss"}})") == 201);
  for (std::size_t p = 0; p < f.w.node->placement.partitions(); ++p) {
    auto part = "orders@" + std::to_string(p);
    INFO(part);
    f.publish(part);
    CHECK(read("clerk", part) == 401);
    CHECK(read("clerk", part) == 401); // as remembered
    CHECK(read("boss", part) == 200);
    CHECK(write("clerk", part) == 401);
  }
  auto home = marked(f, "orders");
  std::string other = home == "orders@0" ? "orders@1" : "orders@0";
  REQUIRE(acl(other, 78, R"({"$acl":{"$r":"clerk"}})") == 201);
  CHECK(read("clerk", other) == 200);
  CHECK(read("boss", other) == 401);
  CHECK(write("clerk", other) == 401);
  CHECK(write("boss", other) == 201);
}

TEST_CASE("a link by a marked name leads to the stream") {
  dialect_fixture f;
  f.publish("orders", R"({"n":5})");
  f.post("/streams/links",
         {{"Content-Type", "application/json"},
          {"ES-EventType", "$>"},
          {"ES-EventId", to_string(world::id(78))}},
         "0@" + marked(f, "orders"));
  CHECK(f.get("/streams/links/0").json()["n"] == 5);
}

} // namespace callboard::test::topic_streams_test
