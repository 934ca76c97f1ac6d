// Entries at every embed level, links that are gone, single events.
#include "net/eventstore_feed.hpp"
#include "net/eventstore_feed_json.hpp"
#include "tests/support/feed_events.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace callboard::test::eventstore_feed_json_test {

using nlohmann::json;

namespace {

json entry(const resolved_event& what, embed_level embed) {
  event_page p = page(9, {}, 1, true);
  p.events.push_back(what);
  auto feed = stream_feed({base, "s", event_number{3}, 1}, p, "");
  return json::parse(feed_to_json(feed, embed))["entries"][0];
}

} // namespace

TEST_CASE("embed levels add what they say") {
  auto e = made(3, R"({"b":[1.50,2],"a":{}})", true, R"({"m":1})");
  resolved_event what{e, e, {}};
  auto none = entry(what, embed_level::none);
  CHECK_FALSE(none.contains("eventId"));
  CHECK_FALSE(none.contains("content"));
  CHECK_FALSE(none.contains("retryCount"));
  auto rich = entry(what, embed_level::rich);
  CHECK(rich["eventNumber"] == 3);
  CHECK(rich["data"].is_null());
  CHECK(rich["metaData"].is_null());
  CHECK(rich["isMetaData"] == false);
  CHECK_FALSE(rich.contains("linkMetaData"));
  auto body = entry(what, embed_level::body);
  CHECK(body["data"] == R"({"b":[1.50,2],"a":{}})");
  CHECK(body["metaData"] == R"({"m":1})");
  CHECK(body["isMetaData"] == true);
  auto pretty = entry(what, embed_level::pretty_body);
  CHECK(pretty["data"]
        == "{\n  \"b\": [\n    1.50,\n    2\n  ],\n  \"a\": {}\n}");
  CHECK(pretty["metaData"] == "{\n  \"m\": 1\n}");
  auto content = entry(what, embed_level::content);
  CHECK_FALSE(content.contains("eventId"));
  CHECK(content["content"]
        == json({{"eventStreamId", "s"},
                 {"eventNumber", 3},
                 {"eventType", "SomeEvent"},
                 {"eventId", "c322e299-cb73-4b47-97c5-5054f9207403"},
                 {"data", {{"b", {1.5, 2}}, {"a", json::object()}}},
                 {"metadata", {{"m", 1}}}}));
}

TEST_CASE("pretty leaves arrays, scalars, broken and oversized JSON alone") {
  for (std::string data : {"[1,2]", "5", "{broken", "\"{}\""}) {
    auto e = made(3, data);
    CHECK(entry({e, e, {}}, embed_level::pretty_body)["data"] == data);
  }
  // 100 levels, then many values: indenting would grow it a hundredfold.
  std::string deep = "{\"a\":" + std::string(100, '[');
  for (int i = 0; i < 1000; ++i)
    deep += i == 0 ? "1" : ",1";
  deep += std::string(100, ']') + "}";
  auto e = made(3, deep);
  CHECK(entry({e, e, {}}, embed_level::pretty_body)["data"] == deep);
}

TEST_CASE("what is not JSON has no data before TryHarder") {
  auto text = made(3, "plain \x01\xff", false);
  CHECK(entry({text, text, {}}, embed_level::body)["data"].is_null());
  CHECK(entry({text, text, {}}, embed_level::content).count("content") == 0);
  auto tried = entry({text, text, {}}, embed_level::try_harder);
  CHECK(tried["data"] == "plain \x01\xEF\xBF\xBD");
  CHECK(tried["isJson"] == false);
  auto object = made(3, R"({"a":1})", false);
  tried = entry({object, object, {}}, embed_level::try_harder);
  CHECK(tried["data"] == "{\n  \"a\": 1\n}");
  CHECK(tried["isJson"] == true);
}

TEST_CASE("content embeds values as sent, or as a string") {
  auto content = [](const std::string& data) {
    event_page p = page(9, {made(3, data)}, 1, true);
    return feed_to_json(stream_feed({base, "s", event_number{3}, 1}, p, ""),
                        embed_level::content);
  };
  CHECK(content(R"({"z":1.10,"a":12345678901234567890123})")
          .find(R"("data": {"z":1.10,"a":12345678901234567890123},)")
        != std::string::npos);
  CHECK(content("{broken").find(R"("data": "{broken",)") != std::string::npos);
  CHECK(content("{a : '1'}").find(R"("data": {"a":"1"},)")
        != std::string::npos);
  CHECK(content("").find(R"("data": "",)") != std::string::npos);
  CHECK(content("{}").find("\"metadata\": \"\"\n") != std::string::npos);
}

TEST_CASE("a resolved link shows its target and its own position") {
  resolved_event what{link_to(3, "7@a@b", R"({"l":1})"), made(7), "a@b"};
  auto body = entry(what, embed_level::body);
  CHECK(body["title"] == "7@a@b");
  CHECK(body["id"] == base + "/streams/a%40b/7");
  CHECK(body["links"][0]["uri"] == base + "/streams/a%40b/7");
  CHECK(body["links"][1]["uri"] == base + "/streams/a%40b/7");
  CHECK(body["updated"] == "2015-12-02T09:17:49.556Z"); // the link's
  CHECK(body["summary"] == "$>");
  CHECK(body["eventType"] == "SomeEvent");
  CHECK(body["eventNumber"] == 7);
  CHECK(body["streamId"] == "a@b");
  CHECK(body["data"] == R"({"a": 1})");
  CHECK(body["linkMetaData"] == R"({"l":1})");
  CHECK(body["isLinkMetaData"] == true);
  CHECK(body["positionEventNumber"] == 3);
  CHECK(body["positionStreamId"] == "s");
  what.original = link_to(3, "7@a@b");
  CHECK(entry(what, embed_level::body)["linkMetaData"] == "");
  CHECK(entry(what, embed_level::body)["isLinkMetaData"] == false);
  CHECK_FALSE(entry(what, embed_level::content).contains("content"));
}

TEST_CASE("a link to an event that is gone is a plain entry at any level") {
  resolved_event what{link_to(3, "12@gone"), nullptr, "gone"};
  for (auto embed : {embed_level::none, embed_level::content, embed_level::rich,
                     embed_level::try_harder}) {
    auto e = entry(what, embed);
    CHECK(e["title"] == "12@gone");
    CHECK(e["links"][0]["uri"] == base + "/streams/gone/12");
    CHECK(e["summary"] == "$>");
    CHECK_FALSE(e.contains("eventId"));
    CHECK_FALSE(e.contains("content"));
  }
  // Not even a link.
  resolved_event broken{link_to(3, "nonsense"), nullptr, ""};
  CHECK(entry(broken, embed_level::content)["title"] == "3@s");
}

TEST_CASE("an unresolved link is an ordinary event") {
  auto l = link_to(3, "7@a");
  auto body = entry({l, l, {}}, embed_level::body);
  CHECK(body["title"] == "3@s");
  CHECK(body["eventType"] == "$>");
  CHECK(body["data"].is_null());
  CHECK_FALSE(body.contains("linkMetaData"));
}

TEST_CASE("names that need escaping survive URLs and JSON") {
  auto e = made(0);
  event_page p = page(1, {e}, 20, true);
  auto text = json::parse(feed_to_json(
    stream_feed({base, "a\"b/\u00fc$"}, p, ""), embed_level::rich));
  CHECK(text["streamId"] == "a\"b/\u00fc$");
  CHECK(text["id"] == base + "/streams/a%22b%2F%C3%BC%24");
  CHECK(text["entries"][0]["title"] == "0@a\"b/\u00fc$");
}

TEST_CASE("single events in their representations") {
  auto e = made(3, R"({"z":1.10,"a":2})", true, "");
  auto one = entry_of({e, e, {}}, "s");
  CHECK(entry_to_json(base, one, embed_level::none) == R"({
  "title": "3@s",
  "id": "http://h:2113/streams/s/3",
  "updated": "2015-12-02T09:17:48.556Z",
  "author": {
    "name": "EventStore"
  },
  "summary": "SomeEvent",
  "content": {
    "eventStreamId": "s",
    "eventNumber": 3,
    "eventType": "SomeEvent",
    "eventId": "c322e299-cb73-4b47-97c5-5054f9207403",
    "data": {"z":1.10,"a":2},
    "metadata": ""
  },
  "links": [
    {
      "uri": "http://h:2113/streams/s/3",
      "relation": "edit"
    },
    {
      "uri": "http://h:2113/streams/s/3",
      "relation": "alternate"
    }
  ]
})");
  CHECK(event_to_json(one) == R"({
  "eventStreamId": "s",
  "eventNumber": 3,
  "eventType": "SomeEvent",
  "eventId": "c322e299-cb73-4b47-97c5-5054f9207403",
  "data": {"z":1.10,"a":2},
  "metadata": ""
})");
  CHECK(data_to_json(*e) == "{\n  \"z\": 1.10,\n  \"a\": 2\n}");
  CHECK(data_to_json(*made(0, "{a : \"1\"}")) == "{\n  \"a\": \"1\"\n}");
  CHECK(data_to_json(*made(0, "{broken")) == "\"{broken\"");
  CHECK(data_to_json(*made(0, "say \"hi\"", false)) == "\"say \\\"hi\\\"\"");
  CHECK(data_to_json(*made(0, "[1]", false)) == "\"[1]\"");
}

TEST_CASE("a single event has its content beside what its embed level adds") {
  auto e = made(3, R"({"a":2})", true, "");
  auto one = entry_of({e, e, {}}, "s");
  auto shown = json::parse(entry_to_json(base, one, embed_level::body));
  CHECK(shown["eventId"] == "c322e299-cb73-4b47-97c5-5054f9207403");
  CHECK(shown["data"] == R"({"a":2})");
  CHECK(shown["content"]["data"] == json{{"a", 2}});
}

TEST_CASE("the description of a stream and its groups") {
  CHECK(description_to_json("a b", {"g 1"},
                            "application/vnd.kurrent.streamdesc+json")
        == R"({
  "title": "Description document for 'a b'",
  "description": "The description document will be presented when no accept header is present or it was requested",
  "_links": {
    "self": {
      "href": "/streams/a%20b",
      "supportedContentTypes": [
        "application/vnd.kurrent.streamdesc+json"
      ]
    },
    "stream": {
      "href": "/streams/a%20b",
      "supportedContentTypes": [
        "application/atom+xml",
        "application/vnd.eventstore.atom+json",
        "application/vnd.kurrent.atom+json"
      ]
    },
    "streamSubscription": [
      {
        "href": "/subscriptions/a%20b/g%201",
        "supportedContentTypes": [
          "application/vnd.eventstore.competingatom+xml",
          "application/vnd.eventstore.competingatom+json",
          "application/vnd.kurrent.competingatom+json"
        ]
      }
    ]
  }
})");
  CHECK(description_to_json("s", {}, "x").find("streamSubscription")
        == std::string::npos);
}

} // namespace callboard::test::eventstore_feed_json_test
