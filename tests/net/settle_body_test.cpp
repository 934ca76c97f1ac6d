// The body of a settle: what is taken, in which order, and what is refused.
#include "net/settle_body.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace callboard::test::settle_body_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string id_text = "fbf4a1a1-b4a3-4dfe-a01f-ec52c34e16e4";
const uuid id = *parse_uuid(id_text);

settle_body read(const std::string& text) {
  auto body = read_settle_body(text);
  INFO(text);
  REQUIRE(body.has_value());
  return *body;
}

std::string refused(const std::string& text) {
  auto body = read_settle_body(text);
  INFO(text);
  REQUIRE(!body.has_value());
  return body.error().text;
}

} // namespace

TEST_CASE("a settle of every kind is read in the order of its lists") {
  auto body = read(R"({"extend": [{"lease": "g7-l12", "by": "30s"}],
    "ack": [")" + id_text
                   + R"(", "g7-l11"],
    "nack": [{"id": ")"
                   + id_text + R"(", "lease": "g7-l13", "delay": 1500,
              "reason": "later"},
             {"id": ")"
                   + id_text + R"(", "action": "park", "reason": "bad"}],
    "release": ["g7-l14"],
    "next": {"count": 20, "wait": 5, "embed": "none"}})");
  auto& items = body.what.items;
  REQUIRE(items.size() == 6);
  CHECK((items[0].verb == settle_verb::ack && items[0].id == id));
  CHECK((items[1].verb == settle_verb::ack
         && items[1].lease == lease_token{{7}, {11}} && !items[1].id));
  CHECK((items[2].verb == settle_verb::retry && items[2].by == 1500ms));
  CHECK((items[2].lease == lease_token{{7}, {13}} && items[2].id == id));
  CHECK(items[2].words == "later");
  CHECK((items[3].verb == settle_verb::park && items[3].words == "bad"));
  CHECK((items[4].verb == settle_verb::extend && items[4].by == 30s));
  CHECK(items[5].verb == settle_verb::release);
  REQUIRE(body.what.next);
  CHECK((body.what.next->count == 20 && body.what.next->wait == 5s));
  CHECK(body.embed == lean_embed::none);
}

TEST_CASE("a settle with nothing in it, or with next alone, is whole") {
  CHECK(read("{}").what.items.empty());
  auto body = read(R"({"next": {}})");
  CHECK((body.what.next->count == 1 && body.what.next->wait == 0ms));
}

TEST_CASE("the spans of a settle are any durations, and numbers by their "
          "place") {
  auto delay_of = [](const std::string& value) {
    return read(R"({"nack": [{"id": ")" + id_text + R"(", "delay": )" + value
                + "}]}")
      .what.items[0]
      .by;
  };
  CHECK(delay_of(R"("7d")") == 168h);
  CHECK(delay_of(R"("PT90S")") == 90s);
  CHECK(delay_of(R"("1500")") == 1500ms);
  CHECK(
    read(R"({"extend": [{"lease": "g7-l12", "by": "PT5M"}]})").what.items[0].by
    == 5min);
  CHECK(read(R"({"next": {"wait": "PT1S"}})").what.next->wait == 1s);
  CHECK(read(R"({"next": {"wait": "20"}})").what.next->wait == 20s);
}

TEST_CASE("reasons have spaces in the place of control characters") {
  auto body = read(R"({"nack": [{"id": ")" + id_text
                   + R"(", "reason": "a\u0001\n\tb\u00e4\"c"}]})");
  CHECK(body.what.items[0].words == "a   b\xc3\xa4\"c");
}

TEST_CASE("a nack for the whole group trips its breaker") {
  auto body = read(R"({"nack": [{"id": ")" + id_text
                   + R"(", "scope": "group", "delay": "30s",
                        "reason": "the database is down"}]})");
  REQUIRE(body.what.trip);
  CHECK((body.what.trip->delay == 30s
         && body.what.trip->words == "the database is down"));
  CHECK(body.what.items[0].by == 0ms);
  CHECK(refused(R"({"nack": [{"id": ")" + id_text + R"(", "scope": "group"}]})")
          .find("give a delay")
        != std::string::npos);
}

TEST_CASE("what is wrong in a settle is named with what is allowed") {
  CHECK(refused("[]").find("no JSON object") != std::string::npos);
  CHECK(refused(R"({"acks": []})")
        == "The body has a member \"acks\"; allowed: ack, skip, nack, extend, "
           "release, next.");
  CHECK(refused(R"({"ack": "x"})") == "ack is \"x\"; allowed: an array.");
  CHECK(refused(R"({"ack": ["x"]})")
        == "ack[0] is \"x\"; allowed: an event id, or a lease such as g7-l12.");
  CHECK(refused(R"({"ack": [{}]})")
        == "ack[0] names neither an \"id\" nor a \"lease\".");
  CHECK(refused(R"({"nack": [{"id": ")" + id_text + R"(", "action": "drop"}]})")
        == "nack[0].action is \"drop\"; allowed: retry, park, skip or stop.");
  CHECK(refused(R"({"nack": [{"id": ")" + id_text
                + R"(", "action": "park", "delay": "1s"}]})")
        == "nack[0].delay is \"1s\"; allowed: only with the action retry.");
  CHECK(refused(R"({"next": {"count": 0}})")
        == "next.count is 0; allowed: 1 to 100.");
  CHECK(refused(R"({"next": {"wait": "61s"}})").find("next.wait is \"61s\"")
        == 0);
  CHECK(refused(R"({"next": {"wait": -1}})").find("next.wait is -1") == 0);
  CHECK(refused(R"({"next": {"embed": "rich"}})")
        == "next.embed is \"rich\"; allowed: body or none.");
  CHECK(refused(R"({"extend": [{"lease": "12"}]})")
        == "extend[0].lease is \"12\"; allowed: a lease such as g7-l12.");
}

TEST_CASE("more things to settle than the bound are refused as a whole") {
  json many;
  for (int i = 0; i < 1001; ++i)
    many["ack"].push_back(id_text);
  auto body = read_settle_body(many.dump());
  REQUIRE(!body.has_value());
  CHECK(body.error().status == 413);
}

TEST_CASE("the answer to a settle has a result in the place of each item") {
  auto body = read(R"({"ack": ["g7-l11", "g7-l12"],
    "nack": [{"lease": "g7-l13", "action": "skip"}], "release": []})");
  settle_batch_reply reply;
  reply.items = {settle_outcome::applied, settle_outcome::stale,
                 settle_outcome::unknown};
  CHECK(json::parse(settle_answer(body, reply))
        == json::parse(R"({"ack": ["applied", "stale"], "nack": ["unknown"],
                           "release": [], "applied": 1, "stale": 1,
                           "unknown": 1})"));
  CHECK(settle_answer(read("{}"), {}) == "{}\n");
}

TEST_CASE("lease tokens are read as they were written, and nothing else is") {
  lease_token token{{7}, {18'446'744'073'709'551'615U}};
  CHECK(parse_lease_token(to_string(token)) == token);
  for (auto* text : {"", "g", "g7", "g7-", "g7-l", "l7-g7", "g7-l1x", "g-7-l1",
                     "g7-l18446744073709551616", " g7-l1", "g7-l1 "})
    CHECK(!parse_lease_token(text));
}

} // namespace callboard::test::settle_body_test
