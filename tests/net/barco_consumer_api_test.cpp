// The consumer port: numbers are those of barco-http.md 8.
#include "net/barco_poll.hpp"
#include "tests/support/consumer_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <zstd.h>

namespace callboard::test::barco_consumer_api_test {

namespace {

constexpr auto post = http_verb::post;

std::uint64_t number_at(std::string_view bytes, std::size_t at,
                        std::size_t size) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size; ++i)
    out = (out << 8) | static_cast<unsigned char>(bytes.at(at + i));
  return out;
}

struct binary_item {
  std::int64_t token;
  std::uint64_t range;
  std::uint64_t version;
  std::string topic;
  std::uint64_t start;
  std::vector<std::pair<std::uint64_t, std::string>> records;
};

std::vector<binary_item> parse_binary(std::string_view body) {
  std::vector<binary_item> out;
  auto left = number_at(body, 0, 2);
  std::size_t at = 2;
  for (; left > 0; --left) {
    binary_item item;
    item.token = std::int64_t(number_at(body, at, 8));
    item.range = number_at(body, at + 8, 1);
    item.version = number_at(body, at + 9, 4);
    auto name = number_at(body, at + 13, 1);
    item.topic = body.substr(at + 14, name);
    at += 14 + name;
    item.start = number_at(body, at, 8);
    auto bytes = number_at(body, at + 8, 4);
    at += 12;
    std::string payload(std::size_t{1} << 20, '\0');
    payload.resize(
      ZSTD_decompress(payload.data(), payload.size(), body.data() + at, bytes));
    at += bytes;
    for (std::size_t r = 0; r < payload.size();) {
      auto size = number_at(payload, r + 8, 4);
      item.records.emplace_back(number_at(payload, r, 8),
                                payload.substr(r + 12, size));
      r += 12 + size;
    }
    out.push_back(std::move(item));
  }
  CHECK(at == body.size());
  return out;
}

topic_chunk chunk_of(std::string topic, std::uint64_t first,
                     std::vector<std::string> records, bool is_json = true) {
  topic_chunk out{{std::move(topic), {2}}, {}};
  for (auto& one : records) {
    event e;
    e.data = one;
    e.is_json = is_json;
    e.number = {first++};
    e.created = {1'700'000'000'000};
    out.records.push_back(std::make_shared<event>(e));
  }
  return out;
}

} // namespace

TEST_CASE("19, 22: a stateless consumer registers and says goodbye") {
  consumer_fixture f;
  auto joined = f.join("consumerId=c1&group=g&topic=t");
  CHECK(joined.status() == 200);
  CHECK(joined.body() == "OK");
  CHECK(f.join("consumerId=c1&group=g&topic=t").body() == "Already registered");
  auto bye = f.post("/v1/consumer/goodbye?consumerId=c1");
  CHECK(bye.status() == 200);
  CHECK(bye.body() == "OK");
  CHECK(f.post("/v1/consumer/goodbye?consumerId=c1").status() == 409);
}

TEST_CASE("114: who is not registered is told so") {
  consumer_fixture f;
  for (auto* what : {"poll", "commit", "goodbye"})
    for (auto* id : {"", "?consumerId=c1"}) {
      auto got = f.post(std::string{"/v1/consumer/"} + what + id);
      CHECK(got.status() == 409);
      CHECK(got.body() == "Consumer not registered");
    }
}

TEST_CASE("115: another group or other topics are refused") {
  consumer_fixture f;
  f.join("consumerId=c1&group=g&topic=a&topic=b");
  for (auto* other : {"consumerId=c1&group=h&topic=a&topic=b",
                      "consumerId=c1&group=g&topic=b&topic=a"}) {
    auto got = f.join(other);
    CHECK(got.status() == 400);
    CHECK(got.body()
          == "Consumer already registered with different parameters");
  }
}

TEST_CASE("117: registrations that say too little, or wrong things") {
  consumer_fixture f;
  auto refused = [&](const std::string& query, const std::string& body) {
    auto got = f.post("/v1/consumer/register" + query, {}, body);
    CHECK(got.status() == 400);
    return got.body();
  };
  CHECK(refused("", "") == "Invalid ConsumerInfo payload");
  CHECK(refused("", "nonsense") == "Invalid ConsumerInfo payload");
  CHECK(refused("", "[1]") == "Invalid ConsumerInfo payload");
  CHECK(refused("", std::string(60'000, '['))
        == "Invalid ConsumerInfo payload");
  CHECK(refused("", R"({"id":"c","topics":["t"],"onNewGroup":"latest"})")
        == "Invalid ConsumerInfo payload");
  CHECK(refused("", R"({"id":"c","topics":"t"})")
        == "Invalid ConsumerInfo payload");
  CHECK(refused("", R"({"id":"c","topics":["t"],"onNewGroup":2})")
        == "Invalid offset reset policy value");
  CHECK(refused("", R"({"id":"","topics":["t"]})")
        == "Consumer id and topics can not be empty");
  CHECK(refused("", R"({"id":"c"})")
        == "Consumer id and topics can not be empty");
  CHECK(refused("?consumerId=c1", "")
        == "Consumer id and topics can not be empty");
  CHECK(refused("?consumerId=c1&topic=t&onNewGroup=earliest", "")
        == "Invalid offset reset policy value");
  CHECK(refused("?consumerId=c1&topic=$all", "").find("$")
        != std::string::npos);
  CHECK(refused("?consumerId=" + std::string(300, 'x') + "&topic=t", "")
          .starts_with("Consumer id is 300 bytes long"));
}

TEST_CASE("consumers and groups have no control characters in their names") {
  consumer_fixture f;
  CHECK(f.join("consumerId=a%0Ab&topic=t").body()
        == "Consumer id has control characters");
  CHECK(f.join("consumerId=a&group=g%7F&topic=t").body()
        == "Group has control characters");
  auto got = f.post("/v1/consumer/register", {},
                    R"({"id":"a\u001bb","group":"g","topics":["t"]})");
  CHECK(got.status() == 400);
  CHECK(got.body() == "Consumer id has control characters");
}

TEST_CASE("118: nothing to read") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=t");
  auto got = f.poll_json();
  CHECK(got.status() == 204);
  CHECK(got.header("Retry-After") == "1");
  CHECK(got.header("Cache-Control") == "no-store");
  CHECK(got.body().empty());
}

TEST_CASE("119: nothing to read from") {
  consumer_fixture f;
  for (auto* id : {"a", "b", "c", "d", "e"})
    f.join(std::string{"topic=t&consumerId="} + id);
  auto got = f.poll_json("e");
  CHECK(got.status() == 204);
  CHECK(got.header("Retry-After") == "5");
}

TEST_CASE("31, 32: an earliest consumer reads in JSON and commits") {
  consumer_fixture f;
  produce(f.w, "t", 1, {"{\"n\":1}", "{\"n\":2}"}).value();
  f.join("consumerId=c1&topic=t&onNewGroup=startFromEarliest");
  auto got = f.poll_json();
  CHECK(got.status() == 200);
  CHECK(got.answer.content_type == "application/json");
  CHECK(got.body()
        == R"([{"topic":"t","token":"-9223372036854775808","rangeIndex":1,)"
           R"("version":1,"startOffset":"0","values":[{"n":1},{"n":2}]}])");
  auto done = f.post("/v1/consumer/commit?consumerId=c1");
  CHECK(done.status() == 204);
  CHECK(done.header("Retry-After") == "1");
  produce(f.w, "t", 1, {"{\"n\":3}"}).value();
  CHECK(f.poll_json().json()[0]["startOffset"] == "2");
}

TEST_CASE("a commit without partitions is 204 too") {
  consumer_fixture f;
  for (auto* id : {"a", "b", "c", "d", "e"})
    f.join(std::string{"topic=t&consumerId="} + id);
  CHECK(f.post("/v1/consumer/commit?consumerId=e").status() == 204);
}

TEST_CASE("120: only `application/json` alone is JSON") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=t");
  for (auto& [accept, type] :
       {std::pair{"*/*", "application/vnd.polar.consumermessage"},
        std::pair{"application/json, text/plain",
                  "application/vnd.polar.consumermessage"},
        std::pair{"application/vnd.barco.consumermessage",
                  "application/vnd.barco.consumermessage"},
        std::pair{"application/json", "application/json"}}) {
    produce(f.w, "t", 0, {"1"}).value();
    auto got = f.post("/v1/consumer/poll?consumerId=c1", {{"Accept", accept}});
    CHECK(got.status() == 200);
    CHECK(got.answer.content_type == type);
  }
}

TEST_CASE("6: a record in binary is the bytes that were produced") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=bin");
  const std::string bytes{"\0\xff not JSON", 11};
  produce(f.w, "bin", 3, {bytes, "{\"b\":2}"}).value();
  auto items = parse_binary(f.post("/v1/consumer/poll?consumerId=c1").body());
  REQUIRE(items.size() == 1);
  CHECK(items[0].token == INT64_MIN);
  CHECK(items[0].range == 3);
  CHECK(items[0].version == 1);
  CHECK(items[0].topic == "bin");
  CHECK(items[0].start == 0);
  REQUIRE(items[0].records.size() == 2);
  CHECK(items[0].records[0].second == bytes);
  CHECK(items[0].records[0].first / 1000 == f.w.now().value);
  CHECK(items[0].records[1].second == "{\"b\":2}");
}

TEST_CASE("63, 64: chunks as JSON, byte for byte") {
  CHECK(poll_json(ring{4}, {}) == "[]");
  std::vector some{chunk_of(
    "my-topic1", 567, {R"({"hello": 1})", R"({"hello": 2, "example": true})"})};
  auto text = [](std::string token) {
    return R"([{"topic":"my-topic1","token":")" + token
           + R"(","rangeIndex":2,"version":1,"startOffset":"567",)"
             R"("values":[{"hello": 1},{"hello": 2, "example": true}]}])";
  };
  CHECK(poll_json(ring{4}, some) == text("-9223372036854775808"));
  some[0].from.partition = {6};
  CHECK(poll_json(ring{12}, some) == text("-3074457345618259968"));
  some[0].from.partition = {10};
  auto items = parse_binary(poll_binary(ring{12}, some));
  REQUIRE(items.size() == 1);
  CHECK(items[0].token == 3074457345618255872);
  CHECK(items[0].range == 2);
  CHECK(items[0].version == 1);
}

TEST_CASE("what is not JSON stands there as a string") {
  auto text =
    poll_json(ring{4}, {chunk_of("t", 0, {"not \"json\"", "\xff", ""}, false)});
  auto parsed = nlohmann::json::parse(text);
  CHECK(parsed[0]["values"][0] == "not \"json\"");
  CHECK(parsed[0]["values"][1] == "\xEF\xBF\xBD");
  CHECK(parsed[0]["values"][2] == "");
}

TEST_CASE("17, 18: a consumer of three topics gets each under its name") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=a&topic=b&topic=c");
  produce(f.w, "a", 0, {"1"}).value();
  produce(f.w, "b", 1, {"2"}).value();
  std::map<std::string, nlohmann::json> got;
  for (int polls = 0; polls < 3; ++polls)
    if (auto some = f.poll_json(); some.status() == 200)
      for (auto& item : some.json())
        got[item["topic"]] = item["values"];
  CHECK(got["a"] == nlohmann::json{1});
  CHECK(got["b"] == nlohmann::json{2});
  produce(f.w, "c", 2, {"3", "4"}).value();
  CHECK(f.poll_json().json()[0]["topic"] == "c");
}

TEST_CASE("26: old and new groups get exactly the new records") {
  consumer_fixture f;
  produce(f.w, "t", 0, {"1", "2", "3"}).value();
  f.join("consumerId=e&group=old&topic=t&onNewGroup=startFromEarliest");
  f.join("consumerId=l&group=new&topic=t");
  CHECK(f.poll_json("e").json()[0]["values"].size() == 3);
  CHECK(f.poll_json("l").status() == 204);
  produce(f.w, "t", 0, {"4", "5"}).value();
  CHECK(f.poll_json("e").json()[0]["values"] == nlohmann::json{4, 5});
  CHECK(f.poll_json("l").json()[0]["values"] == nlohmann::json{4, 5});
}

TEST_CASE("4, 7: a consumer is its connection") {
  consumer_fixture f;
  produce(f.w, "t", 0, {"1"}).value();
  CHECK(f.post("/v1/consumer/register", {},
               R"({"id":"c1","group":"g","topics":["t"]} trailing)")
          .body()
        == "OK");
  auto items = parse_binary(f.post("/v1/consumer/poll").body());
  REQUIRE(items.size() == 1); // "latest", and one record: it counts as new
  auto other = f.connect();
  CHECK(f.call(other, post, "/v1/consumer/poll").status() == 409);
  CHECK(f.post("/v1/consumer/commit").status() == 204);
  SECTION("113: another connection of the same id goes on behind commits") {
    produce(f.w, "t", 0, {"2"}).value();
    f.call(other, post, "/v1/consumer/register", {},
           R"({"id":"c1","group":"g","topics":["t"]})");
    auto next = parse_binary(f.call(other, post, "/v1/consumer/poll").body());
    REQUIRE(next.size() == 1);
    CHECK(next[0].start == 1);
  }
  SECTION("after goodbye it is nobody") {
    CHECK(f.post("/v1/consumer/goodbye").status() == 200);
    CHECK(f.post("/v1/consumer/poll").status() == 409);
  }
}

TEST_CASE("a connection that said one id may say another") {
  consumer_fixture f;
  produce(f.w, "t", 0, {"1"}).value();
  produce(f.w, "t", 1, {"2"}).value();
  f.join("consumerId=a&topic=t&onNewGroup=startFromEarliest");
  f.join("consumerId=b&topic=t");
  CHECK(f.poll_json("a").json()[0]["values"][0] == 1);
  CHECK(f.poll_json("b").json()[0]["values"][0] == 2);
  CHECK(f.post("/v1/consumer/poll").status() == 409); // no id, no consumer
}

TEST_CASE("the older spelling of the id is understood") {
  consumer_fixture f;
  CHECK(f.join("consumer_id=c1&topic=t").body() == "OK");
  CHECK(f.post("/v1/consumer/poll?consumer_id=c1").status() == 204);
}

TEST_CASE("goodbye without a commit gives back what was read") {
  consumer_fixture f;
  produce(f.w, "t", 0, {"1"}).value();
  f.join("consumerId=c1&topic=t");
  CHECK(f.poll_json().status() == 200);
  CHECK(f.post("/v1/consumer/goodbye?consumerId=c1&commit=false").status()
        == 200);
  f.join("consumerId=c2&topic=t");
  CHECK(f.poll_json("c2").status() == 200);
}

TEST_CASE("a goodbye that says neither true nor false changes nothing") {
  consumer_fixture f;
  produce(f.w, "t", 0, {"1"}).value();
  f.join("consumerId=c1&topic=t");
  CHECK(f.poll_json().status() == 200);
  const std::string goodbye = "/v1/consumer/goodbye?consumerId=c1&commit=";
  for (auto* what : {"no", "0", ""}) {
    auto got = f.post(goodbye + what);
    CHECK(got.status() == 400);
    CHECK(got.body()
          == "commit is \"" + std::string{what}
               + "\"; allowed: true and false");
  }
  SECTION("False is false") {
    CHECK(f.post(goodbye + "False").status() == 200);
    f.join("consumerId=c2&topic=t");
    CHECK(f.poll_json("c2").status() == 200);
  }
  SECTION("TRUE is true") {
    CHECK(f.post(goodbye + "TRUE").status() == 200);
    f.join("consumerId=c2&topic=t");
    CHECK(f.poll_json("c2").status() == 204);
  }
}

TEST_CASE("bodies of consumers' calls are ignored, however long they are") {
  consumer_fixture f;
  const std::string large(document_bytes_max + 1, ' ');
  auto call = [&](std::string_view what) {
    return f.post("/v1/consumer/" + std::string{what}, {}, large);
  };
  CHECK(call("register?consumerId=c1&topic=t").status() == 200);
  CHECK(call("poll?consumerId=c1").status() == 204);
  CHECK(call("commit?consumerId=c1").status() == 204);
  CHECK(call("goodbye?consumerId=c1").status() == 200);
  auto bound = call("register");
  CHECK(bound.status() == 400);
  CHECK(bound.body() == "Invalid ConsumerInfo payload");
}

} // namespace callboard::test::barco_consumer_api_test
