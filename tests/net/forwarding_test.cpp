// Requests to a node that does not lead, while nothing fails.
#include "tests/support/forwarding_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::forwarding_test {

using namespace std::chrono_literals;

namespace {

/// Node 1 leads, and all know it.
struct led : forwarding_fixture {
  using forwarding_fixture::forwarding_fixture;

  void begin() {
    lead(1);
    announce(1);
  }

  std::vector<http_exchange>& asked() { return at(1).asked; }

  void answer(std::size_t which, http_answer with) {
    asked().at(which).answer(std::move(with));
    deliver();
  }
};

struct forwarding : led {
  forwarding() { begin(); }
};

} // namespace

TEST_CASE_METHOD(forwarding, "a forwarded request reaches the leader's handler "
                             "as its client sent it") {
  auto client = connect();
  auto request = make_request("/streams/a%2Fb?x=1", http_verb::post, "body");
  request.add_header("ES-EventType", "t");
  request.remote_address = "10.0.0.7";
  request.keep_alive = false;
  ask(*client, 2, std::move(request), listener::producer);
  deliver();
  REQUIRE(asked().size() == 1);
  CHECK(at(1).asked_of.front() == listener::producer);
  auto& got = asked()[0].request();
  CHECK(got.method == http_verb::post);
  CHECK(got.target() == "/streams/a%2Fb?x=1");
  CHECK(got.header("es-eventtype") == "t");
  CHECK(got.body == "body");
  CHECK(got.remote_address == "10.0.0.7");
  CHECK_FALSE(got.keep_alive);
  CHECK(got.connection);
}

TEST_CASE_METHOD(forwarding,
                 "the leader's answer comes back verbatim, with its lines") {
  auto client = connect();
  auto number = ask(*client, 2, "/x");
  deliver();
  http_answer answer{.status = http_status::created,
                     .reason = "Made it",
                     .content_type = "application/vnd.x+json",
                     .body = std::string{"\0\1\2", 3},
                     .close = true};
  answer.add_header("Location", "http://l/x");
  this->answer(0, std::move(answer));
  auto& got = client->answer_to(number);
  REQUIRE(got);
  CHECK(got->answer.status == http_status::created);
  CHECK(got->answer.reason == "Made it");
  CHECK(got->answer.content_type == "application/vnd.x+json");
  CHECK(got->header_block + got->answer.headers
        == "Block: 0\r\nLocation: http://l/x\r\n");
  CHECK(got->answer.body == std::string{"\0\1\2", 3});
  CHECK(got->answer.close);
  CHECK(at(2).forwarder->out() == 0);
  CHECK(at(1).requests->in_progress() == 0);
}

TEST_CASE_METHOD(forwarding, "the header block that a route sets goes along") {
  auto client = connect();
  auto number = ask(*client, 2, "/x");
  deliver();
  asked()[0].set_header_block("Route: 1\r\n");
  answer(0, {});
  CHECK(client->answer_to(number)->answer.headers == "Route: 1\r\n");
  CHECK(client->answer_to(number)->header_block.empty());
}

TEST_CASE_METHOD(forwarding, "an answer is compressed once, by the leader") {
  auto client = connect();
  auto request = make_request("/x");
  request.add_header("Accept-Encoding", "gzip");
  auto number = ask(*client, 2, std::move(request));
  deliver();
  answer(0, {.body = std::string(1'000'000, 'x')});
  auto& got = client->answer_to(number)->answer;
  CHECK(got.headers
        == "Block: 0\r\nContent-Encoding: gzip\r\nVary: "
           "Accept-Encoding\r\n");
  CHECK(got.body.starts_with("\x1f\x8b"));
  CHECK(got.body.size() > 900); // deflated again it would be a tenth
}

TEST_CASE_METHOD(forwarding, "answers go to who asked, whatever their order") {
  auto a = connect();
  auto b = connect();
  auto first = ask(*a, 2, "/1");
  auto second = ask(*b, 3, "/2");
  auto third = ask(*a, 2, "/3", http_verb::head);
  deliver();
  REQUIRE(asked().size() == 3);
  CHECK(asked()[2].request().method == http_verb::head);
  for (std::size_t i : {2, 0, 1})
    answer(i, {.body = std::string{asked()[i].request().target()}});
  CHECK(body_of(*a, first) == "/1");
  CHECK(body_of(*b, second) == "/2");
  CHECK(body_of(*a, third) == "/3"); // without it there is no Content-Length
}

TEST_CASE_METHOD(forwarding, "bodies of many megabytes go there and back") {
  auto client = connect();
  std::string body(16 << 20, 'a');
  body.back() = 'z';
  auto number = ask(*client, 2, make_request("/x", http_verb::post, body));
  deliver();
  CHECK(asked()[0].request().body == body);
  answer(0, {.body = body});
  CHECK(body_of(*client, number) == body);
}

TEST_CASE_METHOD(forwarding, "a handler's extension reaches the client's "
                             "deadline") {
  auto client = connect();
  ask(*client, 2, "/x");
  deliver();
  asked()[0].extend_deadline(30s);
  deliver();
  CHECK(client->extended() == 30s);
}

TEST_CASE_METHOD(forwarding, "a client that goes away while its request waits "
                             "is gone at the leader") {
  auto client = connect();
  ask(*client, 2, "/x");
  deliver();
  CHECK(!client->waits_for_gone()); // who closes his half may still read
  asked()[0].extend_deadline(1s);
  deliver();
  int gone = 0;
  asked()[0].on_gone([&] { ++gone; });
  client->go();
  CHECK(at(2).forwarder->out() == 0);
  deliver();
  CHECK(gone == 1);
  CHECK(at(1).requests->in_progress() == 0);
  answer(0, {}); // nobody hears it
  CHECK(frames.empty());
}

TEST_CASE_METHOD(forwarding, "a handler that throws is 500") {
  auto served = std::make_shared<served_listeners>();
  (*served)[0].handler = [](http_request&, const http_exchange&) {
    throw std::runtime_error{"no"};
  };
  at(1).served = std::move(served);
  auto client = connect();
  auto number = ask(*client, 2, "/x");
  auto off = ask(*client, 2, "/x", http_verb::get, listener::consumer);
  deliver();
  CHECK(status_of(*client, number) == 500);
  CHECK(status_of(*client, off) == 404);
}

TEST_CASE_METHOD(forwarding, "what nobody answers is 503") {
  auto client = connect();
  auto number = ask(*client, 2, "/x");
  deliver();
  asked().clear();
  deliver();
  CHECK(status_of(*client, number) == 503);
}

// --- connections ------------------------------------------------------------

TEST_CASE_METHOD(forwarding,
                 "what a handler binds to a connection is there for its next "
                 "request, and for no other's") {
  auto a = connect();
  auto b = connect();
  ask(*a, 2, "/1");
  ask(*b, 2, "/2");
  ask(*a, 2, "/3");
  deliver();
  auto bound = std::make_shared<int>(1);
  asked()[0].request().connection->bound = bound;
  CHECK(asked()[1].request().connection->bound == nullptr);
  CHECK(asked()[2].request().connection->bound == bound);
  answer(0, {});
  answer(2, {});
  ask(*a, 2, "/4");
  deliver();
  CHECK(asked()[3].request().connection->bound == bound);
}

TEST_CASE_METHOD(forwarding, "a connection's end ends what is bound to it at "
                             "the leader") {
  auto client = connect();
  auto other = connect();
  ask(*client, 2, "/x");
  ask(*other, 2, "/x");
  deliver();
  auto bound = std::make_shared<int>(1);
  asked()[0].request().connection->bound = bound;
  answer(0, {});
  answer(1, {});
  asked().clear();
  std::weak_ptr<int> watched = std::exchange(bound, nullptr);
  CHECK_FALSE(watched.expired());
  CHECK(at(1).requests->clients() == 2);
  client.reset();
  deliver();
  CHECK(watched.expired());
  CHECK(at(1).requests->clients() == 1);
}

// --- answers that do not leave ----------------------------------------------

TEST_CASE_METHOD(forwarding, "the leader hears whether an answer left") {
  auto client = connect();
  int unsent = 0;
  auto ask_and_answer = [&] {
    auto number = ask(*client, 2, "/x");
    deliver();
    http_answer answer;
    answer.unsent = [&] { ++unsent; };
    this->answer(asked().size() - 1, std::move(answer));
    return number;
  };
  client->left(ask_and_answer());
  deliver();
  CHECK(unsent == 0);
  client->lose(ask_and_answer());
  CHECK(unsent == 0);
  deliver();
  CHECK(unsent == 1);
}

TEST_CASE_METHOD(forwarding, "an answer whose client has gone did not leave") {
  auto client = connect();
  ask(*client, 2, "/x");
  deliver();
  asked()[0].extend_deadline(1s);
  deliver();
  int unsent = 0;
  http_answer answer;
  answer.unsent = [&] { ++unsent; };
  SECTION("on its way") {
    asked()[0].answer(std::move(answer));
    client->go();
  }
  SECTION("not even written") {
    client->go();
    deliver();
    asked()[0].answer(std::move(answer));
  }
  deliver();
  CHECK(unsent == 1);
}

TEST_CASE_METHOD(forwarding, "an answer that meets a broken link did not "
                             "leave") {
  auto client = connect();
  ask(*client, 2, "/x");
  deliver();
  int unsent = 0;
  http_answer answer;
  answer.unsent = [&] { ++unsent; };
  cuts.insert({1, 2});
  asked()[0].answer(std::move(answer));
  run();
  CHECK(unsent == 1);
}

TEST_CASE_METHOD(forwarding, "of an answer that its node had when it was cut "
                             "off nobody knows whether it left") {
  auto client = connect();
  auto at_leader = [&](bool unsent_if_unknown, int& unsent) {
    auto number = ask(*client, 2, "/x");
    deliver();
    http_answer answer;
    answer.unsent = [&] { ++unsent; };
    answer.unsent_if_unknown = unsent_if_unknown;
    this->answer(asked().size() - 1, std::move(answer));
    return number;
  };
  int lease = 0;
  auto leased = at_leader(false, lease);
  int poll = 0;
  auto polled = at_leader(true, poll);
  CHECK(status_of(*client, leased) == 200); // it can be settled
  CHECK(status_of(*client, polled) == 200);
  cut(1, 2); // before the client's side confirms
  CHECK(lease == 0);
  CHECK(poll == 1);
}

// --- stopping ---------------------------------------------------------------

TEST_CASE_METHOD(forwarding, "who waits is told that its node stops, or the "
                             "leader's") {
  auto client = connect();
  ask(*client, 2, "/1");
  ask(*client, 3, "/2");
  deliver();
  std::vector<int> told;
  asked()[0].on_stopping([&] { told.push_back(0); });
  asked()[1].on_stopping([&] { told.push_back(1); });
  client->stop(); // the newest one's
  deliver();
  CHECK(told == std::vector{1});
  at(1).requests->stopping();
  CHECK(told == std::vector{1, 0});
  at(1).requests->stopping();
  CHECK(told.size() == 2);
}

} // namespace callboard::test::forwarding_test
