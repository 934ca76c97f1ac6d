// Consumers of topics that wait, or ask for several things at once.
#include "tests/support/consumers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

namespace callboard::test::consumers_waiting_test {

using namespace std::chrono_literals;

namespace {

poll_request wait_for(std::chrono::milliseconds wait,
                      std::uint64_t session = 1) {
  return {{{"c1", {}}, {}}, wait, session};
}

consumer_ref c1() {
  return {{"c1", {}}, {}};
}

using asked_poll = asked<poll_reply_ptr>;

std::size_t records(asked_poll& of) {
  REQUIRE(of.answer().has_value());
  return records_of(*of.answer()->value()).size();
}

void delete_part(world& w, std::uint64_t p) {
  auto stream = topic_stream(w.node->placement, "t", {p});
  w.vt
    ->ask<append_reply>(w.broker.routes->partitions[p], delete_atom_v,
                        delete_request{stream, expected_version::any, true})
    .value();
}

/// Turns of actors until somebody has joined a group of so many others.
std::size_t turns_of_a_join(std::size_t others) {
  world w;
  for (std::size_t i = 0; i < others; ++i)
    join(w, "c" + std::to_string(i)).value();
  caf::anon_send(w.broker.members, join_atom_v,
                 join_request{{"last", {}}, "g", {"t"}, {}});
  return w.vt->run();
}

} // namespace

TEST_CASE("who reads nothing hears nothing of others who come") {
  // Four partitions: in both groups four of the others read something.
  CHECK(turns_of_a_join(60) <= turns_of_a_join(6) + 6);
  world w{0, 1};
  produce(w, "t", 0, {"1"}).value();
  join(w, "b").value();
  CHECK(take(w, "b").size() == 1);
  join(w, "a").value(); // reads what b did
  join(w, "c").value();
  CHECK(take(w, "a").size() == 1);
  // What he knows of the group is old; he can still commit.
  CHECK((*poll(w, "b"))->outcome == poll_outcome::idle);
}

TEST_CASE("nothing stands behind a poll that waits") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  CHECK(take(w, "c1").size() == 1);
  w.log->at_once = false;
  asked_poll polled{*w.vt, w.broker.members, poll_atom_v, wait_for(60s)};
  CHECK_FALSE(polled.answer().has_value()); // what it commits is not on disk
  auto flush = [&] {
    w.log->at_once = true;
    w.log->flush();
    w.vt->run();
  };
  SECTION("not a goodbye, which others wait for") {
    asked<bool> leaving{*w.vt, w.broker.members, leave_atom_v, c1(), true};
    flush();
    CHECK(records(polled) == 0);
    CHECK(leaving.answer().has_value());
    CHECK(join(w, "c2").has_value());
  }
  SECTION("nor a commit") {
    asked<bool> committing{*w.vt, w.broker.members, commit_atom_v, c1()};
    flush();
    CHECK(records(polled) == 0);
    CHECK(committing.answer().has_value());
  }
}

TEST_CASE("a poll waits though parts of its topic are gone for ever") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  delete_part(w, 0);
  join(w, "c1").value();
  asked_poll polled{*w.vt, w.broker.members, poll_atom_v, wait_for(10s)};
  CHECK_FALSE(polled.answer().has_value());
  SECTION("for the others") {
    produce(w, "t", 1, {"1"}).value();
    CHECK(records(polled) == 1);
  }
  SECTION("until its time is over, if all are") {
    for (auto p : {1, 2, 3})
      delete_part(w, std::uint64_t(p)); // while it waits
    w.vt->advance(9s);
    CHECK_FALSE(polled.answer().has_value());
    w.vt->advance(2s);
    CHECK(records(polled) == 0);
  }
}

TEST_CASE("a large record comes, however busy another topic is") {
  world w;
  const std::string large(700'000, 'x'); // more than a partition's share
  join(w, "c1", {"a", "b"}).value();
  std::set<std::string> got;
  produce(w, "a", 0, {large}).value();
  produce(w, "b", 1, {large}).value();
  for (int polls = 0; polls < 8; ++polls) {
    produce(w, "b", 0, {"small"}).value();
    produce(w, "a", 1, {"small"}).value();
    for (auto& one : take(w, "c1"))
      if (one.data == large)
        got.insert(one.topic);
  }
  CHECK(got == std::set<std::string>{"a", "b"});
}

TEST_CASE("what was asked before an answer left does not commit it") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  caf::scoped_actor client{w.vt->sys};
  auto first = client->request(w.broker.members, caf::infinite, poll_atom_v,
                               wait_for(0s, 1));
  auto fail = [](caf::error&) { FAIL("an error"); };
  auto receive_first = [&] {
    w.vt->run();
    first.receive(
      [](poll_reply_ptr& reply) { CHECK(records_of(*reply).size() == 1); },
      fail);
  };
  SECTION("a poll comes again, also if that answer got lost") {
    auto second = client->request(w.broker.members, caf::infinite, poll_atom_v,
                                  wait_for(0s, 2));
    receive_first();
    second.receive(
      [](poll_reply_ptr& reply) {
        CHECK(reply->chunks.empty());
        CHECK(reply->outcome == poll_outcome::outdated);
      },
      fail);
    SECTION("got lost") {
      caf::anon_send(w.broker.members, cancel_atom_v, consumer_key{"c1", {}},
                     std::uint64_t{1});
      CHECK(take(w, "c1").size() == 1);
    }
    SECTION("arrived") {
      CHECK(take(w, "c1").empty());
    }
  }
  SECTION("a commit is about what was there before") {
    auto second =
      client->request(w.broker.members, caf::infinite, commit_atom_v, c1());
    receive_first();
    second.receive([](bool done) { CHECK(done); }, fail);
    join(w, "c1").value(); // another reader: it gets what is not committed
    CHECK(take(w, "c1").size() == 1);
  }
}

TEST_CASE("who waits for an answer is not silent, but is from then on") {
  world w;
  join(w, "c1").value();
  asked_poll polled{*w.vt, w.broker.members, poll_atom_v, wait_for(300s)};
  w.vt->advance(250s);
  CHECK_FALSE(polled.answer().has_value());
  produce(w, "t", 0, {"1"}).value();
  CHECK(records(polled) == 1);
  SECTION("not yet") {
    w.vt->advance(119s);
    CHECK(poll(w, "c1").has_value());
  }
  SECTION("for too long") {
    w.vt->advance(121s);
    CHECK(poll(w, "c1").error() == errc::not_found);
  }
}

TEST_CASE("who waits is answered when the broker's actors end") {
  world w;
  join(w, "c1").value();
  asked_poll polled{*w.vt, w.broker.members, poll_atom_v, wait_for(60s)};
  CHECK_FALSE(polled.answer().has_value());
  caf::anon_send_exit(w.broker.members, caf::exit_reason::user_shutdown);
  REQUIRE(polled.answer().has_value());
  CHECK(polled.answer()->error() == errc::unavailable);
}

} // namespace callboard::test::consumers_waiting_test
