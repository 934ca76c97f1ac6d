// Who asks to wait while the server stops already: the cancel follows at once,
// before any actor had a turn.
#include "tests/support/consumer_fixture.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::stopping_test {

using nlohmann::json;

TEST_CASE("a stop answers who begins to wait while it is under way") {
  dialect_fixture f;
  f.call(http_verb::put, "/subscriptions/s/g",
         {{"Content-Type", "application/json"}}, "{}");
  f.publish("s");
  f.fetch("/subscriptions/s/g");
  auto check = [&](http_verb verb, std::string_view target, const headers& more,
                   std::string body = {}) {
    auto waiting =
      f.begin_as("admin; $admins", verb, target, more, std::move(body));
    REQUIRE(f.answer_to(waiting));
    CHECK(f.answer_to(waiting)->status() == 200);
  };
  f.client->stop();
  auto running = f.w.vt->sys.registry().running();
  SECTION("for a group") {
    check(http_verb::get, "/subscriptions/s/g/1",
          {{"Accept", "application/vnd.eventstore.competingatom+json"},
           {"ES-LongPoll", "60"}});
  }
  SECTION("for what comes next, and settles") {
    json body{{"ack", {f.last_id()}},
              {"next", {{"count", 5}, {"wait", "20s"}}}};
    check(http_verb::post, "/subscriptions/s/g/settle",
          {{"Content-Type", "application/json"}}, body.dump());
  }
  SECTION("for an event of a stream") {
    check(http_verb::get, "/streams/s/1/forward/5",
          {{"Accept", "application/json"}, {"ES-LongPoll", "60"}});
  }
  CHECK(f.w.vt->sys.registry().running() == running);
}

TEST_CASE("what a stop gives back is not sent to who waited for it") {
  dialect_fixture f;
  headers json_body{{"Content-Type", "application/json"}};
  auto* settle = "/subscriptions/s/g/settle";
  f.call(http_verb::put, "/subscriptions/s/g", json_body, "{}");
  auto waiting = f.begin_as("admin; $admins", http_verb::post, settle,
                            json_body, R"({"next":{"count":5,"wait":"20s"}})");
  f.w.publish("s", 1).value();
  f.w.vt->run(); // what it brings is on its way to the client's thread
  f.client->stop();
  f.settle();
  REQUIRE(f.answer_to(waiting));
  CHECK(f.answer_to(waiting)->json()["events"].empty());
  auto next = f.post(settle, json_body, R"({"next":{"count":5}})").json();
  REQUIRE(next["events"].size() == 1);
  CHECK(next["events"][0]["attempt"] == 1);
}

TEST_CASE(
  "a stop answers a consumer that begins to poll while it is under way") {
  consumer_fixture f;
  f.join("consumerId=c1&topic=t");
  f.first->stop();
  auto number =
    f.begin(f.first, "/v1/consumer/poll?consumerId=c1",
            {{"Accept", "application/json"}, {"Prefer", "wait=20"}});
  REQUIRE(f.first->answer_to(number));
  CHECK(f.first->answer_to(number)->answer.status == http_status::no_content);
}

} // namespace callboard::test::stopping_test
