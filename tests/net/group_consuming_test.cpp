// Deliveries and settling over the routes of groups.
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::group_consuming_test {

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

/// The path of a link, for following it.
std::string path_of(const json& link) {
  return link["uri"].get<std::string>().substr(
    std::string{"http://h:2113"}.size());
}

} // namespace

TEST_CASE("messages are read in order, at most as many as asked for") {
  dialect_fixture f;
  for (int i = 0; i < 4; ++i)
    f.publish("s");
  create(f);
  auto one = f.get("/subscriptions/s/g", competing);
  CHECK(one.status() == 200);
  CHECK(one.answer.content_type
        == "application/vnd.eventstore.competingatom+json; charset=utf-8");
  CHECK(one.header("Cache-Control") == "no-store");
  CHECK(titles(one.json()) == "0@s/0 ");
  CHECK(titles(f.fetch("/subscriptions/s/g/5")) == "1@s/0 2@s/0 3@s/0 ");
  auto none = f.fetch("/subscriptions/s/g/5");
  CHECK(none["entries"].empty());
  CHECK(none["links"].size() == 2);
}

TEST_CASE("messages whose answer did not leave go back, as if never sent") {
  dialect_fixture f;
  f.publish("s");
  f.publish("s");
  create(f);
  auto lost = f.get("/subscriptions/s/g/1", competing);
  REQUIRE(lost.answer.unsent);
  CHECK_FALSE(lost.answer.unsent_if_unknown);
  lost.answer.unsent();
  CHECK(titles(f.fetch("/subscriptions/s/g/5")) == "0@s/0 1@s/0 ");
  CHECK(!f.get("/subscriptions/s/g/5", competing).answer.unsent);
}

TEST_CASE("counts of messages, unknown groups and other representations") {
  dialect_fixture f;
  create(f);
  auto text = [&](std::string count) {
    auto got = f.get("/subscriptions/s/g/" + count, competing);
    CHECK(got.status() == 400);
    return got.body();
  };
  std::string start =
    "Message count must be an integer between 1 and 100 'count' ='";
  CHECK(text("-1") == start + "-1'");
  CHECK(text("0") == start + "0'");
  CHECK(text("101") == start + "101'");
  CHECK(text("10.1") == start + "0'");
  CHECK(text("ack") == start + "0'");
  auto missing = f.get("/subscriptions/s/h/1", competing);
  CHECK(missing.status() == 404);
  CHECK(missing.body() == "\"Not found.\"");
  CHECK(f.get("/subscriptions/t/g", competing).status() == 404);
  auto all = f.get("/subscriptions/$all/g", competing);
  CHECK(all.status() == 400);
  CHECK(all.json()
        == "Persistent subscriptions to $all are only supported over gRPC "
           "through gRPC clients");
  CHECK(f.get("/subscriptions/s/g", {{"Accept", "application/json"}}).status()
        == 406);
  CHECK(f.get("/subscriptions/s/g?format=json", competing).status() == 406);
}

TEST_CASE("the links of a delivery settle it") {
  dialect_fixture f;
  for (int i = 0; i < 5; ++i)
    f.publish("s");
  create(f);
  auto first = f.fetch("/subscriptions/s/g/1");
  auto acked =
    f.post(path_of(first["entries"][0]["links"][2]), json_body, "{}");
  CHECK(acked.status() == 202);
  CHECK(acked.body().empty());
  CHECK(acked.answer.content_type.empty());
  CHECK(acked.header("Durability") == "fsync");
  auto second = f.fetch("/subscriptions/s/g/2");
  CHECK(second["links"][0]["relation"] == "ackAll");
  CHECK(f.post(path_of(second["links"][0])).status() == 202);
  auto third = f.fetch("/subscriptions/s/g/2");
  CHECK(third["links"][1]["relation"] == "nackAll");
  CHECK(f.post(path_of(third["links"][1])).status() == 202);
  CHECK(titles(f.fetch("/subscriptions/s/g/5")) == "3@s/1 4@s/1 ");
  auto info = f.get("/subscriptions/s/g/info").json();
  CHECK(info["lastProcessedEventNumber"] == 2);
  CHECK(info["totalInFlightMessages"] == 2);
}

TEST_CASE("settling what is not in flight is accepted, and promises nothing") {
  dialect_fixture f;
  create(f);
  f.publish("s");
  for (auto target : {"/subscriptions/s/g/ack/", "/subscriptions/s/none/ack/",
                      "/subscriptions/t/g/nack/"}) {
    auto got = f.post(target + f.last_id());
    CHECK(got.status() == 202);
    CHECK(got.header("Durability").empty());
  }
}

TEST_CASE("one malformed id refuses all") {
  dialect_fixture f;
  create(f);
  f.publish("s");
  f.fetch("/subscriptions/s/g/1");
  auto id = f.last_id();
  for (auto& target :
       {std::string{"/ack/notaguid"}, "/nack?ids=" + id + ",bad",
        "/ack?ids=" + id + ",", std::string{"/ack?ids="}, std::string{"/ack"},
        std::string{"/nack"}, std::string{"/ack%3Fids=x"}}) {
    INFO(target);
    auto got = f.post("/subscriptions/s/g" + target);
    CHECK(got.status() == 400);
    CHECK(got.answer.reason == "messageid should be a properly formed guid");
    CHECK(got.body().empty());
    CHECK(got.answer.content_type.empty());
  }
  CHECK(f.get("/subscriptions/s/g/info").json()["totalInFlightMessages"] == 1);
}

TEST_CASE("lists of ids in every spelling that was ever told") {
  dialect_fixture f;
  create(f);
  for (int i = 0; i < 6; ++i)
    f.publish("s");
  auto feed = f.fetch("/subscriptions/s/g/6");
  std::vector<std::string> ids;
  for (auto& e : feed["entries"])
    ids.push_back(path_of(e["links"][2]).substr(23));
  auto in_flight = [&] {
    return f.get("/subscriptions/s/g/info").json()["totalInFlightMessages"];
  };
  auto post = [&](const std::string& target) {
    CHECK(f.post("/subscriptions/s/g" + target).status() == 202);
  };
  post("/ack?ids=" + ids[0] + "%2C" + ids[1]);
  CHECK(in_flight() == 4);
  post("/ack%3Fids=" + ids[2]);
  CHECK(in_flight() == 3);
  post("/nack?ids=" + ids[3] + "&action=PARK");
  post("/nack?ids=" + ids[4] + "?action=park");
  post("/nack%3Fids=" + ids[5] + "%3Faction=park");
  CHECK(in_flight() == 0);
  CHECK(f.get("/subscriptions/s/g/info").json()["parkedMessageCount"] == 3);
  // Other last segments are no commands.
  CHECK(f.post("/subscriptions/s/g/replayparked").status() == 405);
  CHECK(f.post("/subscriptions/s/g/5").status() == 405);
  CHECK(f.post("/subscriptions/s/g/ack%3Fid=" + ids[0]).status() == 405);
}

TEST_CASE("a nack retries now or later, skips or parks") {
  dialect_fixture f;
  create(f);
  f.publish("s");
  auto nack = [&](const std::string& query) {
    f.fetch("/subscriptions/s/g/1");
    return f.post("/subscriptions/s/g/nack/" + f.last_id() + query);
  };
  CHECK(nack("?action=retry").status() == 202);
  CHECK(nack("?delay=5s").status() == 202);
  CHECK(f.fetch("/subscriptions/s/g/1")["entries"].empty());
  f.advance(4999ms);
  CHECK(f.fetch("/subscriptions/s/g/1")["entries"].empty());
  f.advance(1ms);
  CHECK(titles(f.fetch("/subscriptions/s/g/1")) == "0@s/2 ");
  CHECK(nack("?delay=soon").body()
        == "delay is 'soon'; allowed: a number of milliseconds, one with ms, "
           "s, m, h or d behind it (90s), or an ISO 8601 duration (PT90S), up "
           "to 31536000000 milliseconds.");
  CHECK(nack("?action=park&delay=5s").body()
        == "delay is given with action 'park'; allowed: with action retry, or "
           "none.");
  CHECK(nack("?action=Skip").status() == 202);
  f.advance(1min);
  CHECK(f.fetch("/subscriptions/s/g/1")["entries"].empty());
}

TEST_CASE("a fetch can wait for an event") {
  dialect_fixture f;
  create(f);
  auto poll = [&](std::string name, std::string value) {
    auto more = competing;
    more.emplace_back(std::move(name), std::move(value));
    return f.begin_as("admin; $admins", http_verb::get, "/subscriptions/s/g/5",
                      more);
  };
  auto waiting = poll("ES-LongPoll", "30");
  CHECK_FALSE(f.answer_to(waiting));
  CHECK(f.client->extended() == 30s);
  f.publish("s");
  CHECK(titles(f.answer_to(waiting)->json()) == "0@s/0 ");
  CHECK(f.answer_to(waiting)->header("Preference-Applied").empty());

  auto preferred = poll("Prefer", "wait=5");
  f.advance(4999ms);
  CHECK_FALSE(f.answer_to(preferred));
  f.advance(1ms);
  CHECK(f.answer_to(preferred)->status() == 200);
  CHECK(f.answer_to(preferred)->json()["entries"].empty());
  CHECK(f.answer_to(preferred)->header("Preference-Applied") == "wait=5");

  auto bad = poll("Kurrent-LongPoll", "soon");
  CHECK(f.answer_to(bad)->body() == "Kurrent-LongPoll header in wrong format.");
  auto nowhere =
    f.begin_as("admin; $admins", http_verb::get, "/subscriptions/s/none/5",
               {competing[0], {"ES-LongPoll", "5"}});
  CHECK(f.answer_to(nowhere)->status() == 404);
}

TEST_CASE("what comes for a client that has left goes to the next one") {
  dialect_fixture f;
  create(f);
  f.begin_as("admin; $admins", http_verb::get, "/subscriptions/s/g/1",
             {competing[0], {"ES-LongPoll", "60"}});
  f.client->go();
  f.publish("s");
  f.settle();
  CHECK(titles(f.fetch("/subscriptions/s/g/1")) == "0@s/0 "); // attempt 1
}

TEST_CASE("a server that stops answers those who wait with what there is") {
  dialect_fixture f;
  create(f);
  auto waiting =
    f.begin_as("admin; $admins", http_verb::get, "/subscriptions/s/g/1",
               {competing[0], {"ES-LongPoll", "60"}});
  f.client->stop();
  f.settle();
  CHECK(f.answer_to(waiting)->status() == 200);
  CHECK(f.answer_to(waiting)->json()["entries"].empty());
}

TEST_CASE("links carry the prefix of a proxy") {
  dialect_fixture f;
  create(f);
  f.publish("s");
  auto feed = f.get("/subscriptions/s/g/1",
                    {competing[0], {"X-Forwarded-Prefix", "prefix"}})
                .json();
  CHECK(feed["links"][3]["uri"] == "http://h:2113/prefix/subscriptions/s/g");
  CHECK(feed["entries"][0]["id"] == "http://h:2113/prefix/streams/s/0");
}

} // namespace callboard::test::group_consuming_test
