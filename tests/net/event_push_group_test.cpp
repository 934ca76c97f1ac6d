// Events pushed from a real group: credit, settling, what a break gives back.
#include "net/event_push.hpp"
#include "tests/support/pushed_client.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <thread>

namespace callboard::test::event_push_group_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct pushing_group : dialect_fixture {
  pushing_group() {
    call(http_verb::put, "/subscriptions/s/g",
         {{"Content-Type", "application/json"}}, "{}");
  }

  std::shared_ptr<pushed_client> listen(const std::string& query = "",
                                        const std::string& last = "") {
    auto out = std::make_shared<pushed_client>(context);
    http_request request;
    request.method = http_verb::get;
    REQUIRE(request.set_target("/subscriptions/s/g/events" + query));
    request.add_header("Host", "h:2113");
    request.add_header("ES-TrustedAuth", "admin; $admins");
    if (!last.empty())
      request.add_header("Last-Event-ID", last);
    out->begin(push_, std::move(request));
    return out;
  }

  /// Until the condition holds; what is pushed next is asked for by a timer.
  template <class Condition>
  bool until(Condition holds) {
    auto end = std::chrono::steady_clock::now() + 10s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end)
        return false;
      settle();
      std::this_thread::yield();
    }
    return true;
  }

  bool pushed(const pushed_client& to, std::size_t events) {
    return until([&] { return ids_in(to.text).size() >= events; });
  }

  static std::vector<std::string> ids_in(std::string_view text) {
    std::vector<std::string> out;
    for (auto at = text.find("data: "); at != std::string_view::npos;
         at = text.find("data: ", at + 1)) {
      auto line = text.substr(at + 6, text.find('\n', at) - at - 6);
      out.push_back(json::parse(line)["id"]);
    }
    return out;
  }

  json settle_with(const json& body) {
    return post("/subscriptions/s/g/settle",
                {{"Content-Type", "application/json"}}, body.dump())
      .json();
  }

private:
  http_handler push_ = push_events({.next = handler()});
};

} // namespace

TEST_CASE("events are pushed within the credit, and settling makes room") {
  pushing_group f;
  for (int i = 0; i < 5; ++i)
    f.publish("s");
  auto client = f.listen("?maxInFlight=2");
  REQUIRE(f.pushed(*client, 2));
  f.settle();
  CHECK(f.ids_in(client->text).size() == 2);
  auto ids = f.ids_in(client->text);
  CHECK(f.settle_with({{"ack", {ids[0]}}})["applied"] == 1);
  REQUIRE(f.pushed(*client, 3));
  f.settle();
  CHECK(f.ids_in(client->text).size() == 3);
  CHECK(client->text.find("\"attempt\":1") != std::string::npos);
}

TEST_CASE("an event that is published later is pushed at once") {
  pushing_group f;
  auto client = f.listen();
  REQUIRE(f.until([&] { return client->waits_for_gone(); }));
  f.publish("s");
  CHECK(f.pushed(*client, 1));
}

TEST_CASE("a connection that breaks gives its leases back without charge") {
  pushing_group f;
  for (int i = 0; i < 3; ++i)
    f.publish("s");
  auto client = f.listen();
  REQUIRE(f.pushed(*client, 3));
  auto ids = f.ids_in(client->text);
  f.settle_with({{"ack", {ids[1]}}});
  client->go();
  REQUIRE(f.until([&] {
    return f.get("/subscriptions/s/g/in-flight").json()["leases"].empty();
  }));
  auto again = f.settle_with({{"next", {{"count", 5}}}})["events"];
  REQUIRE(again.size() == 2);
  CHECK(again[0]["id"] == ids[0]);
  CHECK(again[0]["attempt"] == 1);
  CHECK(again[1]["id"] == ids[2]);
}

TEST_CASE("who comes back gets what the connection that nobody saw break had, "
          "though that one waits for longer") {
  pushing_group f;
  f.publish("s");
  auto broken = f.listen("?consumer=c1");
  REQUIRE(f.pushed(*broken, 1));
  REQUIRE(f.until([&] {
    auto info = f.get("/subscriptions/s/g/info").json();
    return info["waitingPollCount"] == 1;
  }));
  auto seen = broken->take();
  REQUIRE(seen.size() == 1);
  auto back = f.listen("?consumer=c1", seen[0].id);
  REQUIRE(f.pushed(*back, 1));
  CHECK(json::parse(back->take()[0].data)["attempt"] == 1);
  CHECK(f.ids_in(broken->text).empty());
}

TEST_CASE("a consumer's name with control characters is refused wherever it "
          "comes in") {
  pushing_group f;
  f.publish("s");
  for (std::string name : {"bob%0Aevent%201", "%1B[2J", "%C2%9B2J", "%7F"}) {
    auto client = f.listen("?consumer=" + name);
    f.settle();
    auto& got = client->answer_to(0);
    REQUIRE(got);
    CHECK(got->answer.status == http_status::bad_request);
    CHECK(got->answer.body.find("control characters") != std::string::npos);
  }
  headers named{{"Consumer-Name", "a\tb"}};
  CHECK(f.get("/subscriptions/s/g/1", {{"Accept", "*/*"}, named[0]}).status()
        == 400);
  named.emplace_back("Content-Type", "application/json");
  CHECK(f.post("/subscriptions/s/g/settle", named, R"({"next":{}})").status()
        == 400);
  named = {{"Consumer-Name", "J\xc3\xbcrgen \xc3\x82"}};
  named.emplace_back("Content-Type", "application/json");
  CHECK(f.post("/subscriptions/s/g/settle", named, R"({"next":{}})").status()
        == 200);
}

TEST_CASE("pushing and fetching consumers share one group") {
  pushing_group f;
  f.publish("s");
  auto client = f.listen("?maxInFlight=1");
  REQUIRE(f.pushed(*client, 1));
  f.publish("s");
  auto fetched = f.settle_with({{"next", {{"count", 5}}}})["events"];
  REQUIRE(fetched.size() == 1);
  CHECK(fetched[0]["id"] == f.last_id());
}

TEST_CASE("events of a group that is not there, or for nobody, are refused") {
  pushing_group f;
  http_request request;
  request.method = http_verb::get;
  REQUIRE(request.set_target("/subscriptions/s/none/events"));
  request.add_header("ES-TrustedAuth", "admin; $admins");
  auto handler = push_events({.next = f.handler()});
  auto number = f.client->begin(handler, std::move(request));
  f.settle();
  CHECK(f.answer_to(number)->status() == 404);
  http_request anonymous;
  anonymous.method = http_verb::get;
  REQUIRE(anonymous.set_target("/subscriptions/s/g/events"));
  number = f.client->begin(handler, std::move(anonymous));
  f.settle();
  CHECK(f.answer_to(number)->status() == 401);
}

} // namespace callboard::test::event_push_group_test
