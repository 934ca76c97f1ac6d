// Which type every route answers with, and that it takes XML where it should.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::xml_routes_test {

namespace {

const std::string competing_xml =
  "application/vnd.eventstore.competingatom+xml; charset=utf-8";
const headers none{{"X", "no Accept"}};

headers accept(std::string type) {
  return {{"Accept", std::move(type)}};
}

/// The type of the answer, or its status if it is not 200.
std::string type_of(dialect_fixture& f, std::string_view target,
                    const headers& more) {
  auto got = f.get(target, more);
  auto type = std::string{got.answer.content_type};
  return got.status() == 200 ? type.substr(0, type.find(';'))
                             : std::to_string(got.status());
}

} // namespace

TEST_CASE("a group read is XML unless JSON is asked for") {
  dialect_fixture f;
  f.w.create("s", "g");
  const std::string target = "/subscriptions/s/g";
  for (auto& more : {none, accept("*/*"), accept("application/*"),
                     accept("application/vnd.eventstore.competingatom+xml")}) {
    f.publish("s");
    auto got = f.get(target, more);
    CHECK(got.status() == 200);
    CHECK(got.answer.content_type == competing_xml);
    CHECK(got.body().starts_with(R"(<?xml version="1.0" encoding="utf-8"?>)"
                                 R"(<feed xmlns="http://www.w3.org/2005/Atom">)"
                                 "<title>Messages for 's/g'</title>"));
    CHECK(got.body().find("/subscriptions/s/g/ack?ids=" + f.last_id() + "\"")
          != std::string::npos);
    CHECK(got.body().find("<retryCount>0</retryCount>") != std::string::npos);
  }
  for (std::string type : {"application/vnd.eventstore.competingatom+json",
                           "application/vnd.kurrent.competingatom+json"}) {
    CHECK(type_of(f, target, accept(type)) == type);
    CHECK(type_of(f, target, accept("text/xml, */*;q=0.1, " + type + ";q=0.5"))
          == type);
  }
  CHECK(type_of(f, target,
                accept("application/vnd.kurrent.competingatom+json;q=0.2,"
                       "application/vnd.eventstore.competingatom+xml;q=0.3"))
        == "application/vnd.eventstore.competingatom+xml");
  for (auto type :
       {"application/json", "text/xml", "application/atom+xml",
        "application/xml", "application/vnd.kurrent.competingatom+xml"})
    CHECK(type_of(f, target, accept(type)) == "406");
  for (auto format :
       {"json", "text", "xml", "atom", "atomxj", "atomsvc", "atomsvcxj", "x"})
    CHECK(type_of(f, target + "?format=" + format, none) == "406");
}

TEST_CASE("a group that is not there is told in the codec's way") {
  dialect_fixture f;
  auto got = f.get("/subscriptions/s/g/1", none);
  CHECK(got.status() == 404);
  CHECK(got.answer.content_type == competing_xml);
  CHECK(got.body() == "<string>Not found.</string>");
  CHECK(f.get("/subscriptions/$all/g", none).body()
        == "<string>Persistent subscriptions to $all are only supported over "
           "gRPC through gRPC clients</string>");
}

TEST_CASE("parked events can be seen as XML") {
  dialect_fixture f;
  f.w.create("s", "g");
  f.publish("s");
  f.get("/subscriptions/s/g", none);
  f.post("/subscriptions/s/g/nack/" + f.last_id() + "?action=park");
  auto got =
    f.get("/subscriptions/viewparkedmessages/s/g/head/backward/5", none);
  CHECK(got.answer.content_type == competing_xml);
  CHECK(got.body().find("<entry><title>0@s</title>") != std::string::npos);
  CHECK(got.body().find("retryCount") == std::string::npos);
}

TEST_CASE("a stream's feed is XML in three types, and a page") {
  dialect_fixture f;
  f.publish("s");
  for (std::string type :
       {"application/atom+xml", "text/xml", "application/xml",
        "application/vnd.eventstore.events+xml"}) {
    auto got = f.get("/streams/s?embed=content", accept(type));
    CHECK(got.status() == 200);
    CHECK(got.answer.content_type == type + "; charset=utf-8");
    CHECK(got.body().find(R"(<data xmlns=""><a>1</a></data>)")
          != std::string::npos);
    CHECK(
      got.body().find(
        R"(<link href="http://h:2113/streams/s/metadata" rel="metadata" />)")
      != std::string::npos);
  }
  CHECK(type_of(f, "/streams/s?format=atom", none) == "application/atom+xml");
  CHECK(type_of(f, "/streams/s?format=xml", none) == "text/xml");
  CHECK(type_of(f, "/streams/s?format=json", none) == "application/json");
  CHECK(type_of(f, "/streams/s?format=atomxj", none)
        == "application/vnd.kurrent.atom+json");
  CHECK(type_of(f, "/streams/s?format=text", none) == "406");
  CHECK(type_of(f, "/streams/s", accept("text/*")) == "text/xml");
  CHECK(type_of(f, "/streams/s/0/forward/1",
                accept("text/html,application/xml;q=0.9,*/*;q=0.8"))
        == "text/html");
  auto curl = f.get("/streams/s", accept("*/*"));
  CHECK(curl.status() == 406);
  CHECK(curl.json()["title"] == "Description document for 's'");
}

TEST_CASE("one event in every type it can be had as") {
  dialect_fixture f;
  f.publish("s", R"({"a":"<"})");
  const std::string target = "/streams/s/0";
  for (auto& more : {none, accept("*/*"), accept("application/*"),
                     accept("application/atom+xml")})
    CHECK(type_of(f, target, more) == "application/atom+xml");
  CHECK(f.get(target, none).body().find("<atom:entry ") != std::string::npos);
  for (std::string type : {"text/xml", "application/xml"}) {
    auto got = f.get(target, accept(type));
    CHECK(got.answer.content_type == type + "; charset=utf-8");
    CHECK(got.body() == "<data><a>&lt;</a></data>");
  }
  CHECK(f.get(target, accept("application/vnd.eventstore.event+xml")).body()
        == "<event><eventStreamId>s</eventStreamId><eventNumber>0</eventNumber>"
           "<eventType>order</eventType><eventId>"
             + f.last_id()
             + "</eventId><data><a>&lt;</a></data><metadata /></event>");
  auto page = f.get(target, accept("text/html"));
  CHECK(page.answer.content_type == "text/html; charset=utf-8");
  CHECK(page.body().find("{\"a\":\"&lt;\"}") != std::string::npos);
  CHECK(type_of(f, target, accept("image/png")) == "406");
  CHECK(type_of(f, target + "?format=xml", none) == "text/xml");
  CHECK(type_of(f, target + "?format=atomsvc", none) == "406");
}

TEST_CASE("a missing event is an empty text, except in JSON") {
  dialect_fixture f;
  f.publish("s");
  for (auto& more : {none, accept("text/xml"), accept("text/html")}) {
    auto got = f.get("/streams/s/9", more);
    CHECK(got.status() == 404);
    CHECK(got.answer.content_type == "text/plain; charset=utf-8");
    CHECK(got.body().empty());
  }
  CHECK(f.get("/streams/s/9", accept("application/json")).body() == "{}");
}

TEST_CASE("metadata that is not there is an empty document") {
  dialect_fixture f;
  f.publish("s");
  for (auto& more : {none, accept("*/*"), accept("text/xml"),
                     accept("application/atom+xml")}) {
    auto got = f.get("/streams/s/metadata", more);
    CHECK(got.status() == 200);
    CHECK(got.body().empty());
    CHECK(got.header("ETag").empty());
  }
  CHECK(f.get("/streams/s/metadata", accept("application/json")).body()
        == "{}");
  f.post("/streams/s/metadata",
         {{"Content-Type", "application/vnd.eventstore.events+xml"}},
         "<events><event><EventId>" + f.last_id()
           + "</EventId><EventType>$metadata</EventType><Data>"
             "{\"$maxCount\":1}</Data></event></events>");
  CHECK(f.get("/streams/s/metadata", accept("text/xml")).body()
        == "<data><_x0024_maxCount>1</_x0024_maxCount></data>");
  f.publish("s");
  CHECK(f.get("/streams/s").json()["entries"].size() == 1);
}

TEST_CASE("single events in XML are kept as they are") {
  dialect_fixture f;
  for (std::string type : {"text/xml", "application/xml"}) {
    headers sent{{"Content-Type", type}, {"ES-EventType", "t"}};
    auto to_id = f.post("/streams/" + type.substr(0, 4), sent, "<x");
    CHECK(to_id.status() == 307);
    auto url = to_id.header("Location").substr(13);
    CHECK(f.post(url, sent, "<x").status() == 201);
    auto back = f.get("/streams/" + type.substr(0, 4) + "/0",
                      accept("application/octet-stream"));
    CHECK(back.body() == "<x");
    auto shown =
      f.get("/streams/" + type.substr(0, 4) + "/0/forward/1?embed=rich")
        .json()["entries"][0];
    CHECK(shown["isJson"] == false);
  }
  CHECK(f.post("/streams/s/incoming/" + f.last_id(),
               {{"Content-Type", "application/vnd.eventstore.events+xml"}})
          .status()
        == 415);
}

TEST_CASE("groups are made and told of in XML") {
  dialect_fixture f;
  headers xml{{"Content-Type", "text/xml"}, {"Accept", "text/xml"}};
  auto made = f.call(http_verb::put, "/subscriptions/s/g", xml,
                     "<s><MaxRetryCount>3</MaxRetryCount></s>");
  CHECK(made.status() == 201);
  CHECK(made.answer.content_type == "text/xml; charset=utf-8");
  CHECK(made.body().ends_with(
    "<Reason /><Result>Success</Result></CommandCompleted>"));
  CHECK(f.call(http_verb::put, "/subscriptions/s/g", xml, "<s/>").status()
        == 409);
  auto bad =
    f.post("/subscriptions/s/g", xml, "<s><BufferSize>0</BufferSize></s>");
  CHECK(bad.status() == 400);
  CHECK(bad.body() == "Buffer Size (0) must be positive");
  CHECK(f.get("/subscriptions/s/g/info").json()["config"]["maxRetryCount"]
        == 3);
  auto info = f.get("/subscriptions/s/g/info", accept("text/xml"));
  CHECK(info.body().find("<SubscriptionInfo>") != std::string::npos);
  CHECK(info.body().find("<MaxRetryCount>3</MaxRetryCount>")
        != std::string::npos);
  for (auto target : {"/subscriptions", "/subscriptions/s"})
    CHECK(f.get(target, accept("text/xml"))
            .body()
            .find("<ArrayOfSubscriptionSummary><SubscriptionSummary>")
          != std::string::npos);
  CHECK(f.get("/subscriptions?offset=0&count=1", accept("text/xml"))
          .body()
          .find("<Total>1</Total>")
        != std::string::npos);
  auto missing = f.get("/subscriptions/t", accept("text/xml"));
  CHECK(missing.status() == 404);
  CHECK(missing.body().ends_with("?><ArrayOfSubscriptionSummary />"));
  CHECK(f.post("/subscriptions/restart", accept("text/xml")).body()
        == "<string>Restarting</string>");
  CHECK(type_of(f, "/subscriptions", none) == "application/json");
  CHECK(type_of(f, "/subscriptions", accept("*/*")) == "application/json");
  CHECK(type_of(f, "/subscriptions?format=xml", none) == "text/xml");
  CHECK(type_of(f, "/subscriptions", accept("application/xml")) == "406");
  CHECK(f.call(http_verb::put, "/subscriptions/s/h",
               {{"Content-Type", "application/xml"}}, "<s/>")
          .status()
        == 415);
  CHECK(f.call(http_verb::delete_, "/subscriptions/s/none", accept("text/xml"))
          .body()
          .find("<Reason>Group 'none' does not exist.</Reason>"
                "<Result>DoesNotExist</Result>")
        != std::string::npos);
}

} // namespace callboard::test::xml_routes_test
