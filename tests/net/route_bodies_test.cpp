// How long a body may be is a matter of its route: what is read as a document
// takes many times its length.
#include "net/group_routes.hpp"
#include "net/router.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::route_bodies_test {

namespace {

const headers json_body{{"Content-Type", "application/json"}};

/// A document with so many bytes.
std::string padded(std::string document, std::size_t bytes) {
  document.resize(bytes, ' ');
  return document;
}

} // namespace

TEST_CASE("a document may have 64 KiB") {
  dialect_fixture f;
  auto put = [&](std::size_t bytes) {
    return f.call(http_verb::put, "/subscriptions/s/g", json_body,
                  padded("{}", bytes));
  };
  auto refused = put(document_bytes_max + 1);
  CHECK(refused.status() == 413);
  CHECK(refused.body()
        == "The body has 65537 bytes; at most 65536 are allowed here.");
  CHECK(put(document_bytes_max).status() == 201);
}

TEST_CASE("no route but those of events reads a body of any length") {
  dialect_fixture f;
  REQUIRE(f.call(http_verb::put, "/subscriptions/s/g", json_body, "{}").status()
          == 201);
  auto large = padded("{}", std::size_t{5} << 20);
  for (auto* path : {"/users", "/users/ann/command/reset-password",
                     "/subscriptions/s/g", "/subscriptions/s/g/pause",
                     "/subscriptions/s/g/settle", "/subscriptions/s/g/extend",
                     "/subscriptions/s/g/parked/replay", "/delayed"}) {
    INFO(path);
    CHECK(f.post(path, json_body, large).status() == 413);
  }
}

TEST_CASE("a settle may be as long as its thousand items") {
  dialect_fixture f;
  REQUIRE(f.call(http_verb::put, "/subscriptions/s/g", json_body, "{}").status()
          == 201);
  auto settle = [&](std::size_t bytes) {
    return f
      .post("/subscriptions/s/g/settle", json_body,
            padded(R"({"ack":[]})", bytes))
      .status();
  };
  CHECK(settle(group_routes::settle_body_max) == 200);
  CHECK(settle(group_routes::settle_body_max + 1) == 413);
}

TEST_CASE("events may be long") {
  dialect_fixture f;
  auto event = padded(R"({"a":1})", std::size_t{3} << 20);
  CHECK(f.publish("s", event).status() == 201);
  auto id = to_string(world::id(1000));
  CHECK(f.post("/streams/s",
               {{"Content-Type", "application/vnd.eventstore.events+json"}},
               R"([{"eventId":")" + id + R"(","eventType":"t","data":)" + event
                 + "}]")
          .status()
        == 201);
}

TEST_CASE("a compressed body is refused, and nothing of it is kept") {
  dialect_fixture f;
  auto group = [&](const headers& encoding, const std::string& body) {
    auto with = json_body;
    with.insert(with.end(), encoding.begin(), encoding.end());
    return f.call(http_verb::put, "/subscriptions/s/g", with, body);
  };
  auto refused = group({{"Content-Encoding", "gzip"}}, "packed");
  CHECK(refused.status() == 415);
  CHECK(refused.body()
        == "Content-Encoding is 'gzip'; bodies are taken as they are, "
           "uncompressed");
  CHECK(group({{"content-encoding", "identity"}, {"Content-Encoding", "br"}},
              "packed")
          .status()
        == 415);
  CHECK(f.get("/subscriptions/s/g/info").status() == 404);
  CHECK(group({{"Content-Encoding", "Identity"}}, "{}").status() == 201);
  CHECK(f.call(http_verb::delete_, "/subscriptions/s/g",
               {{"Content-Encoding", "gzip"}})
          .status()
        == 200);
}

} // namespace callboard::test::route_bodies_test
