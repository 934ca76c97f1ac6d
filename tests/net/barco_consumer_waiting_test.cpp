// Consumers that wait, are silent, may not read, or read a stream.
#include "actors/core/limits.hpp"
#include "tests/support/consumer_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::barco_consumer_waiting_test {

using namespace std::chrono_literals;

TEST_CASE("a poll may wait, and wakes at once") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=t");
  auto begin = [&] {
    return f.begin(f.first, "/v1/consumer/poll?consumerId=c1",
                   {{"Accept", "application/json"}, {"Prefer", "wait=20"}});
  };
  auto number = begin();
  CHECK_FALSE(f.first->answer_to(number));
  SECTION("for what is produced") {
    produce(f.w, "t", 2, {"1"}).value();
    f.settle();
    REQUIRE(f.first->answer_to(number));
    CHECK(f.first->answer_to(number)->answer.status == http_status::ok);
  }
  SECTION("until the time is over") {
    f.w.vt->advance(21s);
    f.settle();
    REQUIRE(f.first->answer_to(number));
    CHECK(f.first->answer_to(number)->answer.status == http_status::no_content);
  }
  SECTION("or the server stops") {
    f.first->stop();
    f.settle();
    CHECK(f.first->answer_to(number));
  }
  SECTION("or its client goes away, and loses nothing") {
    f.first->go();
    f.settle();
    produce(f.w, "t", 2, {"1"}).value();
    CHECK(f.poll_json().status() == 200);
  }
}

TEST_CASE("what a poll's client may not have got comes again") {
  consumer_fixture f;
  produce(f.w, "t", 1, {"1"}).value();
  f.join("consumerId=c1&topic=t&onNewGroup=startFromEarliest");
  auto lost = f.poll_json();
  REQUIRE(lost.answer.unsent);
  CHECK(lost.answer.unsent_if_unknown);
  lost.answer.unsent();
  f.settle();
  CHECK(f.poll_json().json()[0]["startOffset"] == "0");
}

TEST_CASE("status tells the port and is a sign of life") {
  consumer_fixture f;
  auto got = f.call(f.first, http_verb::get, "/status");
  CHECK(got.status() == 200);
  CHECK(got.body() == "Consumer server listening on 9252\n");
  f.join("consumerId=c1&topic=t");
  for (int i = 0; i < 3; ++i) {
    f.w.vt->advance(100s);
    f.call(f.first, http_verb::get, "/status?consumerId=c1");
  }
  CHECK(f.poll_json().status() == 204);
  f.w.vt->advance(121s);
  CHECK(f.poll_json().status() == 409);
}

TEST_CASE("a connection ends when its consumer was silent for too long") {
  consumer_fixture f;
  f.post("/v1/consumer/register", {},
         R"({"id":"c1","group":"g","topics":["t"]})");
  f.join("consumerId=c2&topic=t");
  CHECK_FALSE(f.post("/v1/consumer/poll").answer.close);
  f.w.vt->advance(121s);
  for (auto* what : {"poll", "commit", "goodbye"}) {
    auto bound = f.post(std::string{"/v1/consumer/"} + what);
    CHECK(bound.status() == 409);
    CHECK(bound.answer.close); // its client registers when it dials
    auto by_id = f.post(std::string{"/v1/consumer/"} + what + "?consumerId=c2");
    CHECK(by_id.status() == 409);
    CHECK_FALSE(by_id.answer.close);
  }
}

TEST_CASE("an answer with records is never compressed") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=t");
  for (auto* accept : {"application/json", "*/*"}) {
    for (auto p : {0, 1, 2, 3}) // what the four have in common compresses well
      produce(f.w, "t", std::uint64_t(p), {std::string(100'000, 'x')}).value();
    auto got = f.post("/v1/consumer/poll?consumerId=c1",
                      {{"Accept", accept}, {"Accept-Encoding", "gzip"}});
    CHECK(got.status() == 200);
    CHECK(got.header("Content-Encoding").empty());
    CHECK(got.answer.as_it_is);
  }
}

TEST_CASE("a group that knows too many topics takes no new ones") {
  consumer_fixture f;
  f.join("consumerId=c1&group=g&topic=known");
  open_readers many{"g", {}, start_policy::earliest};
  for (std::size_t i = 1; i < limits::group_topics_max; ++i)
    many.streams.push_back(
      topic_stream(f.w.node->placement, "t" + std::to_string(i), {2}));
  f.w.vt->ask<bool>(f.w.broker.routes->partitions[2], open_atom_v, many)
    .value();
  auto refused = f.join("consumerId=c2&group=g&topic=new");
  CHECK(refused.status() == 400);
  CHECK(refused.body().starts_with("Too many topics"));
  CHECK(f.poll_json("c2").status() == 409);
  CHECK(f.poll_json("c1").status() == 204);
  CHECK(f.join("consumerId=c2&group=g&topic=known").status() == 200);
  CHECK(f.join("consumerId=c3&group=h&topic=new").status() == 200);
}

TEST_CASE("topics that only users may read are refused") {
  consumer_fixture f;
  f.es.post("/streams/secret/metadata",
            {{"Content-Type", "application/json"},
             {"ES-EventId", to_string(world::id(77))}},
            R"({"$acl":{"$r":"$admins"}})");
  auto got = f.join("consumerId=c1&topic=t&topic=secret");
  CHECK(got.status() == 403);
  CHECK(got.body() == "Topic secret can be read by users only");
  CHECK(f.poll_json().status() == 409);
}

TEST_CASE("what is published to a stream is consumed as a topic") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=orders&onNewGroup=startFromEarliest");
  CHECK(f.es.publish("orders", R"({"item": "chair"})").status() == 201);
  auto home = f.w.node->placement.home_of("orders").value;
  auto got = f.poll_json().json();
  REQUIRE(got.size() == 1);
  CHECK(got[0]["topic"] == "orders");
  CHECK(got[0]["rangeIndex"] == home);
  CHECK(got[0]["values"][0]["item"] == "chair");
}

TEST_CASE("an event that only claims to be JSON does not break a poll") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=orders&onNewGroup=startFromEarliest");
  CHECK(f.es.publish("orders", "{broken").status() == 201);
  CHECK(f.poll_json().json()[0]["values"][0] == "{broken");
}

} // namespace callboard::test::barco_consumer_waiting_test
