// The producer's listener: answers word for word, and what is stored where.
#include "net/barco_answers.hpp"
#include "tests/support/barco_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::barco_producer_test {

namespace {

const std::string ndjson = "application/x-ndjson";
const std::string text_type = "text/plain; charset=utf-8";

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("a message is stored on disk, then it is OK (1)") {
  barco_fixture b;
  auto done = b.produce("orders", R"({"hello":"world"})");
  CHECK(done.status() == 200);
  CHECK(done.body() == "OK");
  CHECK(done.answer.content_type == "text/html; charset=utf-8");
  CHECK(done.header("Durability") == "fsync");
  CHECK(b.stored("orders", 1) == texts{R"({"hello":"world"})"});
  CHECK(b.state->produce_requests == 1);
  CHECK(b.state->produce_bytes == 17);
  CHECK(b.state->appended == 1);
}

TEST_CASE("nothing is OK before it is on disk") {
  barco_fixture b;
  b.es.w.log->at_once = false;
  auto asked = b.begin(http_verb::post, "/v1/topic/t/messages", {}, "1");
  b.es.settle();
  CHECK(!b.es.answer_to(asked));
  b.es.w.log->flush();
  b.es.settle();
  CHECK(b.es.answer_to(asked).value().status() == 200);
}

TEST_CASE("a key has its partition, no key takes turns") {
  barco_fixture b;
  for (std::string key : {"123", "567", "234", "a", "hui", "é", "日本"}) {
    INFO(key);
    b.produce("t", '"' + key + '"', "?partitionKey=" + key);
    auto at = b.es.w.node->placement.partition_of(key).value;
    CHECK(b.stored("t", at).back() == '"' + key + '"');
  }
  barco_fixture turns;
  for (auto* body : {"1", "2", "3", "0", "5"})
    turns.produce("t", body, "?partitionKey=");
  CHECK(turns.stored("t", 0) == texts{"0"});
  CHECK(turns.stored("t", 1) == texts{"1", "5"});
  CHECK(turns.stored("t", 2) == texts{"2"});
  CHECK(turns.stored("t", 3) == texts{"3"});
}

TEST_CASE("Event Store's dialect reads every part of a topic") {
  barco_fixture b;
  for (int i = 0; i < 4; ++i)
    b.produce("orders", R"({"n":5})", "?timestamp=1700000000000000");
  for (std::string part : {"0", "1", "2", "3"}) {
    INFO(part);
    auto one = b.es
                 .get("/streams/orders@" + part + "/0",
                      {{"Accept", "application/vnd.eventstore.atom+json"}})
                 .json();
    CHECK(one["content"]["data"]["n"] == 5);
    CHECK(one["content"]["metadata"]["timestampMicros"]
          == 1'700'000'000'000'000);
    CHECK(one["summary"] == "message");
  }
  CHECK(b.es.get("/streams/orders/0").json()["n"] == 5);
}

TEST_CASE("the lines of a request stay together and in order (16)") {
  barco_fixture b;
  for (auto* body : {"1\n\n2\n3\n", "4\n\n5\n6", "7\r\n8\r\n\r\n9\r\n"})
    CHECK(b.produce("t", body, "?partitionKey=k", ndjson).body() == "OK");
  auto at = b.es.w.node->placement.partition_of("k").value;
  CHECK(b.stored("t", at)
        == texts{"1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

TEST_CASE("bodies that the producer refuses, and that nothing is stored") {
  barco_fixture b;
  auto refused = [&](const seen_answer& got) {
    CHECK(got.status() == 400);
    CHECK(got.answer.content_type == text_type);
    return got.body();
  };
  const std::string bad_length =
    "Content length must be defined (HTTP/1.1 chunked not supported), greater "
    "than 0 and less than 1048576 bytes";
  CHECK(refused(b.produce("t", "")) == bad_length);
  CHECK(refused(b.call(http_verb::post, "/v1/topic/t/messages",
                       {{"Transfer-Encoding", "chunked"}}, "1"))
        == bad_length);
  std::string body(1'048'576, 'x');
  CHECK(b.produce("t", body).status() == 200);
  CHECK(refused(b.produce("t", body + "x")) == bad_length);
  CHECK(refused(b.produce("t", "\n\r\n", "", ndjson)).find("no records")
        != std::string::npos);
  CHECK(refused(b.produce("t", "{}", "?timestamp=yesterday")).find("timestamp")
        != std::string::npos);
  auto frames = b.produce("t", std::string{"\0\0\0\1a\0\0\0\2b", 10}, "",
                          "application/vnd.polar.producer.frames");
  CHECK(refused(frames).find("byte 5") != std::string::npos);
  CHECK(b.state->appended == 1);
}

TEST_CASE("names of topics over HTTP") {
  barco_fixture b;
  auto text = [&](const std::string& topic) {
    auto got = b.produce(topic, "1");
    return std::to_string(got.status()) + " " + got.body();
  };
  CHECK(text("") == "400 Invalid topic");
  CHECK(text("a%20b") == "200 OK");
  CHECK(text("..") == "200 OK");
  CHECK(text("a%2Fb") == "404 404 page not found\n");
  CHECK(text("a/b") == "404 404 page not found\n");
  CHECK(text("a@2").starts_with("400 Invalid topic: a name that ends in @"));
  CHECK(text("$x").starts_with("400 Invalid topic: names that begin with $"));
}

TEST_CASE("other verbs and paths, as Barco's brokers answer them (122)") {
  barco_fixture b;
  using enum http_verb;
  auto reading = b.call(http_verb::get, "/v1/topic/t/messages");
  CHECK(reading.status() == 405);
  CHECK(reading.body()
        == "Producer server doesn't allow getting topic messages\n");
  CHECK(reading.header("Allow").empty());
  auto other = b.call(put, "/v1/topic/t/messages");
  CHECK(other.status() == 405);
  CHECK(other.body() == "Method Not Allowed\n");
  CHECK(other.answer.content_type == text_type);
  CHECK(other.header("X-Content-Type-Options") == "nosniff");
  CHECK(other.header("Allow") == "GET, OPTIONS, POST");
  auto listed = b.call(http_verb::options, "/v1/topic/t/messages");
  CHECK(listed.status() == 200);
  CHECK(listed.body().empty());
  CHECK(listed.header("Allow") == "GET, OPTIONS, POST");
  auto head_of = b.call(head, "/status");
  CHECK(head_of.status() == 405);
  CHECK(head_of.header("Allow") == "GET, OPTIONS");
  auto nowhere = b.call(post, "/v1/nothing");
  CHECK(nowhere.status() == 404);
  CHECK(nowhere.body() == "404 page not found\n");
  CHECK(nowhere.answer.content_type == text_type);
  auto status = b.get("/status");
  CHECK(status.status() == 200);
  CHECK(status.body() == "Producer server listening on 9251\n");
  CHECK(status.answer.content_type == text_type);
}

TEST_CASE("paths that are nearly ours lead to ours (123)") {
  barco_fixture b;
  using enum http_verb;
  auto leads = [&](http_verb verb, std::string_view target) {
    auto got = b.call(verb, target, {}, verb == post ? "1" : "");
    return std::to_string(got.status()) + " " + got.header("Location");
  };
  CHECK(leads(post, "//v1/topic/T%20x/messages?partitionKey=a%2Fb")
        == "307 /v1/topic/T%20x/messages?partitionKey=a%2Fb");
  CHECK(leads(post, "/v1/topic/T/messages/") == "307 /v1/topic/T/messages");
  CHECK(leads(post, "/V1//Topic/T/Messages") == "307 /v1/topic/T/messages");
  CHECK(leads(http_verb::get, "/Status/") == "301 /status");
  CHECK(leads(put, "/status/") == "404 ");
  CHECK(leads(post, "/v1/topic//messages/") == "404 ");
  CHECK(b.state->appended == 0);
}

TEST_CASE("an ACL that names users is not for everybody") {
  barco_fixture b;
  b.es.post("/streams/closed/metadata",
            {{"Content-Type", "application/json"},
             {"ES-EventId", to_string(world::id(1))}},
            R"({"$acl":{"$w":"boss"}})");
  for (int i = 0; i < 4; ++i)
    CHECK(b.produce("closed", "1").status() == 403);
  CHECK(b.state->appended == 0);
}

TEST_CASE("a part that was deleted for ever stays deleted") {
  barco_fixture b;
  b.produce("t", "1", "?partitionKey=k");
  auto at = b.es.w.node->placement.partition_of("k");
  auto stream = topic_stream(b.es.w.node->placement, "t", at);
  CHECK(b.es
          .call(http_verb::delete_, "/streams/" + stream,
                {{"ES-HardDelete", "true"}})
          .status()
        == 204);
  CHECK(b.produce("t", "1", "?partitionKey=k").status() == 410);
}

TEST_CASE("a full disk and an unknown outcome are 503, and when to come back") {
  CHECK(barco_error(errc::storage_full).status
        == http_status::service_unavailable);
  CHECK(barco_error(errc::storage_full).headers == "Retry-After: 10\r\n");
  CHECK(barco_error(errc::overloaded).status
        == http_status::service_unavailable);
  CHECK(barco_error(errc::unavailable).headers == "Retry-After: 1\r\n");
  CHECK(barco_error(errc::unavailable)
          .body.ends_with("unknown. Sent again, it may be stored twice."));
  CHECK(barco_consumer_error(errc::unavailable)
          .body.ends_with("unknown. Try again."));
  CHECK(barco_error(errc::corrupt).body == "Internal server error\n");
}

TEST_CASE("a compressed message is refused, not stored as it is") {
  barco_fixture b;
  auto refused =
    b.call(http_verb::post, "/v1/topic/t/messages",
           {{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}},
           "packed");
  CHECK(refused.status() == 415);
  CHECK(refused.body().starts_with("Content-Encoding is 'gzip'"));
  CHECK(b.state->appended == 0);
}

TEST_CASE("any node answers what is no record to be stored") {
  barco_fixture b;
  b.serve([routes = b.make_routes()](auto& request, auto& exchange) {
    if (producer_answered_anywhere(request))
      return routes(request, exchange);
    exchange.answer({.body = "forwarded"});
  });
  constexpr auto post = http_verb::post;
  const std::string messages = "/v1/topic/t/messages";
  CHECK(b.get("/status").body() == "Producer server listening on 9251\n");
  CHECK(b.get(messages).status() == 405);
  CHECK(b.call(http_verb::options, messages).status() == 200);
  CHECK(b.call(post, "/nope").status() == 404);
  CHECK(b.call(post, "/v1/topic/a%2Fb/messages", {}, "1").status() == 404);
  CHECK(b.call(post, "/" + messages, {}, "1").status() == 307);
  CHECK(b.call(post, messages).status() == 400);
  CHECK(b.call(post, messages + "?timestamp=x", {}, "1").status() == 400);
  CHECK(b.call(post, "/v1/topic/$t/messages", {}, "1").status() == 400);
  CHECK(b.produce("t", "1").body() == "forwarded");
}

TEST_CASE("what cannot be read is refused in the producer's words") {
  auto large = refuse_producer({413, "too large"}, 1000);
  CHECK(large.status == http_status::bad_request);
  CHECK(large.body.ends_with("less than 1000 bytes"));
  CHECK(large.reason.empty());
  auto other = refuse_producer({431, "header"}, 1000);
  CHECK(static_cast<unsigned>(other.status) == 431);
  CHECK(other.body == "header");
}

} // namespace callboard::test::barco_producer_test
