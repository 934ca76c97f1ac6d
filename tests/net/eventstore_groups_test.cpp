// Answers to commands, the info of a group, lists and their pages.
#include "net/eventstore_groups.hpp"
#include "net/eventstore_settings.hpp"
#include "net/random_uuid.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <set>

namespace callboard::test::eventstore_groups_test {

using nlohmann::json;

namespace {

const std::string base = "http://h:2113";

group_info info_of(std::string stream, std::string group,
                   std::uint64_t order = 1) {
  group_info out;
  out.key = {std::move(stream), std::move(group)};
  out.created_order = order;
  out.live = true;
  return out;
}

group_infos four_streams() {
  group_infos out;
  std::uint64_t order = 0;
  for (auto stream : {"s4", "s1", "s3", "s2"})
    for (auto group : {"b", "a"})
      out.push_back(info_of(stream, group, ++order));
  sort_groups(out);
  return out;
}

json page(std::size_t offset, std::size_t count) {
  return json::parse(summaries_page_json(base, four_streams(), offset, count));
}

std::string groups_in(const json& page) {
  std::string out;
  for (auto& s : page["subscriptions"])
    out += s["eventStreamId"].get<std::string>()
           + s["groupName"].get<std::string>() + " ";
  return out;
}

} // namespace

TEST_CASE("an envelope has an id of its own, a reason and a result") {
  auto text = envelope_json("AlreadyExists", "Group 'g\"' already exists.");
  auto id = json::parse(text)["correlationId"].get<std::string>();
  CHECK(parse_uuid(id));
  CHECK(text
        == "{\n  \"correlationId\": \"" + id
             + "\",\n  \"reason\": \"Group 'g\\\"' already exists.\",\n"
               "  \"result\": \"AlreadyExists\",\n  \"msgTypeId\": 0\n}");
}

TEST_CASE("random ids are of version 4 and do not repeat") {
  std::set<uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    auto text = to_string(random_uuid());
    CHECK(text[14] == '4');
    CHECK(std::string{"89ab"}.find(text[19]) != std::string::npos);
    CHECK(seen.insert(*parse_uuid(text)).second);
  }
}

TEST_CASE("the info of a new group as a document") {
  CHECK(info_json(base, info_of("a@b", "g 1")) == R"({
  "links": [
    {
      "href": "http://h:2113/subscriptions/a%40b/g%201/info",
      "rel": "detail"
    },
    {
      "href": "http://h:2113/subscriptions/a%40b/g%201/replayParked",
      "rel": "replayParked"
    }
  ],
  "config": {
    "resolveLinktos": false,
    "startFrom": 0,
    "startPosition": "0",
    "messageTimeoutMilliseconds": 10000,
    "extraStatistics": false,
    "maxRetryCount": 10,
    "liveBufferSize": 500,
    "bufferSize": 500,
    "readBatchSize": 20,
    "preferRoundRobin": true,
    "checkPointAfterMilliseconds": 1000,
    "minCheckPointCount": 10,
    "maxCheckPointCount": 500,
    "maxSubscriberCount": 10,
    "namedConsumerStrategy": "RoundRobin",
    "retrySchedule": {
      "initialMilliseconds": 0,
      "factor": 2.0,
      "maxMilliseconds": 3600000,
      "jitter": 0.0
    },
    "leaseDurability": "strict",
    "minRetrySpanMilliseconds": 0,
    "maxInFlight": 0,
    "maxInFlightPerConsumer": 0,
    "chargeOnLeaseLoss": "all"
  },
  "eventStreamId": "a@b",
  "groupName": "g 1",
  "status": "Live",
  "averageItemsPerSecond": 0.0,
  "parkedMessageUri": "http://h:2113/streams/%24persistentsubscription-a%40b::g%201-parked",
  "getMessagesUri": "http://h:2113/subscriptions/a%40b/g%201/1",
  "totalItemsProcessed": 0,
  "countSinceLastMeasurement": 0,
  "lastProcessedEventNumber": -1,
  "lastCheckpointedEventPosition": null,
  "lastKnownEventNumber": -1,
  "lastKnownEventPosition": null,
  "readBufferCount": 0,
  "liveBufferCount": 0,
  "retryBufferCount": 0,
  "totalInFlightMessages": 0,
  "outstandingMessagesCount": 0,
  "connections": [],
  "parkedMessageCount": 0,
  "readyMessageCount": 0,
  "settledMessageCount": 0,
  "waitingPollCount": 0,
  "extraStatistics": []
})");
}

TEST_CASE("numbers of a group at work") {
  auto info = info_of("s", "g");
  info.items_per_second = 12.9;
  info.delivered_total = 100;
  info.delivered_since_last = 7;
  info.checkpoint = 41;
  info.last_known = 99;
  info.read_buffer = 3;
  info.live_buffer = 6;
  info.retry_buffer = 2;
  info.in_flight = 5;
  info.parked = 4;
  info.extra_statistics = {{"Mean", 3}, {"Quintile 1", 1}};
  auto text = json::parse(info_json(base, info));
  CHECK(text["averageItemsPerSecond"].dump() == "12.0");
  CHECK(text["totalItemsProcessed"] == 100);
  CHECK(text["countSinceLastMeasurement"] == 7);
  CHECK(text["lastProcessedEventNumber"] == 41);
  CHECK(text["lastCheckpointedEventPosition"] == "41");
  CHECK(text["lastKnownEventNumber"] == 99);
  CHECK(text["lastKnownEventPosition"] == "99");
  CHECK(text["readBufferCount"] == 3);
  CHECK(text["liveBufferCount"] == 6);
  CHECK(text["retryBufferCount"] == 2);
  CHECK(text["totalInFlightMessages"] == 5);
  CHECK(text["outstandingMessagesCount"] == 5);
  CHECK(text["parkedMessageCount"] == 4);
  CHECK(text["extraStatistics"].dump()
        == R"([{"key":"Mean","value":3},{"key":"Quintile 1","value":1}])");
}

TEST_CASE("an info says what holds a group back, if anything does") {
  auto info = info_of("s", "g");
  auto usual = json::parse(info_json(base, info));
  for (auto name : {"blocked", "pausedUntil", "breaker", "breakerUntil",
                    "pauseReason", "nextRetry"})
    CHECK(!usual.contains(name));
  info.paused_until = {1'449'047'868'550};
  info.breaker = breaker_state::open;
  info.breaker_until = {1'449'047'868'000};
  info.pause_reason = "upgrade";
  info.next_retry = {1'449'047'869'000};
  auto text = json::parse(info_json(base, info));
  CHECK(text["pausedUntil"] == "2015-12-02T09:17:48.55Z");
  CHECK(text["breaker"] == "open");
  CHECK(text["breakerUntil"] == "2015-12-02T09:17:48Z");
  CHECK(text["pauseReason"] == "upgrade");
  CHECK(text["nextRetry"] == "2015-12-02T09:17:49Z");
  info.breaker = breaker_state::half_open;
  CHECK(json::parse(info_json(base, info))["breaker"] == "half-open");
}

TEST_CASE("the status names its flags in ascending order") {
  group_info info;
  CHECK(status_of(info) == "Behind");
  info.replaying = true;
  CHECK(status_of(info) == "Behind, ReplayingParkedMessages");
  info.live = true;
  CHECK(status_of(info) == "ReplayingParkedMessages, Live");
  info.replaying = false;
  CHECK(status_of(info) == "Live");
  info.reading = true;
  CHECK(status_of(info) == "OutstandingPageRequest, Live");
  info.live = false;
  CHECK(status_of(info) == "Behind, OutstandingPageRequest");
  info.loading = true;
  CHECK(status_of(info) == "NotReady");
}

TEST_CASE("a list is an array of summaries") {
  CHECK(summaries_json(base, {}) == "[]");
  CHECK(summaries_json(base, {info_of("s", "g")}) == R"([
  {
    "links": [
      {
        "href": "http://h:2113/subscriptions/s/g/info",
        "rel": "detail"
      }
    ],
    "eventStreamId": "s",
    "groupName": "g",
    "parkedMessageUri": "http://h:2113/streams/%24persistentsubscription-s::g-parked",
    "getMessagesUri": "http://h:2113/subscriptions/s/g/1",
    "status": "Live",
    "averageItemsPerSecond": 0.0,
    "totalItemsProcessed": 0,
    "lastProcessedEventNumber": -1,
    "lastCheckpointedEventPosition": null,
    "lastKnownEventNumber": -1,
    "lastKnownEventPosition": null,
    "connectionCount": 0,
    "totalInFlightMessages": 0
  }
])");
}

TEST_CASE("a page counts streams, and shows all their groups") {
  auto first = page(0, 2);
  CHECK(groups_in(first) == "s1b s1a s2b s2a ");
  CHECK(first["total"] == 4);
  CHECK(first["offset"] == 0);
  CHECK(first["count"] == 2);
  CHECK(first["links"] == json::parse(R"([
    {"href":"http://h:2113/subscriptions?offset=0&count=2","rel":"self"},
    {"href":"http://h:2113/subscriptions?offset=0&count=2","rel":"first"},
    {"href":"http://h:2113/subscriptions?offset=2&count=2","rel":"next"}])"));
  auto last = page(3, 2);
  CHECK(groups_in(last) == "s4b s4a ");
  CHECK(last["links"] == json::parse(R"([
    {"href":"http://h:2113/subscriptions?offset=3&count=2","rel":"self"},
    {"href":"http://h:2113/subscriptions?offset=0&count=2","rel":"first"},
    {"href":"http://h:2113/subscriptions?offset=1&count=2","rel":"previous"}])"));
  CHECK(page(1, 5)["links"][2]["href"]
        == "http://h:2113/subscriptions?offset=0&count=5");
  CHECK(groups_in(page(1, 5)) == "s2b s2a s3b s3a s4b s4a ");
}

TEST_CASE("a page beyond the end is empty, whatever its numbers") {
  CHECK(page(4, 2)["subscriptions"] == json::array());
  CHECK(page(4, 2)["total"] == 4);
  CHECK(page(SIZE_MAX, SIZE_MAX)["subscriptions"] == json::array());
  CHECK(groups_in(page(0, SIZE_MAX)).size() == 8 * 4);
  auto none = json::parse(summaries_page_json(base, {}, 0, 10));
  CHECK(none["total"] == 0);
  CHECK(none["links"].size() == 2);
}

TEST_CASE("an envelope as XML has three children") {
  auto text = envelope_xml("Fail", "a < b");
  auto id = text.find("<CorrelationId>");
  REQUIRE(id != std::string::npos);
  CHECK(parse_uuid(text.substr(id + 15, 36)));
  text.erase(id + 15, 36);
  CHECK(text
        == R"(<?xml version="1.0" encoding="utf-8"?><CommandCompleted>)"
           "<CorrelationId></CorrelationId><Reason>a &lt; b</Reason>"
           "<Result>Fail</Result></CommandCompleted>");
}

TEST_CASE("lists as XML name their items, and leave out what is obsolete") {
  auto info = info_of("s", "g&");
  info.checkpoint = 3;
  CHECK(summaries_xml(base, {info})
        == R"(<?xml version="1.0" encoding="utf-8"?>)"
           "<ArrayOfSubscriptionSummary><SubscriptionSummary>"
           "<Links><RelLink><Href>http://h:2113/subscriptions/s/g%26/info"
           "</Href><Rel>detail</Rel></RelLink></Links>"
           "<EventStreamId>s</EventStreamId><GroupName>g&amp;</GroupName>"
           "<ParkedMessageUri>http://h:2113/streams/"
           "%24persistentsubscription-s::g%26-parked</ParkedMessageUri>"
           "<GetMessagesUri>http://h:2113/subscriptions/s/g%26/1"
           "</GetMessagesUri><Status>Live</Status>"
           "<AverageItemsPerSecond>0.0</AverageItemsPerSecond>"
           "<TotalItemsProcessed>0</TotalItemsProcessed>"
           "<LastCheckpointedEventPosition>3</LastCheckpointedEventPosition>"
           "<ConnectionCount>0</ConnectionCount>"
           "<TotalInFlightMessages>0</TotalInFlightMessages>"
           "</SubscriptionSummary></ArrayOfSubscriptionSummary>");
  CHECK(summaries_xml(base, {})
        == R"(<?xml version="1.0" encoding="utf-8"?>)"
           "<ArrayOfSubscriptionSummary />");
  auto paged = summaries_page_xml(base, four_streams(), 2, 1);
  CHECK(paged.find("<PagedSubscriptionInfo><Links><RelLink><Href>http://h:2113/"
                   "subscriptions?offset=2&amp;count=1</Href><Rel>self</Rel>")
        != std::string::npos);
  CHECK(paged.find("<Total>4</Total><Subscriptions><SubscriptionSummary>")
        != std::string::npos);
  CHECK(paged.find("LastKnownEventNumber") == std::string::npos);
}

TEST_CASE("the settings of an info as XML can be sent back") {
  auto info = info_of("s", "g");
  info.settings.retries.delays_ms = {1000, 2000};
  info.settings.buffer_size = 700;
  auto text = info_xml(base, info);
  CHECK(text.starts_with(R"(<?xml version="1.0" encoding="utf-8"?>)"
                         "<SubscriptionInfo><Links><RelLink>"));
  auto from = text.find("<Config>");
  auto to = text.find("</Config>");
  REQUIRE(to != std::string::npos);
  auto read = parse_xml_group_settings(text.substr(from, to + 9 - from));
  REQUIRE(read.has_value());
  CHECK(*read == info.settings);
}

} // namespace callboard::test::eventstore_groups_test
