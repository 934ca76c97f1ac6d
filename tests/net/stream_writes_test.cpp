// Publishing and deleting through the routes of streams.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::stream_writes_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string atom = "application/vnd.eventstore.atom+json";
const std::string batch = "application/vnd.eventstore.events+json";
const std::string some_id = "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e4";

headers json_event(const std::string& id = some_id) {
  return {{"Content-Type", "application/json"},
          {"ES-EventType", "order"},
          {"ES-EventId", id}};
}

headers with(headers base, std::string name, std::string value) {
  base.emplace_back(std::move(name), std::move(value));
  return base;
}

headers accept(std::string type) {
  return {{"Accept", std::move(type)}};
}

seen_answer describe(dialect_fixture& f, std::uint64_t id, std::string document,
                     const std::string& stream = "s") {
  return f.post("/streams/" + stream + "/metadata",
                {{"Content-Type", "application/json"},
                 {"ES-EventId", to_string(world::id(id))}},
                std::move(document));
}

} // namespace

TEST_CASE("a published event has a place, and is on disk") {
  dialect_fixture f;
  auto first = f.post("/streams/a%20b", json_event(), R"({"x":1})");
  CHECK(first.status() == 201);
  CHECK(first.header("Location") == "http://h:2113/streams/a%20b/0");
  CHECK(first.header("Durability") == "fsync");
  CHECK(first.body().empty());
  CHECK(first.answer.content_type == "text/plain; charset=utf-8");
  auto again = f.post("/streams/a%20b", json_event(), R"({"x":1})");
  CHECK(again.status() == 201);
  CHECK(again.header("Location") == "http://h:2113/streams/a%20b/0");
  CHECK(f.get("/streams/a%20b/0").body() == "{\n  \"x\": 1\n}");
}

TEST_CASE("a batch is written as a whole; its place is that of the first") {
  dialect_fixture f;
  f.publish("s");
  auto body =
    R"([{"eventId":")" + some_id + R"(","eventType":"t","data":{"n":1}},
                {"eventId":"fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e5",
                 "eventType":"t","data":{"n":2}}])";
  auto written = f.post("/streams/s", {{"Content-Type", batch}}, body);
  CHECK(written.status() == 201);
  CHECK(written.header("Location") == "http://h:2113/streams/s/1");
  auto feed = f.get("/streams/s", accept(atom)).json();
  CHECK(feed["entries"].size() == 3);
  CHECK(feed["entries"][0]["title"] == "2@s");
}

TEST_CASE("what an append refuses, in order, with its words") {
  dialect_fixture f;
  auto refused = [&](const headers& h, std::string target = "/streams/s") {
    auto got = f.post(target, h, "{}");
    CHECK(got.answer.reason == got.body());
    return std::to_string(got.status()) + " " + got.body();
  };
  auto untyped = f.post("/streams/s", {{"Content-Type", "text/html"}});
  CHECK(untyped.status() == 415);
  CHECK(untyped.answer.reason == "Invalid or missing Content-Type");
  CHECK(f.post("/streams/s").status() == 415);
  CHECK(refused({{"Content-Type", "application/json"}})
        == "400 Must include an event type with the request either in body or "
           "as ES-EventType header.");
  CHECK(refused(json_event("nonsense"))
        == "400 ES-EventId header in wrong format.");
  CHECK(refused(json_event("00000000-0000-0000-0000-000000000000"))
        == "400 ES-EventId header in wrong format.");
  CHECK(refused(with(json_event(), "ES-ExpectedVersion", "x"))
        == "400 ES-ExpectedVersion header in wrong format.");
  CHECK(refused(with(json_event(), "ES-RequireMaster", "x"))
        == "400 ES-RequireMaster header in wrong format.");
  CHECK(refused({{"Content-Type", batch}})
        == "400 Write request body invalid.");
  CHECK(refused({{"Content-Type", batch}, {"ES-ExpectedVersion", "x"}})
        == "400 ES-ExpectedVersion header in wrong format.");
  CHECK(refused(json_event(), "/streams/" + std::string(401, 's'))
        == "400 stream has 401 bytes; at most 400 are allowed.");
  CHECK(f.get("/streams/s").status() == 404);
}

TEST_CASE("an event without an id is sent to a URL that has one") {
  dialect_fixture f;
  headers typed{{"Content-Type", "application/json"}, {"ES-EventType", "t"}};
  auto sent = f.post("/streams/a%24b", typed, "{}");
  CHECK(sent.status() == 307);
  CHECK(sent.body() == "Forwarding to idempotent URI");
  auto to = sent.header("Location");
  CHECK(to.starts_with("http://h:2113/streams/a%24b/incoming/"));
  auto path = to.substr(std::string{"http://h:2113"}.size());
  CHECK(f.post(path, typed, "{}").status() == 201);
  CHECK(f.post(path, typed, "{}").header("Location")
        == "http://h:2113/streams/a%24b/0");
  CHECK(f.post("/streams/s/incoming/x", typed, "{}").body()
        == "Invalid request. Unable to parse guid");
  CHECK(f.post("/streams/s/incoming/" + some_id,
               {{"Content-Type", "application/json"}}, "{}")
          .body()
        == "Empty eventType provided. (Parameter 'eventType')");
  CHECK(
    f.post("/streams/s/incoming/" + some_id, {{"Content-Type", batch}}).status()
    == 415);
}

TEST_CASE("a wrong version tells the current one") {
  dialect_fixture f;
  f.publish("s");
  auto wrong =
    f.post("/streams/s", with(json_event(), "ES-ExpectedVersion", "4"), "{}");
  CHECK(wrong.status() == 400);
  CHECK(wrong.answer.reason == "Wrong expected EventNumber");
  CHECK(wrong.body().empty());
  CHECK(wrong.header("ES-CurrentVersion") == "0");
  CHECK(wrong.header("Kurrent-CurrentVersion") == "0");
  auto none =
    f.post("/streams/new", with(json_event(), "ES-ExpectedVersion", "1"), "{}");
  CHECK(none.header("ES-CurrentVersion") == "-1");
  CHECK(
    f.post("/streams/s", with(json_event(), "ES-ExpectedVersion", "0"), "{}")
      .status()
    == 201);
}

TEST_CASE("bytes and broken JSON come back as they were sent") {
  dialect_fixture f;
  std::string bytes("\x00\xff\x01 x", 5);
  headers binary{{"Content-Type", "application/octet-stream"},
                 {"ES-EventType", "t"},
                 {"ES-EventId", some_id}};
  f.post("/streams/s", binary, bytes);
  auto back = f.get("/streams/s/0", accept("application/octet-stream"));
  CHECK(back.body() == bytes);
  CHECK(back.answer.content_type == "application/octet-stream");
  f.publish("s", R"({a : "1"})");
  CHECK(f.get("/streams/s/1").body() == "{\n  \"a\": \"1\"\n}");
  CHECK(f.get("/streams/s/1", accept("application/octet-stream")).body()
        == R"({a : "1"})");
}

TEST_CASE("an event too large is 413 and nothing is stored") {
  dialect_fixture f;
  auto large =
    f.post("/streams/s", json_event(), std::string((4 << 20) + 1, 'x'));
  CHECK(large.status() == 413);
  CHECK(large.answer.reason
        == "Too large events received. Limit is 4194304 bytes.");
  CHECK(f.get("/streams/s").status() == 404);
}

TEST_CASE("deletes are soft, or for ever") {
  dialect_fixture f;
  f.publish("s");
  auto wrong =
    f.call(http_verb::delete_, "/streams/s", {{"ES-ExpectedVersion", "7"}});
  CHECK(wrong.status() == 400);
  CHECK(wrong.header("ES-CurrentVersion") == "0");
  auto soft = f.call(http_verb::delete_, "/streams/s");
  CHECK(soft.status() == 204);
  CHECK(soft.answer.reason == "Stream deleted");
  CHECK(soft.header("Durability") == "fsync");
  CHECK(f.get("/streams/s").status() == 404);
  CHECK(f.publish("s").header("Location") == "http://h:2113/streams/s/1");
  CHECK(f.get("/streams/s").json()["entries"].size() == 1);
  auto hard =
    f.call(http_verb::delete_, "/streams/s", {{"ES-HardDelete", "True"}});
  CHECK(hard.status() == 204);
  CHECK(f.get("/streams/s").status() == 410);
  CHECK(f.get("/streams/s").answer.reason == "Deleted");
  CHECK(f.get("/streams/s/0").status() == 410);
  auto late = f.publish("s");
  CHECK(late.status() == 410);
  CHECK(late.answer.reason == "Stream deleted");
  CHECK(f.call(http_verb::delete_, "/streams/s").status() == 410);
  CHECK(
    f.call(http_verb::delete_, "/streams/s", {{"ES-HardDelete", "no"}}).body()
    == "ES-HardDelete header in wrong format.");
}

TEST_CASE("an ACL that would not fit is refused, not forgotten") {
  dialect_fixture f;
  auto long_acl = R"({"$acl":{"$r":")" + std::string(4000, 'x') + "\"}}";
  auto got = f.post(
    "/streams/s/metadata",
    {{"Content-Type", "application/json"}, {"ES-EventId", some_id}}, long_acl);
  CHECK(got.status() == 400);
  CHECK(got.body() == "$acl has 4009 bytes; at most 3000 are allowed.");
}

TEST_CASE(
  "a stream that was deleted by its metadata, and came back, stays when "
  "they are read, changed and written") {
  dialect_fixture f;
  f.publish("s");
  CHECK(
    describe(f, 101, R"({"mine":{"$tb":1},"$tb":9223372036854775807})").status()
    == 201);
  CHECK(f.get("/streams/s").status() == 404);
  f.publish("s");
  auto document = f.get("/streams/s/metadata").json();
  CHECK(document == json::parse(R"({"mine":{"$tb":1}})"));
  document["more"] = 1;
  CHECK(describe(f, 102, document.dump()).status() == 201);
  CHECK(f.get("/streams/s").json()["entries"].size() == 1);
  CHECK(describe(f, 103, R"({"$tb":9223372036854775807})").status() == 201);
  CHECK(f.get("/streams/s").status() == 404); // it is meant
}

TEST_CASE("metadata of a deleted stream can be changed, and it stays deleted") {
  dialect_fixture f;
  f.publish("s");
  f.call(http_verb::delete_, "/streams/s");
  CHECK(describe(f, 101, R"({"mine":1})").status() == 201);
  CHECK(f.get("/streams/s").status() == 404);
  auto first = with(json_event(), "ES-ExpectedVersion", "-1");
  CHECK(f.post("/streams/s", first, "{}").header("Location")
        == "http://h:2113/streams/s/1");
}

TEST_CASE("an ACL that metadata show is in force, or they are refused") {
  dialect_fixture f;
  f.publish("s");
  auto anonymous = [&] {
    return f
      .call_as("", http_verb::get, "/streams/s",
               {{"Accept", "application/json"}})
      .status();
  };
  CHECK(anonymous() == 200);
  CHECK(describe(f, 101, "{'$acl':{'$r':'anna'},}").status() == 201);
  CHECK(f.get("/streams/s/metadata").json()["$acl"]["$r"] == "anna");
  CHECK(anonymous() == 401);
  auto wrong = describe(f, 102, R"({"$acl":{"$r":"anna"},"$cacheControl":0})");
  CHECK(wrong.status() == 400);
  CHECK(wrong.body()
        == "$cacheControl is 0; allowed: an integer from 1 to "
           "9223372036854775807.");
  CHECK(anonymous() == 401);
}

TEST_CASE("a stream that is deleted for ever has no metadata any more") {
  for (bool described : {false, true}) {
    dialect_fixture f;
    f.publish("s");
    if (described)
      CHECK(describe(f, 101, "{}").status() == 201);
    f.call(http_verb::delete_, "/streams/s", {{"ES-HardDelete", "true"}});
    for (std::string at : {"s/metadata", "s/metadata/0", "%24%24s"})
      CHECK(f.get("/streams/" + at).status() == 410);
    CHECK(describe(f, 102, "{}").status() == 410);
  }
}

TEST_CASE("metadata are not deleted, for they would stay in force") {
  dialect_fixture f;
  CHECK(describe(f, 101, R"({"$maxCount":1})").status() == 201);
  for (std::string hard : {"false", "true"}) {
    auto got =
      f.call(http_verb::delete_, "/streams/%24%24s", {{"ES-HardDelete", hard}});
    CHECK(got.status() == 400);
    CHECK(got.body()
          == "Metadata cannot be deleted: what they say would stay in force. "
             "Post an empty document {} instead.");
  }
  CHECK(f.get("/streams/s/metadata").json()["$maxCount"] == 1);
}

TEST_CASE("what a group writes itself is not published to") {
  dialect_fixture f;
  f.w.create("s", "g").value();
  for (std::string end : {"parked", "kept", "checkpoint"}) {
    auto stream = "/streams/$persistentsubscription-s::g-" + end;
    CHECK(f.post(stream, json_event(), "{}").status() == 400);
    CHECK(f.post(stream + "/incoming/" + some_id, json_event(), "{}").status()
          == 400);
  }
}

TEST_CASE("what a group keeps is not deleted, nor bounded") {
  dialect_fixture f;
  f.w.create("s", "g").value();
  f.publish("s");
  f.fetch("/subscriptions/s/g/1");
  f.post("/subscriptions/s/g/nack/" + f.last_id() + "?action=park");
  std::string start = "$persistentsubscription-s::g-";
  auto remove = [&](const std::string& end, const std::string& hard) {
    return f
      .call(http_verb::delete_, "/streams/" + start + end,
            {{"ES-HardDelete", hard}})
      .status();
  };
  for (std::string hard : {"false", "true"}) {
    CHECK(remove("kept", hard) == 400);
    CHECK(remove("checkpoint", hard) == 400);
  }
  CHECK(remove("parked", "true") == 400);
  CHECK(f.get("/subscriptions/s/g/info").json()["parkedMessageCount"] == 1);
  CHECK(remove("parked", "false") == 204);
  for (std::string bound : {"$maxCount", "$maxAge", "$tb"})
    CHECK(describe(f, 101, "{\"" + bound + "\":1}", start + "kept").status()
          == 400);
  CHECK(describe(f, 102, R"({"$acl":{}})", start + "kept").status() == 201);
}

TEST_CASE("metadata are one document, with the bounds of one") {
  dialect_fixture f;
  auto write = [&](const std::string& body) {
    return f.post(
      "/streams/s/metadata",
      {{"Content-Type", "application/json"}, {"ES-EventId", some_id}}, body);
  };
  auto of_size = [](std::size_t bytes) {
    return R"({"a":")" + std::string(bytes - 8, 'x') + "\"}";
  };
  auto large = write(of_size(document_bytes_max + 1));
  CHECK(large.status() == 413);
  CHECK(large.body()
        == "The metadata have 65537 bytes; at most 65536 are allowed.");
  CHECK(write(std::string(65, '[')).status() == 400);
  CHECK(write(of_size(document_bytes_max)).status() == 201);
}

TEST_CASE("a slash at the end leads to the URL without it") {
  dialect_fixture f;
  auto got = f.call_as("", http_verb::get, "/streams/s/?embed=body");
  CHECK(got.status() == 307);
  CHECK(got.header("Location") == "http://h:2113/streams/s?embed=body");
  CHECK(got.body() == "Moved Permanently");
  CHECK(got.header("Cache-Control") == "max-age=31536000, public");
  CHECK(
    f.call_as("", http_verb::post, "/streams/s/metadata/").header("Location")
    == "http://h:2113/streams/s/metadata");
}

TEST_CASE("an append whose outcome is unknown is never 2xx") {
  dialect_fixture f;
  f.w.log->at_once = false;
  auto waiting =
    f.begin_as("", http_verb::post, "/streams/s", json_event(), "{}");
  CHECK_FALSE(f.answer_to(waiting)); // not before it is on disk
  f.w.log->fail(errc::storage_failed);
  f.settle();
  CHECK(f.answer_to(waiting)->status() == 503);
  f.w.log->at_once = true;
  f.w.log->refuses = errc::storage_full;
  CHECK(f.publish("s").status() == 507);
  f.w.log->refuses = errc::overloaded;
  auto busy = f.publish("s");
  CHECK(busy.status() == 503);
  CHECK(busy.header("Retry-After") == "1");
}

TEST_CASE("on a full disk publishers are told so, and when to come again; "
          "reading and settling go on") {
  dialect_fixture f;
  f.w.create("s", "g");
  f.publish("s");
  f.fetch("/subscriptions/s/g/1");
  f.w.log->refuses_publishing = errc::storage_full;
  auto refused = f.publish("s");
  CHECK(refused.status() == 507);
  CHECK(refused.header("Retry-After") == "10");
  CHECK(refused.body().find("No space is left") == 0);
  CHECK(f.get("/streams/s").status() == 200);
  CHECK(f.post("/subscriptions/s/g/ack/" + f.last_id()).status() == 202);
  f.w.log->refuses_publishing = errc::storage_failed;
  refused = f.publish("s");
  CHECK(refused.status() == 503);
  CHECK(refused.header("Retry-After") == "1");
  CHECK(refused.body().find("disk fails") != std::string::npos);
  f.w.log->refuses_publishing = errc::none;
  CHECK(f.publish("s").status() == 201);
}

} // namespace callboard::test::stream_writes_test
