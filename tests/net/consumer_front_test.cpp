// Consumers that call a node which does not lead, and then does.
#include "net/consumer_front.hpp"
#include "tests/support/consumer_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::consumer_front_test {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view registration =
  R"({"id":"c1","group":"g","topics":["t"],"onNewGroup":1})";

/// A node that follows; `lead` has it answer by routes of its own.
struct fronted_consumers : consumer_fixture {
  explicit fronted_consumers(std::size_t waiting_max = 100,
                             std::chrono::milliseconds wait_max = 60s)
      : front(std::make_shared<consumer_front>(consumer_front_options{
          es.context.get_executor(),
          [this](http_request& request, const http_exchange& exchange) {
            if (routes)
              return routes(request, exchange);
            forwarded.emplace_back(request.target());
            exchange.answer({.body = "forwarded"});
          },
          [this](http_request& request, const http_exchange& exchange) {
            told.emplace_back(request.target());
            exchange.answer({.body = "unheard"});
          },
          waiting_max, wait_max})) {
    serve(front->handler());
  }

  /// Actors that are new, as far as the routes can tell.
  void lead() {
    routes = make_routes();
    front->lead();
    settle();
  }

  void follow() {
    front->follow();
    routes = nullptr;
  }

  seen_answer call(std::string_view what, std::string body = {}) {
    return call(first, what, std::move(body));
  }

  seen_answer call(const connection& from, std::string_view what,
                   std::string body = {}) {
    return barco_fixture::call(
      from, http_verb::post, "/v1/consumer/" + std::string{what},
      {{"Accept", "application/json"}}, std::move(body));
  }

  seen_answer bind() { return call("register", std::string{registration}); }

  std::uint64_t begin_poll(const connection& from, std::string wait = "20") {
    return begin(from, "/v1/consumer/poll?consumerId=c1",
                 {{"Prefer", "wait=" + wait}});
  }

  auto registered() const { return w.node->counts.consumers_registered.load(); }

  http_handler routes; // null: the leader is another node
  std::vector<std::string> forwarded;
  std::vector<std::string> told; // to the leader
  std::shared_ptr<consumer_front> front;
};

} // namespace

TEST_CASE("106: a node that does not lead remembers who registers, and says "
          "that there is nothing") {
  fronted_consumers f;
  for (auto* what : {"poll", "commit", "goodbye"})
    CHECK(f.call(what).body() == "Consumer not registered");
  CHECK(f.call("register", "nonsense").body()
        == "Invalid ConsumerInfo payload");
  auto bound = f.bind();
  CHECK(bound.status() == 200);
  CHECK(bound.body() == "OK");
  auto polled = f.call("poll");
  CHECK(polled.status() == 204);
  CHECK(polled.header("Retry-After") == "5");
  CHECK(polled.header("Cache-Control") == "no-store");
  CHECK(f.call("commit").status() == 204);
  CHECK(f.call(f.connect(), "poll").status() == 409);
  CHECK(f.call("goodbye?commit=no").status() == 400);
  CHECK(f.call("goodbye").body() == "OK");
  CHECK(f.call("poll").status() == 409);
  CHECK(f.forwarded.empty());
}

TEST_CASE("107: who registered before a node led is registered with its first "
          "call then") {
  fronted_consumers f;
  f.bind();
  produce(f.w, "t", 2, {"1", "2"}).value();
  f.lead();
  CHECK(f.registered() == 0);
  SECTION("a poll") {
    CHECK(f.call("poll").json()[0]["values"] == nlohmann::json{1, 2});
    CHECK(f.call("poll").status() == 204);
  }
  SECTION("a commit") {
    CHECK(f.call("commit").status() == 204);
    CHECK(f.call("poll").status() == 200);
  }
  SECTION("its next registration") {
    CHECK(f.bind().body() == "OK");
    CHECK(f.call("poll").status() == 200);
  }
  CHECK(f.registered() == 1);
  CHECK(f.call("goodbye").status() == 200);
  CHECK(f.registered() == 0);
  CHECK(f.call("poll").status() == 409);
}

TEST_CASE("a connection outlives leaderships: what was not committed comes "
          "again") {
  fronted_consumers f;
  f.lead();
  f.bind();
  produce(f.w, "t", 2, {"1", "2"}).value();
  CHECK(f.call("poll").status() == 200);
  f.follow();
  CHECK(f.call("poll").status() == 204);
  f.lead();
  CHECK(f.call("poll").json()[0]["startOffset"] == "0");
  CHECK(f.call("poll").status() == 204); // and is committed
  f.follow();
  f.lead();
  CHECK(f.call("poll").status() == 204);
  CHECK(f.registered() == 1);
}

TEST_CASE("calls that come together register once") {
  fronted_consumers f;
  f.bind();
  produce(f.w, "t", 2, {"1"}).value();
  f.lead();
  std::vector<std::uint64_t> polls;
  for (int i = 0; i < 3; ++i)
    polls.push_back(
      f.barco_fixture::begin(f.first, http_verb::post, "/v1/consumer/poll"));
  f.settle();
  // Another reader would get it again.
  CHECK(f.first->answer_to(polls[0])->answer.status == http_status::ok);
  for (std::size_t i : {1, 2})
    CHECK(f.first->answer_to(polls[i])->answer.status
          == http_status::no_content);
}

TEST_CASE("what is in progress when a node ceases to lead") {
  auto lost = [&](std::string_view target, std::string_view body = {}) {
    http_request request;
    request.method = http_verb::post;
    REQUIRE(request.set_target(target));
    request.body = body;
    request.connection = std::make_shared<connection_state>();
    auto got = answer_lost_call(request);
    CHECK((request.connection->bound != nullptr) == !body.empty());
    return got ? unsigned(got->status) : 503;
  };
  CHECK(lost("/v1/consumer/poll") == 204);
  CHECK(lost("/v1/consumer/register", registration) == 200);
  CHECK(lost("/v1/consumer/register?consumerId=c1&topic=t") == 503);
  CHECK(lost("/v1/consumer/commit") == 503);
  CHECK(lost("/status") == 503);
}

TEST_CASE("a registration that cannot be done now is tried again with the next "
          "call") {
  fronted_consumers f;
  f.lead();
  f.w.log->at_once = false;
  auto number =
    f.barco_fixture::begin(f.first, http_verb::post, "/v1/consumer/register",
                           {}, std::string{registration});
  f.settle();
  f.w.log->fail(errc::storage_failed);
  f.w.log->at_once = true;
  f.settle();
  REQUIRE(f.first->answer_to(number));
  CHECK(f.first->answer_to(number)->answer.status
        == http_status::service_unavailable);
  CHECK(f.registered() == 0);
  CHECK(f.call("poll").status() == 204);
  CHECK(f.registered() == 1);
}

TEST_CASE("what the leader refuses is told with each call") {
  fronted_consumers f;
  f.es.post("/streams/t/metadata",
            {{"Content-Type", "application/json"},
             {"ES-EventId", to_string(world::id(77))}},
            R"({"$acl":{"$r":"$admins"}})");
  CHECK(f.bind().status() == 200);
  f.lead();
  for (int i = 0; i < 2; ++i) {
    auto got = f.call("poll");
    CHECK(got.status() == 403);
    CHECK(got.body() == "Topic t can be read by users only");
  }
  CHECK(f.registered() == 0);
}

TEST_CASE("calls by id go to the leader, but polls") {
  fronted_consumers f;
  for (std::string what : {"register?consumerId=c1&topic=t",
                           "commit?consumerId=c1", "goodbye?consumer_id=c1"})
    CHECK(f.call(what).body() == "forwarded");
  CHECK(f.call("poll?consumerId=c1").status() == 204);
  f.bind(); // whatever the connection is bound to
  CHECK(f.call("commit?consumerId=c1").body() == "forwarded");
  CHECK(f.forwarded.size() == 4);
}

TEST_CASE("what is no consumer's call goes to the leader") {
  fronted_consumers f;
  for (auto& [verb, target] : {std::pair{http_verb::get, "/status"},
                               {http_verb::get, "/v1/consumer/poll"},
                               {http_verb::put, "/v1/consumer/poll"},
                               {http_verb::post, "//v1/consumer/register"},
                               {http_verb::post, "/v1/consumer/poll/"},
                               {http_verb::post, "/v1/consumer/other"},
                               {http_verb::post, "/v1/topic/t/messages"}}) {
    INFO(target);
    CHECK(f.barco_fixture::call(verb, target).body() == "forwarded");
  }
  CHECK(f.barco_fixture::call(http_verb::put, "/v1/consumer/register", {},
                              std::string{registration})
          .body()
        == "OK");
}

TEST_CASE("any node answers what is no consumer's call, and those that nobody "
          "would accept") {
  consumer_fixture f;
  f.serve([routes = f.make_routes()](auto& request, auto& exchange) {
    if (consumer_answered_anywhere(request))
      return routes(request, exchange);
    exchange.answer({.body = "forwarded"});
  });
  auto call = [&](http_verb verb, std::string_view target) {
    return f.call(f.first, verb, target);
  };
  constexpr auto post = http_verb::post;
  CHECK(call(http_verb::get, "/status").body()
        == "Consumer server listening on 9252\n");
  CHECK(call(http_verb::options, "/v1/consumer/poll").status() == 200);
  CHECK(call(http_verb::get, "/v1/consumer/poll").status() == 405);
  CHECK(call(post, "/v1/consumer/other").status() == 404);
  CHECK(call(post, "//v1/consumer/register").status() == 307);
  CHECK(call(post, "/v1/consumer/register?consumerId=c1").status() == 400);
  CHECK(call(post, "/v1/consumer/goodbye?consumerId=c&commit=").status()
        == 400);
  for (std::string what :
       {"register?consumerId=c1&topic=t", "poll?consumerId=c1",
        "commit?consumerId=c1", "goodbye?consumerId=c1&commit=FALSE"})
    CHECK(call(post, "/v1/consumer/" + what).body() == "forwarded");
}

TEST_CASE("the leader hears of a status that shows that a consumer is alive") {
  fronted_consumers f;
  const std::string named = "/status?consumerId=c1";
  f.barco_fixture::call(http_verb::get, named);
  f.barco_fixture::call(http_verb::get, "/status");
  CHECK(f.told == std::vector{named});
  f.lead();
  f.barco_fixture::call(http_verb::get, named);
  CHECK(f.told.size() == 1);
}

TEST_CASE("a poll waits where nobody leads") {
  fronted_consumers f;
  auto number = f.begin_poll(f.first);
  CHECK_FALSE(f.first->answer_to(number));
  CHECK(f.front->waiting() == 1);
  CHECK(f.first->extended() == 20s);
  auto answered = [&](std::string_view retry_after) {
    REQUIRE(f.first->answer_to(number));
    seen_answer got{f.first->answer_to(number)->answer};
    CHECK(got.status() == 204);
    CHECK(got.header("Retry-After") == retry_after);
    CHECK(f.front->waiting() == 0);
  };
  SECTION("until the node leads") {
    f.lead();
    answered("");
  }
  SECTION("until the server stops") {
    f.first->stop();
    f.settle();
    answered("5");
  }
  SECTION("until its client has gone") {
    f.first->go();
    CHECK(f.front->waiting() == 0);
  }
  CHECK(f.call("poll?consumerId=c1", {}).status() != 503);
}

TEST_CASE("polls wait until their time is over, and not too many") {
  fronted_consumers f{2, 20ms};
  auto second = f.connect();
  auto third = f.connect();
  auto a = f.begin_poll(f.first);
  auto b = f.begin_poll(second);
  auto c = f.begin_poll(third);
  CHECK(third->answer_to(c));
  auto deadline = std::chrono::steady_clock::now() + 10s;
  while (f.front->waiting() > 0 && std::chrono::steady_clock::now() < deadline)
    f.settle();
  CHECK(f.first->answer_to(a));
  CHECK(second->answer_to(b));
  auto bad = f.begin_poll(f.first, "x");
  CHECK(f.first->answer_to(bad)->answer.status == http_status::bad_request);
}

} // namespace callboard::test::consumer_front_test
