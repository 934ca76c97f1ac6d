// Whole feeds as documents; links at every edge.
#include "net/eventstore_feed.hpp"
#include "net/eventstore_feed_json.hpp"
#include "tests/support/feed_events.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace callboard::test::eventstore_feed_test {

using nlohmann::json;

namespace {

/// The links of a feed, one a line: relation and what follows `/streams/s`.
std::string links(const page_query& query, const event_page& p) {
  std::string out;
  for (auto& [relation, uri] : stream_feed(query, p, "").links)
    out += std::string{relation} + " "
           + uri.substr((base + "/streams/s").size()) + "\n";
  return out;
}

} // namespace

TEST_CASE("the newest page of a stream as a document") {
  auto p = page(2, {made(1), made(0)}, 20, true);
  auto feed = stream_feed({base, "new stream"}, p, "1;5");
  CHECK(feed_to_json(feed, embed_level::none) == R"({
  "title": "Event stream 'new stream'",
  "id": "http://h:2113/streams/new%20stream",
  "updated": "2015-12-02T09:17:48.556Z",
  "streamId": "new stream",
  "author": {
    "name": "EventStore"
  },
  "headOfStream": true,
  "selfUrl": "http://h:2113/streams/new%20stream",
  "eTag": "1;5",
  "links": [
    {
      "uri": "http://h:2113/streams/new%20stream",
      "relation": "self"
    },
    {
      "uri": "http://h:2113/streams/new%20stream/head/backward/20",
      "relation": "first"
    },
    {
      "uri": "http://h:2113/streams/new%20stream/2/forward/20",
      "relation": "previous"
    },
    {
      "uri": "http://h:2113/streams/new%20stream/metadata",
      "relation": "metadata"
    }
  ],
  "entries": [
    {
      "title": "1@new stream",
      "id": "http://h:2113/streams/new%20stream/1",
      "updated": "2015-12-02T09:17:48.556Z",
      "author": {
        "name": "EventStore"
      },
      "summary": "SomeEvent",
      "links": [
        {
          "uri": "http://h:2113/streams/new%20stream/1",
          "relation": "edit"
        },
        {
          "uri": "http://h:2113/streams/new%20stream/1",
          "relation": "alternate"
        }
      ]
    },
    {
      "title": "0@new stream",
      "id": "http://h:2113/streams/new%20stream/0",
      "updated": "2015-12-02T09:17:48.556Z",
      "author": {
        "name": "EventStore"
      },
      "summary": "SomeEvent",
      "links": [
        {
          "uri": "http://h:2113/streams/new%20stream/0",
          "relation": "edit"
        },
        {
          "uri": "http://h:2113/streams/new%20stream/0",
          "relation": "alternate"
        }
      ]
    }
  ]
})");
}

TEST_CASE("links of backward pages") {
  // 25 events; cases 172-175.
  CHECK(
    links({base, "s"}, page(25, {}, 20, false))
    == "self \nfirst /head/backward/20\nlast /0/forward/20\n"
       "next /4/backward/20\nprevious /25/forward/20\nmetadata /metadata\n");
  CHECK(links({base, "s", event_number{4}, 20}, page(25, {}, 20, true))
        == "self \nfirst /head/backward/20\nprevious /5/forward/20\n"
           "metadata /metadata\n");
  CHECK(links({base, "s", event_number{100}, 10}, page(25, {}, 10, false))
        == "self \nfirst /head/backward/10\nlast /0/forward/10\n"
           "next /90/backward/10\nprevious /25/forward/10\n"
           "metadata /metadata\n");
}

TEST_CASE(
  "links of forward pages; only an empty one at the tip has no previous") {
  auto forward = [](std::uint64_t from, std::size_t count) {
    return page_query{base, "s", event_number{from}, count, direction::forward};
  };
  CHECK(links(forward(0, 24), page(25, {made(0)}, 24, false))
        == "self \nfirst /head/backward/24\nprevious /24/forward/24\n"
           "metadata /metadata\n");
  CHECK(links(forward(20, 20), page(25, {made(20)}, 20, true))
        == "self \nfirst /head/backward/20\nlast /0/forward/20\n"
           "next /19/backward/20\nprevious /25/forward/20\n"
           "metadata /metadata\n");
  CHECK(links(forward(25, 20), page(25, {}, 20, true))
        == "self \nfirst /head/backward/20\nlast /0/forward/20\n"
           "next /24/backward/20\nmetadata /metadata\n");
  // All of it is invisible, but not all of the stream: go on.
  CHECK(links(forward(0, 5), page(25, {}, 5, false))
        == "self \nfirst /head/backward/5\nprevious /5/forward/5\n"
           "metadata /metadata\n");
}

TEST_CASE("a page that was cut short is continued where it ends") {
  auto forward = page_query{base, "s", event_number{2}, 20, direction::forward};
  CHECK(links(forward, page(25, {made(2), made(3)}, 2, false))
          .find("previous /4/forward/20\n")
        != std::string::npos);
  CHECK(links({base, "s"}, page(25, {made(24)}, 1, false))
          .find("next /23/backward/20\n")
        != std::string::npos);
}

TEST_CASE("headOfStream, eTag, selfUrl and updated follow the direction") {
  auto p = page(25, {made(0), made(1)}, 25, true);
  p.events[0].original = link_to(0, "0@x"); // another time of creation
  auto f = stream_feed({base, "s", event_number{0}, 25, direction::forward}, p,
                       "24;1");
  CHECK(f.head_of_stream);
  CHECK(f.e_tag.empty());
  CHECK_FALSE(f.has_self_url);
  CHECK(f.updated == noon + 1000);
  CHECK(f.entries[0].number.value == 1); // newest first
  p.end_of_stream = false;
  CHECK_FALSE(
    stream_feed({base, "s", event_number{0}, 24, direction::forward}, p, "")
      .head_of_stream);
  auto back = stream_feed({base, "s", event_number{24}}, p, "24;1");
  CHECK_FALSE(back.head_of_stream);
  CHECK(back.e_tag.empty());
  CHECK(back.has_self_url);
  auto empty = stream_feed({base, "s", event_number{25}, 1, direction::forward},
                           page(25, {}, 1, true), "");
  auto text = json::parse(feed_to_json(empty, embed_level::body));
  CHECK(text["updated"] == "0001-01-01T00:00:00Z");
  CHECK(text["entries"] == json::array());
}

TEST_CASE("what a group delivered as a document") {
  delivery_batch batch;
  auto first = made(0);
  auto second = made(1);
  batch.events.push_back({{first, first, {}}, lane::source, 1, {1}});
  batch.events.push_back({{second, second, {}}, lane::source, 3, {1}});
  group_key key{"newstream", "g/1"};
  CHECK(feed_to_json(competing_feed(base, key, 5, batch), embed_level::body)
        == R"({
  "title": "Messages for 'newstream/g/1'",
  "id": "http://h:2113/subscriptions/newstream/g%2F1",
  "updated": "2015-12-02T09:17:48.556Z",
  "author": {
    "name": "EventStore"
  },
  "headOfStream": false,
  "links": [
    {
      "uri": "http://h:2113/subscriptions/newstream/g%2F1/ack?ids=c322e299-cb73-4b47-97c5-5054f9207400,c322e299-cb73-4b47-97c5-5054f9207401",
      "relation": "ackAll"
    },
    {
      "uri": "http://h:2113/subscriptions/newstream/g%2F1/nack?ids=c322e299-cb73-4b47-97c5-5054f9207400,c322e299-cb73-4b47-97c5-5054f9207401",
      "relation": "nackAll"
    },
    {
      "uri": "http://h:2113/subscriptions/newstream/g%2F1/5",
      "relation": "previous"
    },
    {
      "uri": "http://h:2113/subscriptions/newstream/g%2F1",
      "relation": "self"
    }
  ],
  "entries": [
    {
      "eventId": "c322e299-cb73-4b47-97c5-5054f9207401",
      "eventType": "SomeEvent",
      "eventNumber": 1,
      "data": "{\"a\": 1}",
      "metaData": null,
      "streamId": "newstream",
      "isJson": true,
      "isMetaData": false,
      "isLinkMetaData": false,
      "isRedacted": false,
      "positionEventNumber": 1,
      "positionStreamId": "newstream",
      "title": "1@newstream",
      "id": "http://h:2113/streams/newstream/1",
      "updated": "2015-12-02T09:17:48.556Z",
      "author": {
        "name": "EventStore"
      },
      "summary": "SomeEvent",
      "retryCount": 2,
      "links": [
        {
          "uri": "http://h:2113/streams/newstream/1",
          "relation": "edit"
        },
        {
          "uri": "http://h:2113/streams/newstream/1",
          "relation": "alternate"
        },
        {
          "uri": "http://h:2113/subscriptions/newstream/g%2F1/ack/c322e299-cb73-4b47-97c5-5054f9207401",
          "relation": "ack"
        },
        {
          "uri": "http://h:2113/subscriptions/newstream/g%2F1/nack/c322e299-cb73-4b47-97c5-5054f9207401",
          "relation": "nack"
        },
        {
          "uri": "http://h:2113/subscriptions/newstream/g%2F1/extend?lease=g0-l1",
          "relation": "extend"
        }
      ]
    },
    {
      "eventId": "c322e299-cb73-4b47-97c5-5054f9207400",
      "eventType": "SomeEvent",
      "eventNumber": 0,
      "data": "{\"a\": 1}",
      "metaData": null,
      "streamId": "newstream",
      "isJson": true,
      "isMetaData": false,
      "isLinkMetaData": false,
      "isRedacted": false,
      "positionEventNumber": 0,
      "positionStreamId": "newstream",
      "title": "0@newstream",
      "id": "http://h:2113/streams/newstream/0",
      "updated": "2015-12-02T09:17:48.556Z",
      "author": {
        "name": "EventStore"
      },
      "summary": "SomeEvent",
      "retryCount": 0,
      "links": [
        {
          "uri": "http://h:2113/streams/newstream/0",
          "relation": "edit"
        },
        {
          "uri": "http://h:2113/streams/newstream/0",
          "relation": "alternate"
        },
        {
          "uri": "http://h:2113/subscriptions/newstream/g%2F1/ack/c322e299-cb73-4b47-97c5-5054f9207400",
          "relation": "ack"
        },
        {
          "uri": "http://h:2113/subscriptions/newstream/g%2F1/nack/c322e299-cb73-4b47-97c5-5054f9207400",
          "relation": "nack"
        },
        {
          "uri": "http://h:2113/subscriptions/newstream/g%2F1/extend?lease=g0-l1",
          "relation": "extend"
        }
      ]
    }
  ]
})");
}

TEST_CASE("an empty delivery has neither ackAll nor nackAll") {
  auto text =
    feed_to_json(competing_feed(base, {"s", "g"}, 1, {}), embed_level::none);
  CHECK(text == R"({
  "title": "Messages for 's/g'",
  "id": "http://h:2113/subscriptions/s/g",
  "updated": "0001-01-01T00:00:00Z",
  "author": {
    "name": "EventStore"
  },
  "headOfStream": false,
  "links": [
    {
      "uri": "http://h:2113/subscriptions/s/g/1",
      "relation": "previous"
    },
    {
      "uri": "http://h:2113/subscriptions/s/g",
      "relation": "self"
    }
  ],
  "entries": []
})");
}

TEST_CASE("a replayed event shows its target and names the parked stream") {
  delivery_batch batch;
  batch.events.push_back(
    {{link_to(4, "0@s"), made(0), "s"}, lane::replay, 1, {9}});
  auto feed = competing_feed(base, {"s", "g"}, 1, batch);
  auto moved = std::move(feed); // entries point into it
  auto e = json::parse(feed_to_json(moved, embed_level::rich))["entries"][0];
  CHECK(e["title"] == "0@s");
  CHECK(e["summary"] == "$>");
  CHECK(e["retryCount"] == 0);
  CHECK(e["eventId"] == "c322e299-cb73-4b47-97c5-5054f9207400");
  CHECK(e["positionEventNumber"] == 4);
  CHECK(e["positionStreamId"] == "$persistentsubscription-s::g-parked");
  CHECK(e["links"][2]["uri"]
        == base
             + "/subscriptions/s/g/ack/ff22e299-cb73-4b47-97c5-5054f9207404");
}

TEST_CASE("embed levels are read in any case; unknown ones are none") {
  CHECK(parse_embed("PrettyBody") == embed_level::pretty_body);
  CHECK(parse_embed("pretty") == embed_level::pretty_body);
  CHECK(parse_embed("BODY") == embed_level::body);
  CHECK(parse_embed("tryHarder") == embed_level::try_harder);
  CHECK(parse_embed("Rich") == embed_level::rich);
  CHECK(parse_embed("content") == embed_level::content);
  CHECK(parse_embed("None") == embed_level::none);
  CHECK(parse_embed("") == embed_level::none);
  CHECK(parse_embed("what") == embed_level::none);
}

TEST_CASE("a tag changes with the stream and with the representation") {
  stream_row head;
  head.next = {25};
  auto tag = make_e_tag(head, "application/json");
  CHECK(tag.starts_with("24;"));
  CHECK(tag == make_e_tag(head, "application/json"));
  CHECK(tag != make_e_tag(head, "text/xml"));
  head.next = {26};
  CHECK(tag != make_e_tag(head, "application/json"));
}

} // namespace callboard::test::eventstore_feed_test
