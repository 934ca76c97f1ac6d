// Bodies of publishers: what is stored, what is refused and with which words.
#include "actors/core/limits.hpp"
#include "net/eventstore_batch.hpp"
#include "net/stream_policy.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::eventstore_batch_test {

namespace {

const std::string id = "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e4";

std::string one(const std::string& members) {
  return R"([{"eventId":")" + id + R"(","eventType":"t")" + members + "}]";
}

new_event stored(const std::string& members) {
  auto events = parse_batch(one(members));
  REQUIRE(events.has_value());
  REQUIRE(events->size() == 1);
  return events->front();
}

refusal refused(std::string_view body) {
  auto events = parse_batch(body);
  REQUIRE(events.has_error());
  return events.error();
}

stream_policy policy(std::string text) {
  return parse_stream_policy({{}, "$metadata", std::move(text), "", true})
    .value();
}

} // namespace

TEST_CASE("a batch is read in order, whatever the case of its names") {
  auto events = parse_batch(R"(
    [ { "eventId": "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e4",
        "eventType": "Placed", "data": {"a":1}, "metadata": {"m":[1.0]} },
      { "EVENTTYPE": "Sent", "extra": [1,{"data":2}], "Data": "plain",
        "EventID": "{FBF4A1A1B4A34DFEA01FEC52C34E16E5}" } ] )");
  REQUIRE(events.has_error()); // digits in braces need their dashes
  events = parse_batch(R"(
    [ { "eventId": "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e4",
        "eventType": "Placed", "data": {"a":1}, "metadata": {"m":[1.0]} },
      { "EVENTTYPE": "Sent", "extra": [1,{"data":2}], "Data": "plain",
        "EventID": "{FBF4A1A1-B4A3-4DFE-A01F-EC52C34E16E5}" } ] )");
  REQUIRE(events.has_value());
  REQUIRE(events->size() == 2);
  CHECK(to_string((*events)[0].id) == id);
  CHECK((*events)[0].type == "Placed");
  CHECK((*events)[0].data == "{\n  \"a\": 1\n}");
  CHECK((*events)[0].metadata == "{\n  \"m\": [\n    1.0\n  ]\n}");
  CHECK((*events)[0].is_json);
  CHECK(to_string((*events)[1].id) == "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e5");
  CHECK((*events)[1].type == "Sent");
  CHECK((*events)[1].data == "plain");
  CHECK((*events)[1].metadata.empty());
  CHECK_FALSE((*events)[1].is_json);
}

TEST_CASE("payloads are kept by their kind") {
  CHECK(stored(R"(,"data":{"z":1.10,"a":123456789012345678901})").data
        == "{\n  \"z\": 1.10,\n  \"a\": 123456789012345678901\n}");
  CHECK(stored(R"(,"data":[])").data == "[]");
  CHECK(stored(R"(,"data":[])").is_json);
  CHECK(stored(R"(,"data":"{\"a\":1}")").data == "{\n  \"a\": 1\n}");
  CHECK(stored(R"(,"data":"{\"a\":1}")").is_json);
  CHECK(stored(R"(,"data":"{not json}")").data == "{not json}");
  CHECK_FALSE(stored(R"(,"data":"{not json}")").is_json);
  CHECK(stored(R"(,"data":"5")").data == "5");
  CHECK_FALSE(stored(R"(,"data":"5")").is_json);
  for (auto nothing :
       {R"(,"data":5)", R"(,"data":true)", R"(,"data":null)", ""}) {
    CHECK(stored(nothing).data.empty());
    CHECK_FALSE(stored(nothing).is_json);
  }
  CHECK(stored(R"(,"data":"gr\u00fc\u00df \"e\"")").data
        == "gr\u00fc\u00df \"e\"");
  CHECK(stored(R"(,"data":{"$type":"x","n":{"$id":1}})").data
        == "{\n  \"$type\": \"x\",\n  \"n\": {\n    \"$id\": 1\n  }\n}");
}

TEST_CASE("JSON metadata alone makes an event JSON") {
  auto e = stored(R"(,"data":"text","metadata":{"a":1})");
  CHECK(e.is_json);
  CHECK(e.data == "text");
  CHECK(e.metadata == "{\n  \"a\": 1\n}");
}

TEST_CASE("the last of repeated members counts") {
  auto e = stored(R"(,"data":{"a":1},"data":"b")");
  CHECK(e.data == "b");
  CHECK_FALSE(e.is_json);
}

TEST_CASE("what is no batch has an invalid body") {
  refusal invalid{400, "Write request body invalid."};
  for (const auto& body : std::vector<std::string>{
         std::string{}, std::string{"[]"}, std::string{"{}"},
         std::string{"null"}, std::string{"[1]"}, std::string{"[null]"},
         std::string{"[{}"}, std::string{"[{}]]"}, std::string{"garbage"},
         R"({"eventId":")" + id + R"(","eventType":"t"})",
         one(R"(,"data":{a})"), one(R"(,"data":{"a":01})"),
         one(R"(,"data":{"a":"\x"})"), one(",\"data\":\"\xff\""), one("") + "x",
         one(R"(,"data":[1,2)"), R"([{"eventId":{},"eventType":"t"}])",
         one(R"(,"eventType":[])")}) {
    INFO(body);
    CHECK(refused(body) == invalid);
  }
}

TEST_CASE("an event without id or type is refused by name") {
  refusal no_id{400, "Empty eventId provided. (Parameter 'eventId')"};
  refusal no_type{400, "Empty eventType provided. (Parameter 'eventType')"};
  CHECK(refused("[{}]") == no_id);
  CHECK(refused(R"([{"eventType":"t"}])") == no_id);
  CHECK(refused(R"([{"eventId":null,"eventType":"t"}])") == no_id);
  CHECK(refused(R"([{"eventId":"00000000-0000-0000-0000-000000000000"}])")
        == no_id);
  CHECK(refused(R"([{"eventId":")" + id + R"("}])") == no_type);
  CHECK(refused(R"([{"eventId":")" + id + R"(","eventType":""}])") == no_type);
  CHECK(refused(R"([{"eventId":"x1","eventType":"t"}])")
        == refusal{400, "Write request body invalid. eventId of event 0 is "
                        "\"x1\"; a GUID is needed."});
}

TEST_CASE("what Event Store's reader tolerates is tolerated") {
  auto events = parse_batch("\xEF\xBB\xBF[ // a comment\n {eventId:'" + id
                            + "', 'eventType':'t', data:{a:'b',},},]");
  REQUIRE(events.has_value());
  CHECK(events->front().data == "{\n  \"a\": \"b\"\n}");
  CHECK(stored(R"(,"eventType":5)").type == "5");
}

TEST_CASE("events beyond the limits are refused with 413") {
  auto large = std::string(limits::event_bytes_max, 'x');
  CHECK(parse_batch(one(",\"data\":\"" + large + "\"")).has_value());
  refusal limit{413, "Too large events received. Limit is 4194304 bytes."};
  CHECK(refused(one(",\"data\":\"" + large + "x\"")) == limit);
  CHECK(refused(one(",\"data\":\"" + large + "\",\"metadata\":\"x\""))
        == limit);
  CHECK(refused(one(",\"data\":{\"a\":\"" + large + "\"}")) == limit);
  std::string many = "[";
  for (std::size_t i = 0; i <= limits::append_events_max; ++i)
    many += std::string{i == 0 ? "" : ","} + R"({"eventId":")" + id
            + R"(","eventType":"t"})";
  CHECK(refused(many + "]")
        == refusal{413, "Too many events received: 10001. Limit is 10000."});
  // White space can be added without end: the sum counts what is stored.
  std::string deep = "[";
  for (int i = 0; i < 5; ++i)
    deep += std::string{i == 0 ? "" : ","} + R"({"eventId":")" + id
            + R"(","eventType":"t","data":")"
            + std::string(limits::event_bytes_max, 'x') + "\"}";
  CHECK(refused(deep + "]")
        == refusal{413, "Too large batch received. Limit is 16777216 bytes."});
}

TEST_CASE("what a batch takes while it is read is bounded") {
  // Each of these would take many times its length.
  std::string empty = "[{}";
  for (std::size_t i = 1; i < 3'000'000; ++i)
    empty += ",{}";
  CHECK(refused(empty + "]")
        == refusal{413, "Too many events received: 3000000. Limit is 10000."});
  std::string nested = std::string(60, '[') + "1";
  for (int i = 0; i < 16'000; ++i)
    nested += ",1";
  nested += std::string(60, ']');
  refusal limit{413, "Too large batch received. Limit is 16777216 bytes."};
  std::string many = "[" + one(",\"data\":" + nested).substr(1);
  many.pop_back();
  auto event = many.substr(1);
  for (int i = 0; i < 10; ++i)
    many += "," + event;
  CHECK(refused(many + "]") == limit);
  std::string again = ",\"data\":" + nested; // the last one would count
  std::string repeated;
  for (int i = 0; i < 10; ++i)
    repeated += again;
  CHECK(refused(one(repeated)) == limit);
}

TEST_CASE("an event type has limits of its own") {
  CHECK(check_event({{}, std::string(1024, 't'), "", "", false}));
  CHECK(check_event({{}, std::string(1025, 't'), "", "", false}).error()
        == refusal{400, "eventType has 1025 bytes; at most 1024 are allowed."});
  CHECK(check_event({{}, "\xFF", "", "", false}).error().status == 400);
}

TEST_CASE("a body is refused that is nested deeper than anybody needs") {
  auto nested = [](std::size_t depth) { // in an event in an array
    return R"(,"data":)" + std::string(depth - 2, '[')
           + std::string(depth - 2, ']');
  };
  CHECK(stored(nested(limits::json_depth_max)).is_json);
  CHECK(refused(one(nested(limits::json_depth_max + 1)))
        == refusal{400, "Write request body invalid. Arrays and objects may be "
                        "nested 64 deep."});
  CHECK(refused(std::string(1'000'000, '[')).text.find("64 deep")
        != std::string::npos);
}

TEST_CASE("metadata of a stream becomes its policy") {
  auto p = policy(R"({"$maxCount":5,"$maxAge":60,"$tb":7,"$cacheControl":3,
                      "$acl":{"$r":["a","$all"],"$w":"b"},"mine":{"x":1}})");
  CHECK(p.max_count == 5);
  CHECK(p.max_age_seconds == 60);
  CHECK(p.truncate_before == 7);
  CHECK(p.cache_control_seconds == 3);
  CHECK(p.acl == R"({"$r":["a","$all"],"$w":"b"})");
  CHECK(policy(R"({"$tb":9223372036854775807})").truncate_before
        == 9223372036854775807U);
  CHECK(policy("{}") == stream_policy{});
  CHECK(policy(R"({"$maxCount":null,"$acl":null})") == stream_policy{});
  CHECK(policy(R"({"$acl":{"$r":"anna","$w":null}})").acl
        == R"({"$r":"anna"})");
}

TEST_CASE("metadata that cannot be read counts as empty") {
  for (auto text : {"", "x", R"({"$maxCount":1)", R"({"$maxCount":NaN})"}) {
    INFO(text);
    CHECK(policy(text) == stream_policy{});
  }
  CHECK(parse_stream_policy({{}, "t", R"({"$maxCount":1})", "", false}).value()
        == stream_policy{});
}

TEST_CASE("metadata that reads as JSON, if leniently, counts as what is read") {
  for (auto text :
       {R"({"$acl":{"$r":"anna"},})", "{'$acl':{'$r':'anna'}}",
        R"({$acl:{$r:"anna"}})", "{\"$acl\":{\"$r\":\"anna\"},\"x\":\"\t\"}",
        R"(/* for us */ {"$acl":{"$r":"anna"}})",
        "\xEF\xBB\xBF{\"$acl\":{\"$r\":\"anna\"}}"}) {
    INFO(text);
    CHECK(policy(text).acl == R"({"$r":"anna"})");
  }
}

TEST_CASE("metadata with a member of a wrong kind are refused by its name") {
  auto why_not = [](std::string text) {
    return parse_stream_policy({{}, "$metadata", std::move(text), "", true})
      .error();
  };
  CHECK(why_not(R"({"$acl":{"$r":"anna"},"$maxCount":"5"})")
        == refusal{400, "$maxCount is \"5\"; allowed: an integer from 1 to "
                        "9223372036854775807."});
  CHECK(why_not(R"({"$acl":{"$r":"anna","$w":[5]}})")
        == refusal{400, "$w of $acl is [5]; allowed: a login or group, or an "
                        "array of them."});
  CHECK(why_not(R"({"$acl":5})")
        == refusal{400, "$acl is 5; allowed: an object of $r, $w, $d, $mr and "
                        "$mw."});
  for (auto text :
       {"[]", "5", R"({"$acl":{"$r":"anna"},"x":"\ud800"})",
        R"({"$maxCount":0})", R"({"$maxCount":5.0})", R"({"$maxAge":-1})",
        R"({"$tb":-1})", R"({"$tb":9223372036854775808})",
        R"({"$cacheControl":0})", R"({"$acl":{"$r":5}})"}) {
    INFO(text);
    CHECK(why_not(text).status == 400);
  }
}

TEST_CASE("an event of a batch can say when it is given up") {
  CHECK(stored(R"(,"giveUpAt":"2027-01-01T00:00:00Z")").give_up_at.value
        == 1798761600000);
  CHECK(stored("").give_up_at.value == 0);
  CHECK(stored(R"(,"giveUpAt":null)").give_up_at.value == 0);
  auto why = refused(one(R"(,"giveUpAt":"tomorrow")"));
  CHECK(why.status == 400);
  CHECK(why.text.find("giveUpAt of event 0") != std::string::npos);
}

} // namespace callboard::test::eventstore_batch_test
