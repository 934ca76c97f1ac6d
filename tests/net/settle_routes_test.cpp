// Settling over HTTP: one round trip, tokens that fence, and what is told.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::settle_routes_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const headers json_body{{"Content-Type", "application/json"}};

struct settle_fixture : dialect_fixture {
  settle_fixture() {
    call(http_verb::put, "/subscriptions/s/g", json_body,
         R"({"retrySchedule": {"delaysMilliseconds": [5000]}})");
  }

  seen_answer settle_with(const json& body, headers more = {}) {
    more.insert(more.begin(), json_body.front());
    return post("/subscriptions/s/g/settle", more, body.dump());
  }

  json next(std::size_t count = 10) {
    return settle_with({{"next", {{"count", count}}}}).json()["events"];
  }

  json why() { return get("/subscriptions/s/g/why").json(); }

  /// The codes of what is told to be in the way.
  std::string codes() {
    std::string out;
    auto told = why();
    for (auto& one : told["reasons"])
      out += one["code"].get<std::string>() + " ";
    return out;
  }
};

} // namespace

TEST_CASE("a settle with next alone is a fetch in the lean form") {
  settle_fixture f;
  f.publish("s", R"({"a":1})");
  auto got =
    f.settle_with({{"next", {{"count", 5}}}}, {{"Consumer-Name", "worker-1"}});
  REQUIRE(got.status() == 200);
  CHECK(got.answer.content_type == "application/json; charset=utf-8");
  CHECK(got.header("Durability") == "fsync");
  auto events = got.json()["events"];
  REQUIRE(events.size() == 1);
  CHECK(events[0]["id"] == f.last_id());
  CHECK(events[0]["data"] == json::parse(R"({"a":1})"));
  CHECK(events[0]["attempt"] == 1);
  CHECK(events[0]["lease"] == got.header("Lease"));
  auto held = f.get("/subscriptions/s/g/in-flight").json()["leases"];
  REQUIRE(held.size() == 1);
  CHECK(held[0]["consumer"]["name"] == "worker-1");
  CHECK(held[0]["ids"][0] == f.last_id());
}

TEST_CASE("one round trip settles what is done and brings what comes next") {
  settle_fixture f;
  for (int i = 0; i < 4; ++i)
    f.publish("s");
  auto first = f.next(2);
  auto done = f.settle_with(
    {{"ack", {first[0]["id"]}},
     {"nack", {{{"id", first[1]["id"]}, {"delay", "30s"}, {"reason", "no"}}}},
     {"next", {{"count", 10}}}});
  auto body = done.json();
  CHECK(body["ack"] == json{"applied"});
  CHECK(body["nack"] == json{"applied"});
  CHECK(body["applied"] == 2);
  CHECK(body["events"].size() == 2);
  CHECK(f.next().empty());
  f.advance(30s);
  auto again = f.next(1); // retries come before what is new
  REQUIRE(again.size() == 1);
  CHECK(again[0]["id"] == first[1]["id"]);
  CHECK(again[0]["attempt"] == 2);
}

TEST_CASE("a token of a lease that is over changes nothing") {
  settle_fixture f;
  f.publish("s");
  auto old = f.next()[0];
  f.advance(16s); // the lease ends after 10 s, the retry is due 5 s later
  auto fresh = f.next()[0];
  REQUIRE(fresh["id"] == old["id"]);
  CHECK(fresh["lease"] != old["lease"]);
  auto late = f.settle_with(
    {{"ack", {{{"id", old["id"]}, {"lease", old["lease"]}}, old["lease"]}}});
  CHECK(late.json()["ack"] == json::parse(R"(["stale", "stale"])"));
  auto token = old["lease"].get<std::string>();
  auto id = old["id"].get<std::string>();
  auto plain =
    f.post("/subscriptions/s/g/ack/" + id + "?lease=" + token, json_body);
  CHECK(plain.status() == 409);
  CHECK(plain.json()["type"] == "urn:callboard:problem:stale-lease");
  CHECK(f.post("/subscriptions/s/g/nack/" + id,
               {json_body.front(), {"Lease", token}})
          .status()
        == 409);
  CHECK(f.post("/subscriptions/s/g/extend?lease=" + token).status() == 409);
  CHECK(f.get("/subscriptions/s/g/in-flight").json()["leases"].size() == 1);
  // The original's plain ack by event id settles whatever lease there is.
  CHECK(f.post("/subscriptions/s/g/ack/" + id, json_body).status() == 202);
  CHECK(f.get("/subscriptions/s/g/in-flight").json()["leases"].empty());
}

TEST_CASE("a nack for the whole group that has no effect stops nothing") {
  settle_fixture f;
  f.publish("s");
  f.publish("s");
  auto old = f.next(1)[0];
  auto token = old["lease"].get<std::string>();
  auto id = old["id"].get<std::string>();
  f.settle_with({{"ack", {id}}});
  auto plain =
    "/subscriptions/s/g/nack/" + id + "?action=retry&delay=60s&scope=group";
  json nack{{"id", id}, {"delay", "60s"}, {"scope", "group"}};
  CHECK(f.post(plain, {json_body.front(), {"Lease", token}}).status() == 409);
  CHECK(f.why()["delivers"] == true);
  CHECK(f.post(plain, json_body).status() == 202);
  CHECK(f.why()["delivers"] == true);
  auto fenced = nack;
  fenced["lease"] = token;
  json plain_one{{"id", f.next(1)[0]["id"]}, {"delay", 0}}; // not for the group
  CHECK(f.settle_with({{"nack", {nack, fenced, plain_one}}}).json()["nack"]
        == json::parse(R"(["unknown", "stale", "applied"])"));
  CHECK(f.why()["delivers"] == true);
}

TEST_CASE("a nack for the whole group with the lease that it has stops it, and "
          "not its event besides") {
  settle_fixture f;
  f.publish("s");
  auto got = f.next(1)[0];
  auto nacked =
    f.post("/subscriptions/s/g/nack/" + got["id"].get<std::string>()
             + "?action=retry&delay=60s&scope=group",
           {json_body.front(), {"Lease", got["lease"].get<std::string>()}});
  CHECK(nacked.status() == 202);
  CHECK(f.codes() == "breaker-open ");
  f.advance(60s);
  CHECK(f.next().size() == 1);
}

TEST_CASE("a lease that is extended ends later") {
  settle_fixture f;
  f.publish("s");
  auto got = f.next()[0];
  f.advance(8s);
  auto more = f.post("/subscriptions/s/g/extend?by=20s&lease="
                     + got["lease"].get<std::string>());
  CHECK(more.status() == 200);
  f.advance(19s);
  CHECK(f.get("/subscriptions/s/g/in-flight").json()["leases"].size() == 1);
  f.advance(2s);
  CHECK(f.get("/subscriptions/s/g/in-flight").json()["leases"].empty());
}

TEST_CASE("a lease that is no text is none") {
  settle_fixture f;
  CHECK(f.post("/subscriptions/s/g/extend", {{"Lease", "g1-l\xff"}}).status()
        == 400);
}

TEST_CASE("an event that is given back was not delivered") {
  settle_fixture f;
  f.publish("s");
  auto got = f.next()[0];
  CHECK(f.settle_with({{"release", {got["lease"]}}}).json()["applied"] == 1);
  CHECK(f.next()[0]["attempt"] == 1);
}

TEST_CASE("a repeated settle with a key is answered as the first time") {
  settle_fixture f;
  f.publish("s");
  f.publish("s");
  auto first = f.next(1)[0];
  json body{{"ack", {first["id"]}}, {"next", {{"count", 1}}}};
  headers key{{"Idempotency-Key", "k1"}};
  auto once = f.settle_with(body, key);
  auto twice = f.settle_with(body, key);
  CHECK(once.json() == twice.json());
  CHECK(once.json()["events"].size() == 1);
  auto other = f.settle_with({{"ack", {"g9-l9"}}}, key);
  CHECK(other.status() == 409);
  CHECK(other.json()["type"] == "urn:callboard:problem:idempotency-key-reused");
}

TEST_CASE("a settle may wait for what comes next") {
  settle_fixture f;
  f.publish("s");
  auto got = f.next()[0];
  json body{{"ack", {got["id"]}}, {"next", {{"count", 5}, {"wait", "20s"}}}};
  auto waiting =
    f.begin_as("admin; $admins", http_verb::post, "/subscriptions/s/g/settle",
               json_body, body.dump());
  CHECK(!f.answer_to(waiting));
  CHECK(f.get("/subscriptions/s/g/in-flight").json()["leases"].empty());
  f.publish("s");
  auto answer = f.answer_to(waiting);
  REQUIRE(answer);
  CHECK(answer->json()["events"].size() == 1);
  CHECK(answer->json()["ack"] == json{"applied"});
}

TEST_CASE("bad settles are problems, and nothing is half done") {
  settle_fixture f;
  f.publish("s");
  auto got = f.next()[0];
  auto bad = f.settle_with({{"ack", {got["id"]}}, {"nack", {{{"id", 1}}}}});
  CHECK(bad.status() == 400);
  CHECK(bad.answer.content_type == "application/problem+json");
  CHECK(f.get("/subscriptions/s/g/in-flight").json()["leases"].size() == 1);
  auto missing = f.post("/subscriptions/s/h/settle", json_body, "{}");
  CHECK(missing.status() == 404);
  CHECK(missing.json()["detail"] == "There is no group 'h' on stream 's'.");
}

TEST_CASE("a pause that is over before it begins is refused, and told why") {
  settle_fixture f;
  auto refused = [&](const std::string& body) {
    auto got = f.post("/subscriptions/s/g/pause", json_body, body);
    CHECK(got.status() == 400);
    return got.json()["detail"].get<std::string>();
  };
  CHECK(refused(R"({"until":"1971-01-01T00:00:00Z"})")
        == "until is over; allowed: a time that is still to come.");
  CHECK(refused(R"({"for":"0s"})").starts_with("for is \"0s\"; allowed: "));
  CHECK(f.codes() == "nothing-published ");
}

TEST_CASE("a command to a group whose query would count for nothing is "
          "refused") {
  settle_fixture f;
  f.publish("s");
  auto got = f.next()[0];
  f.settle_with({{"nack", {{{"id", got["id"]}, {"action", "park"}}}}});
  for (std::string target :
       {"pause?for=10m", "retries?delay=1h", "parked/replay?reason=timeout",
        "parked/discard?type=order"}) {
    auto body = target.starts_with("parked/discard")
                  ? R"({"from":"1971-01-01T00:00:00Z","why":"x"})"
                  : "";
    auto refused = f.post("/subscriptions/s/g/" + target, json_body, body);
    INFO(target);
    CHECK(refused.status() == 400);
    CHECK(refused.body().find("The query has '") != std::string::npos);
  }
  CHECK(f.codes() == "parked-only ");
  CHECK(f.post("/subscriptions/s/g/parked/replay?format=json").status() == 200);
}

TEST_CASE("a group says why nothing comes, for each reason with its own code") {
  settle_fixture f;
  CHECK(f.codes() == "nothing-published ");
  f.publish("s");
  CHECK(f.why()["delivers"] == true);
  auto got = f.next()[0];
  CHECK(f.codes() == "all-leased ");
  f.settle_with({{"nack", {{{"id", got["id"]}, {"delay", "1m"}}}}});
  CHECK(f.codes() == "waiting-for-retries ");
  CHECK(f.why()["nextRetry"].is_string());
  f.advance(1min);
  got = f.next()[0];
  f.settle_with({{"ack", {got["id"]}}});
  CHECK(f.codes() == "nothing-new ");
}

TEST_CASE("an event tells what happened to it, to programs and to people") {
  settle_fixture f;
  f.publish("s");
  auto id = f.last_id();
  auto got = f.next()[0];
  f.settle_with(
    {{"nack", {{{"id", id}, {"delay", "1s"}, {"reason", "no stock"}}}}});
  f.advance(2s);
  f.next();
  auto target = "/subscriptions/s/g/messages/" + id + "/explain";
  auto told = f.get(target).json();
  CHECK(told["standing"] == "leased");
  CHECK(told["attempts"] == 2);
  REQUIRE(told["history"].size() == 1);
  CHECK(told["history"][0]["what"] == "nacked");
  CHECK(told["history"][0]["reason"] == "no stock");
  CHECK(told["history"][0]["lease"] == got["lease"]);
  f.settle_with({{"ack", {id}}});
  CHECK(f.get(target).json()["standing"] == "settled");
  auto text = f.get(target, {{"Accept", "text/plain"}});
  CHECK(text.answer.content_type == "text/plain; charset=utf-8");
  CHECK(text.body().find("nacked, to come again after 1000 ms: no stock")
        != std::string::npos);
  CHECK(text.body().ends_with("It is settled.\n"));
  CHECK(f.get("/subscriptions/s/g/messages/x/explain").status() == 400);
  CHECK(f.get("/subscriptions/s/g/messages/" + to_string(world::id(99))
              + "/explain")
          .status()
        == 404);
}

} // namespace callboard::test::settle_routes_test
