// Group settings: every member, every text of a refusal, and the echo.
#include "net/eventstore_settings.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace callboard::test::eventstore_settings_test {

namespace {

group_settings parsed(std::string_view body) {
  auto settings = parse_group_settings(body);
  INFO(body);
  REQUIRE(settings.has_value());
  return *settings;
}

std::string refused(std::string_view body) {
  auto settings = parse_group_settings(body);
  INFO(body);
  REQUIRE(settings.has_error());
  CHECK(settings.error().status == 400);
  return settings.error().text;
}

std::string schedule(std::string_view members) {
  return refused(R"({"retrySchedule":)" + std::string{members} + "}");
}

} // namespace

TEST_CASE("without a readable body a group has the defaults") {
  for (auto body : {"", "{}", "garbage", "[]", "5", "null", "{\"a\":", "\"x\""})
    CHECK(parsed(body) == group_settings{});
}

TEST_CASE("every setting is read, in any case, also from strings") {
  group_settings all;
  all.resolve_link_tos = true;
  all.start_from = 7;
  all.message_timeout_ms = 1;
  all.extra_statistics = true;
  all.max_retry_count = 2;
  all.live_buffer_size = 3;
  all.buffer_size = 40;
  all.read_batch_size = 5;
  all.check_point_after_ms = 6;
  all.min_check_point_count = 7;
  all.max_check_point_count = 8;
  all.max_subscriber_count = 9;
  all.named_consumer_strategy = "Pinned";
  CHECK(parsed(R"({"resolveLinktos":true,"startFrom":7,
    "messageTimeoutMilliseconds":1,"extraStatistics":true,"maxRetryCount":2,
    "liveBufferSize":3,"bufferSize":40,"readBatchSize":5,
    "checkPointAfterMilliseconds":6,"minCheckPointCount":7,
    "maxCheckPointCount":8,"maxSubscriberCount":9,
    "namedConsumerStrategy":"Pinned"})")
        == all);
  CHECK(parsed("\xEF\xBB\xBF"
               R"({"RESOLVELINKTOS":"True","StartPosition":"7",
    startFrom:3, /* wins not */ 'MessageTimeoutMilliseconds':"1",
    "ExtraStatistics":1,"maxRetryCount":"2","LIVEBUFFERSIZE":3,
    "bufferSize":"40","readBatchSize":"5","checkPointAfterMilliseconds":"6",
    "minCheckPointCount":"7","maxCheckPointCount":"8","maxSubscriberCount":"9",
    "namedConsumerStrategy":"Pinned","unknown":{"a":[]},})")
        == all);
}

TEST_CASE("null and unknown members change nothing") {
  CHECK(parsed(R"({"bufferSize":null,"startPosition":null,"retrySchedule":null,
                   "leaseDurability":null,"what":1})")
        == group_settings{});
}

TEST_CASE("an empty strategy leaves the choice to preferRoundRobin") {
  CHECK(parsed(R"({"namedConsumerStrategy":""})").named_consumer_strategy
        == "DispatchToSingle");
  CHECK(parsed(R"({"namedConsumerStrategy":"","preferRoundRobin":true})")
          .named_consumer_strategy
        == "RoundRobin");
  CHECK(parsed(R"({"preferRoundRobin":false})").named_consumer_strategy
        == "RoundRobin");
}

TEST_CASE("the dialect's validations come in its order and words") {
  CHECK(refused(R"({"bufferSize":0,"liveBufferSize":0,"readBatchSize":0})")
        == "Buffer Size (0) must be positive");
  CHECK(refused(R"({"liveBufferSize":-1,"readBatchSize":0})")
        == "Live Buffer Size (-1) must be positive");
  CHECK(refused(R"({"readBatchSize":0})")
        == "Read Batch Size (0) must be positive");
  CHECK(refused(R"({"bufferSize":20,"readBatchSize":20,"startPosition":"x"})")
        == "BufferSize (20) must be larger than ReadBatchSize (20)");
  CHECK(refused(R"({"startPosition":"x","maxRetryCount":-1})")
        == "startPosition should be a properly formed long");
  CHECK(refused(R"({"startPosition":"9223372036854775808"})")
        == "startPosition should be a properly formed long");
  CHECK(parsed(R"({"messageTimeoutMilliseconds":0})").message_timeout_ms == 0);
}

TEST_CASE("negative counts and wrong kinds are refused by name") {
  CHECK(refused(R"({"maxRetryCount":-1})")
        == "maxRetryCount is -1; allowed: an integer from 0 to 2147483647.");
  CHECK(refused(R"({"messageTimeoutMilliseconds":"-5"})")
        == "messageTimeoutMilliseconds is -5; allowed: an integer from 0 to "
           "2147483647.");
  CHECK(refused(R"({"bufferSize":"many"})")
        == "bufferSize is \"many\"; allowed: an integer from 0 to 2147483647.");
  CHECK(refused(R"({"bufferSize":1.5})")
        == "bufferSize is 1.5; allowed: an integer from 0 to 2147483647.");
  CHECK(refused(R"({"bufferSize":2147483648})")
        == "bufferSize is 2147483648; allowed: an integer from 0 to "
           "2147483647.");
  CHECK(refused(R"({"startFrom":[]})")
        == "startFrom is []; allowed: an integer from -1 to "
           "9223372036854775807.");
  CHECK(refused(R"({"resolveLinkTos":"ja"})")
        == "resolveLinktos is \"ja\"; allowed: true or false.");
  CHECK(refused(R"({"namedConsumerStrategy":5})")
        == "namedConsumerStrategy is 5; allowed: a string.");
}

TEST_CASE("a retry schedule is a list of delays or grows by a factor") {
  CHECK(
    parsed(R"({"retrySchedule":{"delaysMilliseconds":[0,"500",4294967295]}})")
      .retries.delays_ms
    == std::vector<std::uint32_t>{0, 500, 4294967295U});
  auto plan =
    parsed(R"({"retrySchedule":{"initialMilliseconds":100,"factor":1.5,
                         "maxMilliseconds":1000,"jitter":0.25}})")
      .retries;
  CHECK(plan.initial_ms == 100);
  CHECK(plan.factor == 1.5);
  CHECK(plan.max_ms == 1000);
  CHECK(plan.jitter == 0.25);
  CHECK(parsed(R"({"retrySchedule":{}})").retries.at_once());
}

TEST_CASE("a bad retry schedule is refused by name, finding and range") {
  CHECK(schedule("5")
        == R"(retrySchedule is 5; allowed: an object, {"delaysMilliseconds": )"
           R"([...]} or {"initialMilliseconds", "factor", "maxMilliseconds", )"
           R"("jitter"}.)");
  CHECK(schedule(R"({"delaysMilliseconds":[]})")
        == "retrySchedule.delaysMilliseconds is []; allowed: an array of 1 to "
           "100 integers from 0 to 4294967295 milliseconds.");
  CHECK(schedule(R"({"delaysMilliseconds":[1,-2]})")
        == "retrySchedule.delaysMilliseconds[1] is -2; allowed: an integer "
           "from 0 to 4294967295 milliseconds.");
  CHECK(schedule(R"({"delaysMilliseconds":[1,2.5]})")
        == "retrySchedule.delaysMilliseconds[1] is 2.5; allowed: an integer "
           "from 0 to 4294967295 milliseconds.");
  std::string many = "[0";
  for (std::size_t i = 0; i < retry_delays_max; ++i)
    many += ",1";
  CHECK(schedule("{\"delaysMilliseconds\":" + many + "]}")
        == "retrySchedule.delaysMilliseconds has 101 members; allowed: an "
           "array of 1 to 100 integers from 0 to 4294967295 milliseconds.");
  CHECK(schedule(R"({"initialMilliseconds":"soon"})")
        == "retrySchedule.initialMilliseconds is \"soon\"; allowed: an integer "
           "from 0 to 4294967295 milliseconds.");
  CHECK(schedule(R"({"factor":0.5})")
        == "retrySchedule.factor is 0.5; allowed: a number from 1 to 1000.");
  CHECK(schedule(R"({"jitter":2})")
        == "retrySchedule.jitter is 2; allowed: a number from 0 to 1.");
  CHECK(schedule(R"({"initialMilliseconds":10,"maxMilliseconds":5})")
        == "retrySchedule.initialMilliseconds is 10; allowed: at most "
           "maxMilliseconds, which is 5.");
  CHECK(schedule(R"({"delaysMilliseconds":[1],"factor":2})")
        == "retrySchedule has delaysMilliseconds and other members; allowed: "
           "either the list of delays, or initialMilliseconds, factor, "
           "maxMilliseconds and jitter.");
  CHECK(schedule(R"({"delay":1})")
        == "retrySchedule.delay is unknown; allowed: delaysMilliseconds, or "
           "initialMilliseconds, factor, maxMilliseconds and jitter.");
}

TEST_CASE("leases are strict or lazy") {
  CHECK(parsed(R"({"leaseDurability":"Lazy"})").durability
        == lease_durability::lazy);
  CHECK(parsed(R"({"leaseDurability":"strict"})").durability
        == lease_durability::strict);
  CHECK(refused(R"({"leaseDurability":"fast"})")
        == R"(leaseDurability is "fast"; allowed: "strict" or "lazy".)");
}

TEST_CASE("bounds on what is leased, and how attempts are counted") {
  auto settings =
    parsed(R"({"maxInFlight":"50","maxInFlightPerConsumer":5,)"
           R"("minRetrySpanMilliseconds":60000,"chargeOnLeaseLoss":"Guilty"})");
  CHECK(settings.max_in_flight == 50);
  CHECK(settings.max_in_flight_per_consumer == 5);
  CHECK(settings.min_retry_span_ms == 60'000);
  CHECK(settings.on_lease_loss == lease_loss::charge_guilty);
  CHECK(refused(R"({"maxInFlight":-1})")
        == "maxInFlight is -1; allowed: an integer from 0 to 2147483647.");
  CHECK(refused(R"({"maxInFlightPerConsumer":"many"})")
        == "maxInFlightPerConsumer is \"many\"; allowed: an integer from 0 to "
           "2147483647.");
  CHECK(refused(R"({"chargeOnLeaseLoss":"none"})")
        == R"(chargeOnLeaseLoss is "none"; allowed: "all" or "guilty".)");
}

TEST_CASE("a quoted finding is short and ASCII") {
  auto text =
    refused(R"({"bufferSize":"\u00fc)" + std::string(500, 'x') + "\"}");
  CHECK(text.size() < 200);
  CHECK(text.find("\\u00fc") != std::string::npos);
}

TEST_CASE("names, strategies and starts that no group can have") {
  CHECK(stream_refusal("") == "Bad stream name.");
  CHECK(stream_refusal("$all")
        == "Persistent subscriptions to $all are only supported over gRPC "
           "through gRPC clients");
  CHECK(stream_refusal("orders").empty());
  group_settings s;
  CHECK(settings_refusal(s).empty());
  s.start_from = -1;
  CHECK(settings_refusal(s).empty());
  s.start_from = -2;
  CHECK(settings_refusal(s)
        == "Invalid Start From position: event number must be greater than or "
           "equal to -1.");
  s.named_consumer_strategy = "roundrobin";
  CHECK(settings_refusal(s) == "Consumer strategy roundrobin does not exist.");
}

TEST_CASE("settings are echoed in the dialect's order, ours last") {
  CHECK(settings_to_json({}).dump(2) == R"({
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
})");
}

TEST_CASE("settings are refused that are nested deeper than anybody needs") {
  auto nested = [](std::size_t depth) {
    return R"({"extra":)" + std::string(depth - 1, '[')
           + std::string(depth - 1, ']') + "}";
  };
  CHECK(parsed(nested(64)) == group_settings{});
  CHECK(refused(nested(65)) == "Arrays and objects may be nested 64 deep.");
  CHECK(refused(nested(1'000'000))
        == "Arrays and objects may be nested 64 deep.");
}

TEST_CASE("what is echoed can be sent back") {
  group_settings s;
  s.start_from = -1;
  s.retries.delays_ms = {1, 20, 300};
  s.durability = lease_durability::lazy;
  s.named_consumer_strategy = "DispatchToSingle";
  CHECK(parsed(settings_to_json(s).dump()) == s);
  s.retries = {{}, 250, 3.5, 90'000, 0.5};
  CHECK(parsed(settings_to_json(s).dump()) == s);
}

} // namespace callboard::test::eventstore_settings_test
