// Publishing later and what waits, through the routes, in virtual time.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::delayed_test {

using namespace std::chrono_literals;

namespace {

headers later(std::uint64_t n, std::string delay = "90s") {
  return {{"Content-Type", "application/json"},
          {"ES-EventType", "order"},
          {"ES-EventId", to_string(world::id(n))},
          {"Delay", std::move(delay)}};
}

seen_answer send(dialect_fixture& f, http_verb verb, std::string_view target,
                 std::string body = {}) {
  return f.call(verb, target, {}, std::move(body));
}

/// The path of a Location.
std::string path_of(const seen_answer& answer) {
  auto url = answer.header("Location");
  return url.substr(url.find("/delayed"));
}

} // namespace

TEST_CASE("a delayed publish is accepted, and appended when it is due") {
  dialect_fixture f;
  auto accepted = f.post("/streams/orders", later(1), R"({"x":1})");
  CHECK(accepted.status() == 202);
  CHECK(accepted.header("Durability") == "fsync");
  auto path = path_of(accepted);
  CHECK(accepted.header("Location") == "http://h:2113" + path);
  CHECK(f.get(path).json()["event"]["data"]["x"] == 1);
  CHECK(f.get("/streams/orders/0").status() == 404);
  f.advance(90s);
  CHECK(f.get("/streams/orders/0").status() == 200);
  CHECK(f.get(path).status() == 404);
  CHECK(path_of(f.post("/streams/orders", later(1), R"({"x":1})")) == path);
  f.advance(200s);
  CHECK(f.get("/streams/orders/1").status() == 404);
}

TEST_CASE("the data of what waits are for who may read its stream") {
  dialect_fixture f;
  f.post("/streams/orders/metadata",
         {{"Content-Type", "application/json"},
          {"ES-EventId", to_string(world::id(77))}},
         R"({"$acl":{"$r":"boss"}})");
  auto path = path_of(f.post("/streams/orders", later(1), R"({"x":1})"));
  auto event_for = [&](const std::string& who) {
    return f
      .call_as(who, http_verb::get, path, {{"Accept", "application/json"}})
      .json()["event"];
  };
  CHECK(event_for("boss")["data"]["x"] == 1);
  for (auto* who : {"ops; $ops", "bob"}) { // bob may write
    auto event = event_for(who);
    CHECK(event["eventType"] == "order");
    CHECK(!event.contains("data"));
  }
}

TEST_CASE("data of what waits that are not JSON are base64") {
  dialect_fixture f;
  auto bytes = later(1);
  bytes[0].second = "application/octet-stream";
  auto path = path_of(f.post("/streams/s", bytes, std::string{"\xff\0", 2}));
  auto event = f.get(path).json()["event"];
  CHECK(event["contentType"] == "application/octet-stream");
  CHECK(event["data"] == "/wA=");
}

TEST_CASE("a delayed publish that cannot be recorded is refused") {
  dialect_fixture f;
  f.w.log->refuses_publishing = errc::storage_full;
  CHECK(f.post("/streams/orders", later(1)).status() == 507);
  f.w.log->refuses_publishing = errc::none;
  CHECK(f.get("/delayed?stream=orders").json()["items"].empty());
}

TEST_CASE("pages of what waits are linked, each with what is due next") {
  dialect_fixture f;
  for (std::uint64_t n = 1; n <= 25; ++n)
    REQUIRE(f.post("/streams/s" + std::to_string(n % 5),
                   later(n, std::to_string(n) + "s"))
              .status()
            == 202);
  std::vector<std::string> due;
  std::string next = "/delayed?kind=publish&limit=4";
  while (!next.empty()) {
    auto page = f.get(next).json();
    CHECK(page["items"].size() <= 4);
    for (auto& item : page["items"])
      due.push_back(item["due"]);
    next = page["links"].value("next", "");
    if (!next.empty())
      next = next.substr(next.find("/delayed"));
  }
  CHECK(due.size() == 25);
  CHECK(std::is_sorted(due.begin(), due.end()));
}

TEST_CASE("a job whose partitions do not all begin says how to go on") {
  dialect_fixture f;
  REQUIRE(f.post("/streams/orders", later(1)).status() == 202);
  f.w.log->refuses = errc::storage_full;
  auto refused = send(f, http_verb::delete_, "/delayed?kind=publish");
  CHECK(refused.status() == 503);
  auto id = refused.json()["job"].get<std::string>();
  f.w.log->refuses = errc::none;
  auto target = "/delayed?kind=publish&job=" + id;
  CHECK(send(f, http_verb::delete_, target).status() == 202);
  f.advance(1s);
  auto job = f.get("/delayed/jobs/" + id).json();
  CHECK(job["done"] == true);
  CHECK(job["changed"] == 1);
}

TEST_CASE("a job about names that no stream or group can have is refused") {
  dialect_fixture f;
  std::string longest = "/delayed?stream=" + std::string(495, 's')
                        + "&group=" + std::string(90, 'g');
  for (auto verb : {http_verb::delete_, http_verb::patch}) {
    auto body = verb == http_verb::patch ? R"({"delay":0})" : "";
    auto refused = [&](const std::string& target, std::string_view cause) {
      auto got = send(f, verb, target, body);
      CHECK(got.status() == 400);
      CHECK(got.json()["detail"].get<std::string>().find(cause)
            != std::string::npos);
    };
    refused("/delayed?stream=" + std::string(5'000, 's'), "stream has 5000");
    refused("/delayed?stream=" + std::string(496, 's'), "at most 495");
    refused("/delayed?stream=s&group=" + std::string(91, 'g'), "group has 91");
    CHECK(send(f, verb, longest, body).status() == 202);
  }
  std::string retries = "retry";
  for (int i = 0; i < 5'000; ++i) // as many as a target has room for
    retries += ",retry";
  CHECK(send(f, http_verb::patch, "/delayed?stream=s&kind=" + retries,
             R"({"delay":0})")
          .status()
        == 202);
  f.advance(1min);
  f.w.flush_store(); // each row has its place in a page
  CHECK(f.get("/delayed?stream=s&kind=bulk").json()["items"].size() == 1);
}

TEST_CASE("a job whose query has a slip in it is refused, and about nothing") {
  dialect_fixture f;
  REQUIRE(f.post("/streams/keep", later(1)).status() == 202);
  for (std::string query :
       {"&Stream2=other", "&limit=1", "&stream=", "&stream", "&group=", "&=x"})
    for (auto verb : {http_verb::delete_, http_verb::patch}) {
      INFO(query);
      auto got = send(f, verb, "/delayed?kind=publish" + query,
                      verb == http_verb::patch ? R"({"delay":0})" : "");
      CHECK(got.status() == 400);
    }
  auto named = send(f, http_verb::delete_, "/delayed?kind=publish&Stream2=x");
  CHECK(named.json()["detail"]
        == "The query has 'Stream2'; allowed: kind, stream, group, from, to, "
           "dryRun, job.");
  f.advance(1s);
  CHECK(f.get("/delayed?kind=publish").json()["items"].size() == 1);
  CHECK(send(f, http_verb::delete_, "/delayed?KIND=publish&dryrun=true")
          .json()["matched"]
        == 1);
}

TEST_CASE("an id that names a schedule is not taken for one with another "
          "rule") {
  dialect_fixture f;
  auto body = [](const std::string& rule) {
    return R"({"stream":"ticks",)" + rule + R"(,"event":{"eventId":")"
           + to_string(world::id(1)) + R"(","eventType":"tick"}})";
  };
  auto ask = [&](const std::string& rule) {
    return send(f, http_verb::post, "/delayed", body(rule)).status();
  };
  f.w.log->at_once = false; // both are decided before anything is recorded
  auto first = f.begin_as("admin; $admins", http_verb::post, "/delayed", {},
                          body(R"("every":"PT10S")"));
  auto other = f.begin_as("admin; $admins", http_verb::post, "/delayed", {},
                          body(R"("every":"PT20S")"));
  f.w.log->flush();
  f.w.log->at_once = true;
  f.settle();
  REQUIRE(f.answer_to(first));
  CHECK(f.answer_to(first)->status() == 201);
  REQUIRE(f.answer_to(other));
  CHECK(f.answer_to(other)->status() == 409);
  f.advance(15s);
  CHECK(ask(R"("every":"PT10S")") == 201);
  CHECK(ask(R"("every":"PT10S","count":5)") == 409);
  CHECK(ask(R"("cron":"* * * * *")") == 409);
  CHECK(f.get("/delayed?kind=recurring").json()["items"].size() == 1);
}

TEST_CASE("what recurs goes on until it is taken away") {
  dialect_fixture f;
  auto made = send(f, http_verb::post, "/delayed",
                   R"({"stream":"ticks","every":"PT10S",)"
                   R"("event":{"eventType":"tick","data":[1.50]}})");
  REQUIRE(made.status() == 201);
  f.advance(35s);
  CHECK(f.get("/streams/ticks/2").status() == 200);
  CHECK(f.get(path_of(made)).json()["published"] == 3);
  CHECK(send(f, http_verb::delete_, path_of(made)).status() == 204);
  f.advance(60s);
  CHECK(f.get("/streams/ticks/3").status() == 404);
}

TEST_CASE("the metrics tell how much waits, and how late it was") {
  dialect_fixture f;
  REQUIRE(f.post("/streams/orders", later(1, "1s")).status() == 202);
  REQUIRE(f.post("/streams/orders", later(2, "1h")).status() == 202);
  f.advance(2s);
  auto text = f.get("/metrics").body();
  auto has = [&](std::string_view line) {
    return text.find(line) != std::string::npos;
  };
  CHECK(has("callboard_delayed_pending{kind=\"publish\"} 1"));
  CHECK(has("callboard_delayed_late_seconds_count 1"));
  CHECK(has("callboard_delayed_oldest_due_seconds 0"));
}

TEST_CASE("retries are moved by a filter, all else of groups is refused") {
  dialect_fixture f;
  headers json_body{{"Content-Type", "application/json"}};
  for (std::string stream : {"a", "b"}) {
    auto group = "/subscriptions/" + stream + "/g";
    REQUIRE(f.call(http_verb::put, group, json_body, "{}").status() == 201);
    for (int i = 0; i < 3; ++i) {
      f.publish(stream);
      REQUIRE(
        f.post(group + "/settle", json_body, R"({"next":{"count":1}})").status()
        == 200);
      auto nack = R"({"nack":[{"id":")" + f.last_id() + R"(","delay":"1h"}]})";
      REQUIRE(f.post(group + "/settle", json_body, nack).json()["applied"]
              == 1);
      f.advance(1min);
    }
  }
  std::string of_a = "/delayed?kind=retry&stream=a&group=g";
  auto dry = send(f, http_verb::patch, of_a + "&dryRun=true", R"({"delay":0})");
  REQUIRE(dry.status() == 200);
  CHECK(dry.json()["matched"] == 3);
  CHECK(dry.json()["complete"] == true);
  auto waits = f.get("/delayed?kind=retry").json()["items"];
  REQUIRE(waits.size() == 6);
  // From the second on.
  auto from = "&from=" + waits[1]["due"].get<std::string>();
  auto begun = send(f, http_verb::patch, of_a + from, R"({"delay":0})");
  REQUIRE(begun.status() == 202);
  f.advance(1s);
  auto job = f.get(path_of(begun)).json();
  CHECK(job["done"] == true);
  CHECK(job["changed"] == 2);
  CHECK(f.get("/delayed?kind=retry").json()["items"].size() == 4);
  auto events =
    f.post("/subscriptions/a/g/settle", json_body, R"({"next":{"count":9}})")
      .json()["events"];
  REQUIRE(events.size() == 2);
  CHECK(events[0]["number"] == 1);
  CHECK(events[0]["attempt"] == 2);

  auto later = send(f, http_verb::patch, of_a, R"({"delay":"366d"})");
  CHECK(later.status() == 400);
  CHECK(later.body().find("365 days") != std::string::npos);
  auto refused = [&](http_verb verb, const std::string& kinds) {
    auto got = send(f, verb, "/delayed?kind=" + kinds,
                    verb == http_verb::patch ? R"({"delay":0})" : "");
    CHECK(got.status() == 409);
    return got.json()["detail"].get<std::string>();
  };
  CHECK(refused(http_verb::patch, "lease-end").find("promise")
        != std::string::npos);
  CHECK(refused(http_verb::patch, "publish,retry").find("of their own")
        != std::string::npos);
  CHECK(refused(http_verb::delete_, "retry").find("not taken away")
        != std::string::npos);
  CHECK(refused(http_verb::patch, "retention").find("belong to groups")
        != std::string::npos);
  CHECK(f.get("/delayed?kind=retry").json()["items"].size() == 4);
}

} // namespace callboard::test::delayed_test
