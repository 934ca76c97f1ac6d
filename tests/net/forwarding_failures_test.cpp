// Requests to a node that does not lead, while leaders come and go.
#include "tests/support/forwarding_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace callboard::test::forwarding_failures_test {

using namespace std::chrono_literals;

namespace {

constexpr auto get = http_verb::get;
constexpr auto head = http_verb::head;
constexpr auto post = http_verb::post;

std::string targets(const std::vector<http_exchange>& of) {
  std::string out;
  for (auto& each : of)
    out += each.request().target();
  return out;
}

/// What waits must not wait long.
forwarding_fixture impatient() {
  return forwarding_fixture{[](auto& forwarder, auto&) {
    forwarder.leader_wait_max = 30ms;
    forwarder.retry_interval = 5ms;
    forwarder.answer_wait_max = 60ms;
  }};
}

} // namespace

// --- waiting for a leader ---------------------------------------------------

TEST_CASE("requests wait for a leader, and reach it in their order") {
  forwarding_fixture all;
  auto a = all.connect();
  auto b = all.connect();
  all.ask(*a, 2, "/1");
  all.ask(*b, 2, "/2");
  all.ask(*a, 2, "/3");
  CHECK(all.at(2).forwarder->waiting() == 3);
  CHECK(all.frames.empty());
  all.lead(3);
  all.announce(3);
  all.deliver();
  CHECK(targets(all.at(3).asked) == "/1/2/3");
}

TEST_CASE("who waits too long for a leader hears that nothing was done") {
  auto all = impatient();
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x");
  REQUIRE(all.eventually([&] { return status_of(*client, number) != 0; }));
  CHECK(try_again_because(*client, number, "No leader"));
  CHECK(all.at(2).forwarder->waiting() == 0);
  CHECK(all.frames.empty());
}

TEST_CASE("a client that goes before its request is with a leader is noticed "
          "once that lets it wait") {
  forwarding_fixture all;
  auto client = all.connect();
  all.ask(*client, 2, "/x");
  CHECK(!client->waits_for_gone()); // it may have closed its half only
  all.lead(1);
  all.announce(1);
  all.deliver();
  all.at(1).asked[0].extend_deadline(1s);
  all.deliver();
  client->go();
  all.deliver();
  CHECK(all.at(1).requests->in_progress() == 0);
}

TEST_CASE("a leader that takes nothing is offered it again, until it is late") {
  auto all = impatient();
  all.lead(1);
  all.announce(1);
  all.cuts.insert({2, 1});
  auto client = all.connect();
  auto late = all.ask(*client, 2, "/late");
  REQUIRE(all.eventually([&] { return status_of(*client, late) != 0; }));
  CHECK(try_again_because(*client, late, "cannot be reached"));
  all.ask(*client, 2, "/again");
  all.cuts.clear();
  REQUIRE(all.eventually([&] { return !all.frames.empty(); }));
  all.deliver();
  CHECK(targets(all.at(1).asked) == "/again");
}

TEST_CASE("what a node did not serve goes to the next leader, whatever it is") {
  forwarding_fixture all;
  all.announce(1); // it does not know yet, or no more
  auto client = all.connect();
  for (auto target : {"/1", "/2"})
    all.ask(*client, 2, target, post);
  all.deliver();
  CHECK(all.at(2).forwarder->waiting() == 2);
  CHECK(all.at(1).requests->in_progress() == 0);
  all.lead(3);
  all.announce(3);
  all.deliver();
  CHECK(targets(all.at(3).asked) == "/1/2");
}

TEST_CASE("a node that does not serve yet is asked again, now and then") {
  forwarding_fixture all{
    [](auto& forwarder, auto&) { forwarder.retry_interval = 20ms; }};
  all.announce(1);
  auto client = all.connect();
  all.ask(*client, 2, "/x");
  all.deliver();
  CHECK(all.frames.empty()); // not at once
  all.lead(1);
  REQUIRE(all.eventually([&] { return !all.frames.empty(); }));
  all.deliver();
  CHECK(targets(all.at(1).asked) == "/x");
}

TEST_CASE("a node that comes to lead serves what waits there itself") {
  std::string served;
  forwarding_fixture all{[&](auto& forwarder, auto&) {
    forwarder.serve_here = [&](listener, http_request& request,
                               const http_exchange& exchange) {
      served += request.target();
      exchange.answer({.body = "here"});
    };
  }};
  auto client = all.connect();
  all.ask(*client, 2, "/1");
  auto number = all.ask(*client, 2, "/2");
  all.announce(2);
  all.run();
  CHECK(served == "/1/2");
  CHECK(body_of(*client, number) == "here");
  CHECK(all.frames.empty());
}

// --- order ------------------------------------------------------------------

TEST_CASE("a later request is not served before an earlier one that was not") {
  forwarding_fixture all;
  all.announce(1);
  auto client = all.connect();
  for (auto target : {"/1", "/2", "/3"})
    all.ask(*client, 2, target);
  all.deliver_one(); // "/1", which is not served
  all.lead(1);
  all.deliver();
  CHECK(all.at(1).asked.empty());
  all.ask(*client, 2, "/4");
  all.announce(1);
  all.deliver();
  CHECK(targets(all.at(1).asked) == "/1/2/3/4");
}

TEST_CASE("what was sent behind a refused request goes again with it") {
  forwarding_fixture all;
  all.announce(1);
  auto client = all.connect();
  for (auto target : {"/1", "/2"})
    all.ask(*client, 2, target);
  all.deliver_one();      // "/1", which is not served
  all.deliver_of_link(1); // its answer is faster than "/2"
  all.lead(1);
  all.announce(1);
  all.ask(*client, 2, "/3");
  all.deliver();
  CHECK(targets(all.at(1).asked) == "/1/2/3");
}

// --- unknown outcomes -------------------------------------------------------

TEST_CASE("what is out when the leader changes is unknown, unless it changes "
          "nothing") {
  forwarding_fixture all{
    [](auto& forwarder, auto&) { forwarder.verdict_wait_max = 5ms; }};
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto written = all.ask(*client, 2, "/streams/a", post);
  auto leased = all.ask(*client, 2, "/%73ubscriptions/a/b", get);
  auto polled = all.ask(*client, 2, "/status", get, listener::consumer);
  auto read = all.ask(*client, 2, "/streams/a", get);
  auto looked = all.ask(*client, 2, "/streams/b", head);
  all.deliver();
  CHECK(all.at(1).requests->in_progress() == 5);
  SECTION("it is another one") {}
  SECTION("nobody knows who it is") {
    all.announce(std::nullopt);
  }
  SECTION("the link to it breaks") {
    all.cut(1, 2);
  }
  SECTION("it says so itself") {
    all.stop_leading(1);
    all.deliver();
  }
  all.lead(3);
  all.announce(3);
  for (auto number : {written, leased, polled})
    CHECK(all.eventually(
      [&] { return try_again_because(*client, number, "unknown"); }));
  CHECK(body_of(*client, written).ends_with("with the same event ids."));
  CHECK(body_of(*client, polled).ends_with("unknown. Try again."));
  all.deliver();
  CHECK(targets(all.at(3).asked) == "/streams/a/streams/b");
  CHECK(all.at(3).asked[1].request().method == head);
  CHECK(all.at(1).requests->in_progress() == 0); // it was cancelled
  for (auto& each : all.at(3).asked)
    each.answer({.body = "new"});
  all.deliver();
  CHECK(body_of(*client, read) == "new");
  CHECK(body_of(*client, looked) == "new");
}

TEST_CASE("a leader that is one no more may still say what it did") {
  forwarding_fixture all;
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto done = all.ask(*client, 2, "/streams/a", post);
  auto undone = all.ask(*client, 2, "/streams/b", post);
  all.deliver();
  all.lead(3);
  all.announce(3);
  auto later = all.ask(*client, 2, "/streams/c", post);
  all.deliver();
  CHECK(all.at(3).asked.empty()); // what came before it may have to come again
  all.at(1).asked[0].answer({.body = "done"});
  all.run();
  all.stop_leading(1); // it does not know what became of the other
  all.deliver();
  CHECK(body_of(*client, done) == "done");
  CHECK(try_again_because(*client, undone, "unknown"));
  CHECK(targets(all.at(3).asked) == "/streams/c");
  all.at(3).asked[0].answer({.body = "later"});
  all.deliver();
  CHECK(body_of(*client, later) == "later");
}

TEST_CASE("an answer of an earlier leader is not taken for that of the next") {
  forwarding_fixture all;
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x", get);
  all.deliver();
  int unsent = 0;
  http_answer old{.body = "old"};
  old.unsent = [&] { ++unsent; };
  all.at(1).asked[0].answer(std::move(old));
  all.run();
  all.lead(3);
  all.at(2).forwarder->leader_changed(3);
  all.deliver();
  CHECK(status_of(*client, number) == 0);
  CHECK(unsent == 1);
  all.at(3).asked[0].answer({.body = "new"});
  all.deliver();
  CHECK(body_of(*client, number) == "new");
}

TEST_CASE("only what is out at a node is lost with it") {
  forwarding_fixture all;
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x");
  all.deliver();
  all.cut(2, 3);
  all.cut(1, 3);
  CHECK(status_of(*client, number) == 0);
  all.at(1).asked[0].answer({});
  all.deliver();
  CHECK(status_of(*client, number) == 200);
}

TEST_CASE("a leader that never answers is given up") {
  auto all = impatient();
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x");
  all.deliver();
  REQUIRE(all.eventually([&] { return status_of(*client, number) != 0; }));
  CHECK(try_again_because(*client, number, "did not answer"));
  all.deliver();
  CHECK(all.at(1).requests->in_progress() == 0);
}

TEST_CASE("a leader that extends a request's time is not given up") {
  auto all = impatient();
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto extended = all.ask(*client, 2, "/long");
  auto late = all.ask(*client, 2, "/short");
  all.deliver();
  all.at(1).asked[0].extend_deadline(1min);
  all.deliver();
  REQUIRE(all.eventually([&] { return status_of(*client, late) != 0; }));
  CHECK(status_of(*client, extended) == 0);
}

TEST_CASE("what is out does not wait for a leader any more") {
  forwarding_fixture all{[](auto& forwarder, auto&) {
    forwarder.leader_wait_max = 20ms;
    forwarder.retry_interval = 5ms;
  }};
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto out = all.ask(*client, 2, "/out");
  all.deliver();
  all.cuts.insert({2, 1});
  auto late = all.ask(*client, 2, "/late");
  REQUIRE(all.eventually([&] { return status_of(*client, late) != 0; }));
  CHECK(status_of(*client, out) == 0);
}

TEST_CASE("a read that waits again does so no longer than others") {
  forwarding_fixture all{[](auto& forwarder, auto&) {
    forwarder.leader_wait_max = 20ms;
    forwarder.retry_interval = 5ms;
  }};
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x", get);
  all.deliver();
  all.announce(std::nullopt);
  all.run();
  CHECK(status_of(*client, number) == 0);
  REQUIRE(all.eventually([&] { return status_of(*client, number) != 0; }));
  CHECK(try_again_because(*client, number, "No leader"));
}

} // namespace callboard::test::forwarding_failures_test
