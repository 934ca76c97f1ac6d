// What publishers and operators send in XML: batches and settings.
#include "net/eventstore_batch.hpp"
#include "net/eventstore_settings.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::eventstore_xml_input_test {

namespace {

const std::string id = "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e4";

std::string event_xml(const std::string& data) {
  return "<events><event><EventId>" + id + "</EventId><EventType>t</EventType>"
         + data + "</event></events>";
}

std::vector<new_event> batch(const std::string& body) {
  auto events = parse_xml_batch(body);
  INFO(body);
  REQUIRE(events.has_value());
  return *events;
}

new_event one(const std::string& data) {
  auto events = batch(event_xml(data));
  REQUIRE(events.size() == 1);
  return events.front();
}

refusal refused(const std::string& body) {
  auto events = parse_xml_batch(body);
  INFO(body);
  REQUIRE(events.has_error());
  return events.error();
}

group_settings settings(std::string_view body) {
  auto out = parse_xml_group_settings(body);
  INFO(body);
  REQUIRE(out.has_value());
  return *out;
}

std::string settings_refused(std::string_view body) {
  auto out = parse_xml_group_settings(body);
  INFO(body);
  REQUIRE(out.has_error());
  return out.error().text;
}

} // namespace

TEST_CASE("each child of the root is an event") {
  auto events = batch("<?xml version=\"1.0\"?><whatever>"
                      "<event><eventid>"
                      + id
                      + "</eventid><EVENTTYPE>a</EVENTTYPE>"
                        "<Data><x>1</x></Data><MetaData>m</MetaData></event>"
                        "<another><EventId>{"
                      + id
                      + "}</EventId><EventType>b</EventType></another>"
                        "</whatever>");
  REQUIRE(events.size() == 2);
  CHECK(events[0]
        == new_event{*parse_uuid(id), "a", "{\n  \"x\": \"1\"\n}", "m", true});
  CHECK(events[1] == new_event{*parse_uuid(id), "b", "", "", false});
}

TEST_CASE("data of an event in XML becomes JSON, text stays text") {
  CHECK(one("<Data>plain</Data>").data == "plain");
  CHECK_FALSE(one("<Data>plain</Data>").is_json);
  CHECK(one(R"(<Data>{"a":1}</Data>)").data == "{\n  \"a\": 1\n}");
  CHECK(one(R"(<Data><![CDATA[{"a":"<"}]]></Data>)").data
        == "{\n  \"a\": \"<\"\n}");
  CHECK(one(R"(<Data a="1"><b>x</b><b>y</b>t</Data>)").data
        == "{\n  \"@a\": \"1\",\n  \"b\": [\n    \"x\",\n    \"y\"\n  ],\n"
           "  \"#text\": \"t\"\n}");
  CHECK(one("<Data>1</Data><Data>2</Data>").data == "[\n  \"1\",\n  \"2\"\n]");
  CHECK(one("<Data/>").data.empty());
  CHECK(one("<Data></Data><Other>x</Other>").data.empty());
}

TEST_CASE("a batch in XML is refused as one in JSON is") {
  for (std::string body :
       {"", "<events>", "<events/>", "<events>text</events>",
        "<events><event/></events>", "<events><event>x</event></events>",
        "<!DOCTYPE events><events/>", "[]"})
    CHECK(refused(body) == refusal{400, "Write request body invalid."});
  CHECK(refused("<e><e><EventType>t</EventType></e></e>").text
        == "Empty eventId provided. (Parameter 'eventId')");
  CHECK(refused("<e><e><EventId>" + id + "</EventId></e></e>").text
        == "Empty eventType provided. (Parameter 'eventType')");
  CHECK(refused("<e><e><EventId>x</EventId></e></e>").text
        == "Write request body invalid. eventId of event 0 is \"x\"; a GUID is "
           "needed.");
  std::string many = "<e>";
  for (int i = 0; i < 500'001; ++i)
    many += "<a/>";
  CHECK(refused(many + "</e>")
        == refusal{413, "Too large XML document received. Limit is 500000 "
                        "elements and attributes."});
}

TEST_CASE("settings are read from XML") {
  group_settings all;
  all.resolve_link_tos = true;
  all.start_from = 7;
  all.message_timeout_ms = 1;
  all.extra_statistics = true;
  all.max_retry_count = 2;
  all.buffer_size = 40;
  all.named_consumer_strategy = "Pinned";
  all.retries.delays_ms = {1000, 5000};
  all.durability = lease_durability::lazy;
  CHECK(settings(R"(<?xml version="1.0"?>
    <SubscriptionConfigData xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
      <ResolveLinktos>true</ResolveLinktos>
      <StartPosition>7</StartPosition>
      <MessageTimeoutMilliseconds> 1 </MessageTimeoutMilliseconds>
      <extraStatistics>1</extraStatistics>
      <MaxRetryCount>2</MaxRetryCount>
      <LiveBufferSize xsi:nil="true" />
      <BufferSize unit="events">40</BufferSize>
      <NamedConsumerStrategy>Pinned</NamedConsumerStrategy>
      <RetrySchedule><DelaysMilliseconds><int>1000</int><int>5000</int>
      </DelaysMilliseconds></RetrySchedule>
      <LeaseDurability>lazy</LeaseDurability>
      <Unknown><a/></Unknown>
    </SubscriptionConfigData>)")
        == all);
  CHECK(settings("<s><RetrySchedule><DelaysMilliseconds>9</DelaysMilliseconds>"
                 "</RetrySchedule></s>")
          .retries.delays_ms
        == std::vector<std::uint32_t>{9});
  auto growing =
    settings("<s><RetrySchedule><InitialMilliseconds>200</InitialMilliseconds>"
             "<Factor>2.5</Factor><MaxMilliseconds>900</MaxMilliseconds>"
             "<Jitter>0.5</Jitter></RetrySchedule></s>");
  CHECK(growing.retries.initial_ms == 200);
  CHECK(growing.retries.factor == 2.5);
  CHECK(growing.retries.max_ms == 900);
  CHECK(growing.retries.jitter == 0.5);
}

TEST_CASE("settings in XML are checked as those in JSON are") {
  CHECK(settings_refused("<s><BufferSize>0</BufferSize></s>")
        == "Buffer Size (0) must be positive");
  CHECK(settings_refused("<s><BufferSize>10</BufferSize>"
                         "<ReadBatchSize>11</ReadBatchSize></s>")
        == "BufferSize (10) must be larger than ReadBatchSize (11)");
  CHECK(settings_refused("<s><MaxRetryCount>many</MaxRetryCount></s>")
        == "maxRetryCount is \"many\"; allowed: an integer from 0 to "
           "2147483647.");
  CHECK(settings_refused("<s><StartPosition>x</StartPosition></s>")
        == "startPosition should be a properly formed long");
  CHECK(settings("<s><NamedConsumerStrategy>5</NamedConsumerStrategy></s>")
          .named_consumer_strategy
        == "5");
  CHECK(settings("<s><NamedConsumerStrategy></NamedConsumerStrategy></s>")
          .named_consumer_strategy
        == "DispatchToSingle");
}

TEST_CASE("without a readable body in XML a group has the defaults") {
  for (auto body : {"", "<s/>", "<s></s>", "<s>", "x", "{}", "<s>x</s>"})
    CHECK(settings(body) == group_settings{});
}

} // namespace callboard::test::eventstore_xml_input_test
