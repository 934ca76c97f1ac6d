// Groups over their routes: commands, lists, what is parked.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::group_commands_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const headers json_body{{"Content-Type", "application/json"}};
const headers competing{
  {"Accept", "application/vnd.eventstore.competingatom+json"}};

seen_answer create(dialect_fixture& f, std::string body = "{}",
                   const std::string& target = "/subscriptions/s/g") {
  return f.call(http_verb::put, target, json_body, std::move(body));
}

/// Titles of a feed's entries in the order of delivery, with their attempts.
std::string titles(const json& feed) {
  std::string out;
  for (auto e = feed["entries"].rbegin(); e != feed["entries"].rend(); ++e)
    out += (*e)["title"].get<std::string>() + "/"
           + std::to_string((*e)["retryCount"].get<int>()) + " ";
  return out;
}

json envelope(const seen_answer& answer) {
  auto out = answer.json();
  CHECK(parse_uuid(out["correlationId"].get<std::string>()));
  CHECK(out["msgTypeId"] == 0);
  return {out["result"], out["reason"]};
}

} // namespace

TEST_CASE("a group is created once, and found at its Location") {
  dialect_fixture f;
  auto made = create(f, "{}", "/subscriptions/a%20$b/g%2F1?testing=test");
  CHECK(made.status() == 201);
  CHECK(made.header("Location") == "http://h:2113/subscriptions/a%20$b/g%2F1");
  CHECK(made.header("Durability") == "fsync");
  CHECK(envelope(made) == json{"Success", ""});
  auto twice = create(f, "{}", "/subscriptions/a%20$b/g%2F1");
  CHECK(twice.status() == 409);
  CHECK(envelope(twice)
        == json{"AlreadyExists", "Group 'g/1' already exists."});
  CHECK(twice.header("Location") == "http://h:2113/subscriptions/a%20$b/g%2F1");
  CHECK(twice.header("Durability").empty());
}

TEST_CASE("a body that cannot be read means all defaults") {
  dialect_fixture f;
  CHECK(create(f, "garbage").status() == 201);
  CHECK(f.get("/subscriptions/s/g/info").json()["config"]["bufferSize"] == 500);
}

TEST_CASE("what create and update refuse") {
  dialect_fixture f;
  auto type = f.call(http_verb::put, "/subscriptions/s/g", {}, "{}");
  CHECK(type.status() == 415);
  auto small = create(f, R"({"bufferSize":10,"readBatchSize":11})");
  CHECK(small.status() == 400);
  CHECK(small.body()
        == "BufferSize (10) must be larger than ReadBatchSize (11)");
  CHECK(small.header("Location").empty());
  auto all = create(f, "{}", "/subscriptions/$all/g");
  CHECK(all.status() == 400);
  CHECK(envelope(all)
        == json{"Fail", "Persistent subscriptions to $all are only supported "
                        "over gRPC through gRPC clients"});
  CHECK(all.header("Location") == "http://h:2113/subscriptions/$all/g");
  auto start = create(f, R"({"startFrom":-2})");
  CHECK(start.status() == 400);
  CHECK(envelope(start)[0] == "Fail");
  auto strategy = create(f, R"({"namedConsumerStrategy":"pinned"})");
  CHECK(envelope(strategy)
        == json{"Fail", "Consumer strategy pinned does not exist."});
  auto long_name = create(f, "{}", "/subscriptions/s/" + std::string(91, 'g'));
  CHECK(long_name.status() == 400);
  CHECK(f.get("/subscriptions").json().empty());

  auto update = [&](std::string body) {
    return f.post("/subscriptions/s/g", json_body, std::move(body));
  };
  // A group that is not there is told before what its settings should be.
  CHECK(update(R"({"namedConsumerStrategy":"x"})").status() == 404);
  create(f);
  CHECK(update(R"({"namedConsumerStrategy":"x"})").status() == 400);
  CHECK(update(R"({"maxRetryCount":-1})").body()
        == "maxRetryCount is -1; allowed: an integer from 0 to 2147483647.");
}

TEST_CASE("an update replaces all settings and keeps what is in flight") {
  dialect_fixture f;
  create(f, R"({"maxRetryCount":3,"bufferSize":40})");
  f.publish("s");
  CHECK(titles(f.fetch("/subscriptions/s/g/1")) == "0@s/0 ");
  auto done = f.post("/subscriptions/s/g", json_body, R"({"bufferSize":50})");
  CHECK(done.status() == 200);
  CHECK(envelope(done) == json{"Success", ""});
  CHECK(done.header("Location") == "http://h:2113/subscriptions/s/g");
  auto config = f.get("/subscriptions/s/g/info").json();
  CHECK(config["config"]["bufferSize"] == 50);
  CHECK(config["config"]["maxRetryCount"] == 10);
  CHECK(config["totalInFlightMessages"] == 1);
  auto missing = f.post("/subscriptions/s/h", json_body, "{}");
  CHECK(missing.status() == 404);
  CHECK(envelope(missing) == json{"DoesNotExist", "Group 'h' does not exist."});
}

TEST_CASE("a removed group is gone") {
  dialect_fixture f;
  create(f);
  auto done = f.call(http_verb::delete_, "/subscriptions/s/g");
  CHECK(done.status() == 200);
  CHECK(envelope(done) == json{"Success", ""});
  CHECK(done.header("Location").empty());
  auto again = f.call(http_verb::delete_, "/subscriptions/s/g");
  CHECK(again.status() == 404);
  CHECK(envelope(again) == json{"DoesNotExist", "Group 'g' does not exist."});
  CHECK(f.get("/subscriptions/s/g/info").status() == 404);
  CHECK(f.get("/subscriptions/s/g/info").body().empty());
  CHECK(f.call(http_verb::delete_, "/subscriptions/$all/g").status() == 400);
}

TEST_CASE("parked events can be seen, and replayed") {
  dialect_fixture f;
  create(f);
  for (int i = 0; i < 3; ++i) {
    f.publish("s");
    f.fetch("/subscriptions/s/g/1");
    f.post("/subscriptions/s/g/nack/" + f.last_id() + "?action=park");
  }
  auto view = "/subscriptions/viewparkedmessages/s/g/";
  auto parked =
    f.get(std::string{view} + "head/backward/5?embed=body", competing);
  CHECK(parked.status() == 200);
  CHECK(parked.answer.content_type
        == "application/vnd.eventstore.competingatom+json; charset=utf-8");
  auto feed = parked.json();
  CHECK(feed["streamId"] == "$persistentsubscription-s::g-parked");
  CHECK(feed["entries"].size() == 3);
  CHECK(feed["entries"][0]["title"] == "2@s");
  CHECK(feed["entries"][0]["positionEventNumber"] == 2);
  auto reason =
    json::parse(feed["entries"][0]["linkMetaData"].get<std::string>());
  CHECK(reason["reason"]
        == "Client explicitly NAK'ed message.\nNacked from HTTP");
  CHECK(
    f.get(std::string{view} + "0/forward/5", competing).json()["entries"].size()
    == 3);
  CHECK(
    f.get("/subscriptions/viewparkedmessages/s/none/head/backward/5", competing)
      .status()
    == 404);

  auto replay = [&](const std::string& query) {
    return f.post("/subscriptions/s/g/replayParked" + query);
  };
  CHECK(replay("?stopAt=-1").answer.reason
        == "stopAt should be a properly formed positive long");
  CHECK(replay("?stopAt=").status() == 400);
  CHECK(replay("?stopAt=0").status() == 200);
  CHECK(f.fetch("/subscriptions/s/g/5")["entries"].empty());
  CHECK(envelope(replay("?stopAt=2")) == json{"Success", ""});
  CHECK(titles(f.fetch("/subscriptions/s/g/5")) == "0@s/0 1@s/0 ");
  CHECK(replay("").status() == 200);
  CHECK(titles(f.fetch("/subscriptions/s/g/5")) == "2@s/0 ");
  auto missing = f.post("/subscriptions/s/h/replayParked");
  CHECK(missing.status() == 404);
  CHECK(envelope(missing) == json{"DoesNotExist", "Unable to locate 's::h'"});
}

TEST_CASE("a restart of the groups loses nothing that is on disk") {
  dialect_fixture f;
  create(f);
  f.publish("s");
  auto first = f.last_id();
  f.publish("s");
  f.fetch("/subscriptions/s/g/1");
  f.post("/subscriptions/s/g/nack/" + first + "?action=retry");
  f.fetch("/subscriptions/s/g/1");
  auto done = f.post("/subscriptions/restart");
  CHECK(done.status() == 200);
  CHECK(done.body() == "\"Restarting\"");
  auto info = f.get("/subscriptions/s/g/info").json();
  CHECK(info["totalItemsProcessed"] == 0);
  CHECK(info["outstandingMessagesCount"] == 1);
  CHECK(f.post("/subscriptions/s/g/ack/" + first).status() == 202);
  CHECK(titles(f.fetch("/subscriptions/s/g/5")) == "1@s/0 ");
  CHECK(f.call_as("anna", http_verb::post, "/subscriptions/restart").status()
        == 401);
  CHECK(f.get("/subscriptions/restart").status() == 404); // a stream's groups
}

TEST_CASE("info tells a group's numbers in the dialect's words") {
  dialect_fixture f;
  for (int i = 0; i < 4; ++i)
    f.publish("s");
  create(f, R"({"extraStatistics":true})");
  auto told = [&] { return f.get("/subscriptions/s/g/info").json(); };
  auto fresh = told();
  CHECK(fresh["status"] == "Live");
  CHECK(fresh["readBufferCount"] == 4);
  CHECK(fresh["lastProcessedEventNumber"] == -1);
  CHECK(fresh["lastCheckpointedEventPosition"].is_null());
  CHECK(fresh["lastKnownEventNumber"] == 3);
  CHECK(fresh["connections"] == json::array());
  CHECK(fresh["extraStatistics"] == json::array());
  f.fetch("/subscriptions/s/g/4");
  f.advance(2s);
  f.post("/subscriptions/s/g/ack/" + f.last_id());
  auto worked = told();
  CHECK(worked["averageItemsPerSecond"] == 2.0);
  CHECK(worked["countSinceLastMeasurement"] == 4);
  CHECK(worked["totalItemsProcessed"] == 4);
  CHECK(worked["outstandingMessagesCount"] == 3);
  CHECK(worked["extraStatistics"][0].dump()
        == R"({"key":"Mean","value":2000})");
  f.get("/metrics", {{"Accept", "*/*"}}); // is no measurement
  CHECK(f.get("/subscriptions/s").json()[0]["averageItemsPerSecond"] == 0.0);
}

TEST_CASE("a parked count falls with each replay, and rises with each park") {
  dialect_fixture f;
  create(f);
  std::string ids;
  for (int i = 0; i < 19; ++i) {
    f.publish("s");
    ids += (ids.empty() ? "" : ",") + f.last_id();
  }
  f.fetch("/subscriptions/s/g/19");
  f.post("/subscriptions/s/g/nack?action=park&ids=" + ids);
  auto parked = [&] {
    return f.get("/subscriptions/s/g/info").json()["parkedMessageCount"];
  };
  CHECK(parked() == 19);
  f.post("/subscriptions/s/g/replayParked?stopAt=7");
  CHECK(parked() == 12);
  auto seven = f.fetch("/subscriptions/s/g/50");
  CHECK(seven["entries"].size() == 7);
  f.post("/subscriptions/s/g/replayParked?stopAt=7"); // once more: nothing new
  CHECK(f.fetch("/subscriptions/s/g/50")["entries"].empty());
  f.post("/subscriptions/s/g/replayParked"); // while the first seven are out
  CHECK(f.fetch("/subscriptions/s/g/50")["entries"].size() == 12);
  CHECK(parked() == 0);
  auto id = [](const json& entry) {
    auto ack = entry["links"][2]["uri"].get<std::string>();
    return ack.substr(ack.rfind('/') + 1);
  };
  // The parked stream is cut when what was replayed is settled, not before.
  auto stored = [&] {
    return f
      .get("/streams/%24persistentsubscription-s::g-parked/head/backward/50")
      .json()["entries"]
      .size();
  };
  CHECK(stored() == 19);
  for (auto e = seven["entries"].rbegin(); e != seven["entries"].rend(); ++e)
    f.post("/subscriptions/s/g/ack/" + id(*e));
  CHECK(stored() == 12);
  f.publish("s");
  f.fetch("/subscriptions/s/g/1");
  f.post("/subscriptions/s/g/nack/" + f.last_id() + "?action=park");
  CHECK(parked() == 1);
}

TEST_CASE("lists of groups, of one stream and of all, and pages") {
  dialect_fixture f;
  CHECK(f.get("/subscriptions").body() == "[]");
  auto none = f.get("/subscriptions/s");
  CHECK(none.status() == 404);
  CHECK(none.body() == "[]");
  for (auto target : {"s3/a", "s1/b", "s1/a", "s2/a", "s4/z"})
    create(f, "{}", std::string{"/subscriptions/"} + target);
  auto names = [](const json& list) {
    std::string out;
    for (auto& one : list)
      out += one["eventStreamId"].get<std::string>()
             + one["groupName"].get<std::string>() + " ";
    return out;
  };
  CHECK(names(f.get("/subscriptions").json()) == "s1b s1a s2a s3a s4z ");
  CHECK(names(f.post("/subscriptions").json()) == "s1b s1a s2a s3a s4z ");
  CHECK(names(f.get("/subscriptions/s1").json()) == "s1b s1a ");
  auto page = f.get("/subscriptions?offset=1&count=2").json();
  CHECK(names(page["subscriptions"]) == "s2a s3a ");
  CHECK(page["total"] == 4);
  CHECK(names(f.get("/subscriptions?count=1").json()["subscriptions"])
        == "s1b s1a ");
  CHECK(f.get("/subscriptions?offset=-1&count=1").body()
        == "Offset \"-1\" must be a non-negative integer");
  CHECK(f.get("/subscriptions?offset=0").body()
        == "Count \"\" must be a positive integer");
  CHECK(f.get("/subscriptions?count=0").body()
        == "Count \"0\" must be a positive integer");
}

TEST_CASE("a command whose record fails is not told to have worked") {
  dialect_fixture f;
  create(f);
  f.publish("s");
  f.fetch("/subscriptions/s/g/1");
  f.w.log->refuses = errc::storage_full;
  CHECK(create(f, "{}", "/subscriptions/s/h").status() == 507);
  CHECK(f.post("/subscriptions/s/g/ack/" + f.last_id()).status() == 507);
}

} // namespace callboard::test::group_commands_test
