// What is left of forwarded requests when nodes, leaders and connections end.
#include "tests/support/forwarding_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::forwarding_ends_test {

using namespace std::chrono_literals;

TEST_CASE("a node that is gone leaves nothing behind at the leader") {
  forwarding_fixture all;
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto other = all.connect();
  all.ask(*client, 2, "/x");
  all.ask(*other, 3, "/x");
  all.deliver();
  auto bound = std::make_shared<int>(1);
  int gone = 0;
  all.at(1).asked[0].request().connection->bound = bound;
  all.at(1).asked[0].on_gone([&] { ++gone; });
  all.cut(1, 2);
  CHECK(gone == 1);
  CHECK(all.at(1).requests->in_progress() == 1);
  CHECK(all.at(1).requests->clients() == 1);
  all.at(1).asked.clear();
  all.run();
  CHECK(bound.use_count() == 1);
}

TEST_CASE("who asks the leader after a client that has gone is told") {
  forwarding_fixture all;
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  all.ask(*client, 2, "/x");
  all.deliver();
  all.at(1).asked[0].extend_deadline(1s);
  all.deliver();
  client->go();
  all.deliver();
  REQUIRE(all.at(1).requests->in_progress() == 0);
  int gone = 0;
  all.at(1).asked[0].on_gone([&] { ++gone; });
  all.run();
  CHECK(gone == 1);
}

TEST_CASE("a leader that leads no more forgets the clients of others") {
  forwarding_fixture all;
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  all.ask(*client, 2, "/x");
  all.deliver();
  CHECK(all.at(1).requests->clients() == 1);
  all.stop_leading(1);
  CHECK(all.at(1).requests->clients() == 0);
  all.deliver();
  CHECK(all.at(2).forwarder->out() == 0);
}

TEST_CASE("a connection that moves to another leader ends at the first") {
  forwarding_fixture all{
    [](auto& forwarder, auto&) { forwarder.verdict_wait_max = 5ms; }};
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto first = all.ask(*client, 2, "/x");
  all.deliver();
  all.lead(3);
  all.announce(3);
  all.ask(*client, 2, "/y");
  REQUIRE(all.eventually([&] { return status_of(*client, first) == 503; }));
  all.deliver();
  CHECK(all.at(1).requests->clients() == 0);
  CHECK(all.at(3).requests->clients() == 1);
  client.reset();
  all.at(1).asked.clear();
  all.at(3).asked.clear();
  all.deliver();
  CHECK(all.at(3).requests->clients() == 0);
}

TEST_CASE("a node that stops answers all that is left") {
  forwarding_fixture all{[](auto& forwarder, auto&) {
    forwarder.verdict_wait_max = 5ms;
    forwarder.stopping_wait_max = 5ms;
  }};
  all.lead(1);
  all.announce(1);
  auto client = all.connect();
  auto out = all.ask(*client, 2, "/out");
  all.announce(std::nullopt);
  auto waiting = all.ask(*client, 2, "/waiting");
  auto& forwarder = *all.at(2).forwarder;
  SECTION("at once") {
    forwarder.stop();
  }
  SECTION("when its listeners stop") {
    client->stop();
  }
  CHECK(
    all.eventually([&] { return try_again_because(*client, out, "unknown"); }));
  CHECK(all.eventually(
    [&] { return try_again_because(*client, waiting, "stopping"); }));
  forwarder.stop();
  auto late = all.ask(*client, 2, "/late");
  all.run();
  CHECK(try_again_because(*client, late, "stopping"));
}

} // namespace callboard::test::forwarding_ends_test
