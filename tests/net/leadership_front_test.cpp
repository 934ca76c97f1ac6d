// Who serves a listener's requests, and what becomes of them when that changes.
#include "net/leadership_front.hpp"
#include "tests/support/forwarding_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>

namespace callboard::test::leadership_front_test {

namespace {

/// The front of node 2; node 1 leads unless it says otherwise.
struct fronted : forwarding_fixture {
  fronted()
      : forwarding_fixture([this](auto& forwarder, auto&) {
          forwarder.serve_here = [this](listener, http_request& request,
                                        const http_exchange& exchange) {
            front->serve(request, exchange);
          };
        }) {
    front = std::make_shared<leadership_front>(front_options{
      .to = listener::consumer,
      .forwarder = at(2).forwarder,
      .is_own = [](auto& request) { return request.target() == "/own"; },
      .own = [](auto&, auto& exchange) { exchange.answer({.body = "own"}); },
      .header_block = "Front: 1\r\n",
      .lost =
        [](auto& request) {
          return request.target() == "/mild"
                   ? std::optional{http_answer{.status =
                                                 http_status::no_content}}
                   : std::nullopt;
        }});
  }

  std::uint64_t ask(std::string_view target) {
    auto handler = front->handler();
    return client->begin(handler, make_request(target));
  }

  /// Keeps what it is asked.
  http_handler holding() {
    return [this](http_request&, const http_exchange& exchange) {
      held.push_back(exchange);
    };
  }

  void on_thread(const std::function<void()>& what) {
    boost::asio::post(context, what);
    run();
  }

  std::shared_ptr<leadership_front> front;
  std::shared_ptr<answer_collector> client = connect();
  std::vector<http_exchange> held;
};

} // namespace

TEST_CASE_METHOD(fronted, "requests are served here, there, or not at all") {
  auto refused = ask("/1");
  CHECK(status_of(*client, refused) == 503);
  CHECK(client->answer_to(refused)->answer.headers == "Retry-After: 1\r\n");
  lead(1);
  announce(1);
  front->follow();
  ask("/2");
  deliver();
  REQUIRE(at(1).asked.size() == 1);
  CHECK(at(1).asked_of[0] == listener::consumer);
  front->lead([](auto&, auto& exchange) { exchange.answer({.body = "here"}); });
  CHECK(body_of(*client, ask("/3")) == "here");
  front->refuse();
  CHECK(status_of(*client, ask("/4")) == 503);
}

TEST_CASE_METHOD(fronted, "what is about the node is served by it always") {
  for (int i = 0; i < 3; ++i) {
    if (i == 1)
      front->follow();
    if (i == 2)
      front->lead(holding());
    CHECK(body_of(*client, ask("/own")) == "own");
  }
  CHECK(front->in_progress() == 0);
}

TEST_CASE_METHOD(fronted, "who loses its leadership answers all at once") {
  front->lead(holding());
  auto done = ask("/1");
  auto first = ask("/2");
  auto second = ask("/3");
  auto mild = ask("/mild");
  held[0].answer({.body = "done"});
  run();
  bool told = false;
  on_thread([&] {
    front->follow();
    told = status_of(*client, first) == 503;
  });
  CHECK(told); // before anything else can happen
  for (auto number : {first, second}) {
    CHECK(status_of(*client, number) == 503);
    CHECK(client->answer_to(number)->answer.headers == "Retry-After: 1\r\n");
    CHECK(client->answer_to(number)->header_block == "Front: 1\r\n");
    CHECK(body_of(*client, number).ends_with("unknown. Try again."));
  }
  CHECK(status_of(*client, mild) == 204);
  for (auto& each : held)
    each.answer({.body = "late"});
  run();
  CHECK(body_of(*client, done) == "done");
  CHECK(status_of(*client, second) == 503);
}

TEST_CASE_METHOD(fronted, "an answer that is on its way from another thread "
                          "meets no lines of routes that have ended") {
  auto routes = std::make_shared<std::string>("Routes: 1\r\n");
  front->lead([this, routes](auto&, auto& exchange) {
    exchange.set_header_block(*routes);
    held.push_back(exchange);
  });
  auto number = ask("/1");
  routes.reset();
  std::thread{[&] { held[0].answer({.body = "actor"}); }}.join();
  on_thread([&] { front->follow(); }); // after it, yet in the same poll
  CHECK(body_of(*client, number) == "actor");
  auto second = ask("/2");
  CHECK(status_of(*client, second) == 0);
}

TEST_CASE_METHOD(fronted, "what has ended is forgotten") {
  front->lead([](auto&, auto& exchange) { exchange.answer({}); });
  for (int i = 0; i < 1000; ++i)
    ask("/x");
  CHECK(front->in_progress() == 0);
  front->lead(holding());
  for (int i = 0; i < 200; ++i)
    ask("/x");
  CHECK(front->in_progress() == 200);
  held.clear();
  CHECK(front->in_progress() == 0);
}

TEST_CASE_METHOD(fronted, "what waits for a leader is served here once this "
                          "node leads, before what is new") {
  front->follow();
  ask("/1");
  ask("/2");
  on_thread([&] {
    front->lead(holding());
    announce(2);
  });
  ask("/3");
  REQUIRE(held.size() == 3);
  std::string order;
  for (auto& each : held)
    order += each.request().target();
  CHECK(order == "/1/2/3");
  CHECK(front->in_progress() == 3);
}

TEST_CASE_METHOD(fronted, "a node that is said to lead before it does keeps "
                          "what waits") {
  front->follow();
  ask("/1");
  on_thread([&] { announce(2); });
  CHECK(at(2).forwarder->waiting() == 1);
  CHECK(frames.empty());
  front->lead(holding());
  CHECK(eventually([&] { return held.size() == 1; }));
}

} // namespace callboard::test::leadership_front_test
