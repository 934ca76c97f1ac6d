// Consumers of topics: registering, polling, committing, leaving, waiting.
#include "actors/core/limits.hpp"
#include "tests/support/consumers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>

namespace callboard::test::consumers_test {

using namespace std::chrono_literals;

namespace {

std::vector<std::string> data_of(const std::vector<received>& records) {
  std::vector<std::string> out;
  for (auto& one : records)
    out.push_back(one.data);
  return out;
}

std::set<std::uint64_t> partitions_of(const std::vector<received>& records) {
  std::set<std::uint64_t> out;
  for (auto& one : records)
    out.insert(one.partition);
  return out;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE(
  "a consumer gets what is there, in order, and commits by polling on") {
  world w;
  produce(w, "t", 0, {"1", "2", "3"}).value();
  CHECK(join(w, "c1")->outcome == join_outcome::joined);
  CHECK(data_of(take(w, "c1")) == lines{"1", "2", "3"});
  CHECK(take(w, "c1").empty());
  produce(w, "t", 0, {"4"}).value();
  auto next = take(w, "c1");
  REQUIRE(next.size() == 1);
  CHECK(next[0] == received{"t", 0, 3, "4"});
}

TEST_CASE("who is not registered gets nothing") {
  world w;
  CHECK(poll(w, "c1").error() == errc::not_found);
  CHECK(commit(w, "c1").error() == errc::not_found);
  CHECK(leave(w, "c1").error() == errc::not_found);
  CHECK_FALSE(
    *w.vt->ask<bool>(w.broker.members, touch_atom_v, consumer_key{"c1", {}}));
}

TEST_CASE("what was not committed comes again, to whoever polls next") {
  world w;
  produce(w, "t", 0, {"1", "2"}).value();
  join(w, "c1").value();
  CHECK(take(w, "c1").size() == 2);
  SECTION("to another member that takes over") {
    CHECK(*leave(w, "c1", false));
    join(w, "c2").value();
    CHECK(data_of(take(w, "c2")) == lines{"1", "2"});
  }
  SECTION("to the same one when it registered again") {
    CHECK(join(w, "c1")->outcome == join_outcome::already);
    CHECK(data_of(take(w, "c1")) == lines{"1", "2"});
  }
  SECTION("after a restart") {
    w.crash();
    CHECK(data_of(take(w, "c1")) == lines{"1", "2"});
  }
  SECTION("not after a commit") {
    CHECK(*commit(w, "c1"));
    w.crash();
    CHECK(take(w, "c1").empty());
  }
  SECTION("not after a goodbye") {
    CHECK(*leave(w, "c1"));
    join(w, "c2").value();
    CHECK(take(w, "c2").empty());
  }
}

TEST_CASE("a commit is on disk before it is answered") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  CHECK(take(w, "c1").size() == 1);
  w.log->at_once = false;
  CHECK_FALSE(w.vt
                ->try_ask<bool>(w.broker.members, commit_atom_v,
                                consumer_ref{{"c1", {}}, {}})
                .has_value());
  w.crash();
  CHECK(take(w, "c1").size() == 1);
}

TEST_CASE("a poll answers when what it commits is on disk") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  CHECK(take(w, "c1").size() == 1);
  w.log->at_once = false;
  CHECK_FALSE(w.vt
                ->try_ask<poll_reply_ptr>(w.broker.members, poll_atom_v,
                                          poll_request{{{"c1", {}}, {}}, {}, 0})
                .has_value());
}

TEST_CASE("a registration is on disk before it is answered") {
  world w;
  w.log->at_once = false;
  auto asked = [&] {
    return w.vt->try_ask<join_reply>(
      w.broker.members, join_atom_v,
      join_request{{"c1", {}}, "g", {"t"}, start_policy::latest});
  };
  CHECK_FALSE(asked().has_value());
  w.crash();
  CHECK(poll(w, "c1").error() == errc::not_found);
}

TEST_CASE("85: registrations and positions are in force after a restart") {
  world w;
  join(w, "c1").value();
  join(w, "c2").value();
  w.crash();
  for (auto p : {0, 1, 2, 3})
    produce(w, "t", std::uint64_t(p), {"x"}).value();
  CHECK(partitions_of(take(w, "c1")) == std::set<std::uint64_t>{0, 2});
  CHECK(partitions_of(take(w, "c2")) == std::set<std::uint64_t>{1, 3});
  CHECK(join(w, "c1")->outcome == join_outcome::already);
}

TEST_CASE("partitions move at once when a member comes or goes") {
  world w;
  auto everywhere = [&](std::string what) {
    for (auto p : {0, 1, 2, 3})
      produce(w, "t", std::uint64_t(p), {what}).value();
  };
  join(w, "c1").value();
  everywhere("1");
  CHECK(take(w, "c1").size() == 4);
  CHECK(*commit(w, "c1"));
  join(w, "c2").value();
  everywhere("2");
  CHECK(take(w, "c1").size() == 2);
  CHECK(take(w, "c2").size() == 2);
  CHECK(*leave(w, "c2"));
  everywhere("3");
  CHECK(take(w, "c1").size() == 4);
}

TEST_CASE("a member without partitions is told so") {
  world w;
  for (auto* id : {"a", "b", "c", "d", "e"})
    join(w, id).value();
  CHECK((*poll(w, "e"))->outcome == poll_outcome::idle);
  CHECK((*poll(w, "a"))->outcome == poll_outcome::delivered);
}

TEST_CASE("77: latest means: at registration, not at the first poll") {
  world w;
  produce(w, "t", 0, {"1", "2"}).value();
  join(w, "c1", {"t"}, start_policy::latest).value();
  produce(w, "t", 0, {"3"}).value();
  CHECK(data_of(take(w, "c1")) == lines{"3"});
}

TEST_CASE("7: a single record that was there before counts as later") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1", {"t"}, start_policy::latest).value();
  CHECK(data_of(take(w, "c1")) == lines{"1"});
}

TEST_CASE("a group that knows a topic goes on where it was") {
  world w;
  join(w, "c1", {"t"}, start_policy::latest).value();
  produce(w, "t", 0, {"1", "2"}).value();
  CHECK(*leave(w, "c1"));
  join(w, "c1", {"t"}, start_policy::latest).value();
  CHECK(data_of(take(w, "c1")) == lines{"1", "2"});
}

TEST_CASE("groups do not disturb each other") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  join(w, "c2", {"t"}, start_policy::earliest, "other").value();
  CHECK(take(w, "c1").size() == 1);
  CHECK(take(w, "c2").size() == 1);
}

TEST_CASE("one group more than a partition keeps ends the idlest, no other") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  auto& partition = w.broker.routes->partitions[0];
  auto ask = [&](const std::string& group) {
    return w.vt->ask<slice_reply_ptr>(
      partition, poll_atom_v, slice_poll{group, {7}, {}, {}, 1, 1, false});
  };
  for (std::size_t i = 1; i < limits::consumer_groups_max; ++i)
    REQUIRE(ask("g" + std::to_string(i)).has_value());
  CHECK(take(w, "c1").size() == 1);
  CHECK(ask("one more").has_value());
  CHECK(ask("g1").has_value()); // it comes back
  CHECK(take(w, "c1").empty()); // its group knows what was handed out
}

TEST_CASE("an answer has a bound, and the rest comes with the next poll") {
  world w;
  const std::string large(limits::poll_bytes_max / 4, 'x');
  produce(w, "t", 0, {large, large, large}).value();
  produce(w, "t", 1, {large, large}).value();
  join(w, "c1").value();
  std::vector<received> all;
  for (int polls = 0; polls < 20 && all.size() < 5; ++polls) {
    auto some = take(w, "c1");
    CHECK_FALSE(some.empty());
    std::size_t bytes = 0;
    for (auto& one : some)
      bytes += one.data.size();
    CHECK(bytes <= limits::poll_bytes_max);
    all.insert(all.end(), some.begin(), some.end());
  }
  CHECK(all.size() == 5);
}

TEST_CASE("a record larger than an answer's bound arrives whole") {
  world w;
  const std::string huge(limits::poll_bytes_max + 1, 'x');
  for (auto p : {0, 1, 2, 3})
    produce(w, "t", std::uint64_t(p), {huge, "small"}).value();
  join(w, "c1").value();
  std::map<std::uint64_t, lines> got;
  for (int polls = 0; polls < 20; ++polls)
    for (auto& one : take(w, "c1"))
      got[one.partition].push_back(one.data);
  CHECK(got.size() == 4);
  for (auto& [p, records] : got)
    CHECK(records == lines{huge, "small"});
}

TEST_CASE("cold records come from LMDB") {
  world w;
  produce(w, "t", 0, {"1", "2", "3"}).value();
  w.flush_store();
  w.crash();
  join(w, "c1").value();
  CHECK(data_of(take(w, "c1")) == lines{"1", "2", "3"});
}

TEST_CASE("records that retention has cut are passed over") {
  world w;
  produce(w, "t", 0, {"1", "2", "3"}).value();
  join(w, "c1").value();
  auto stream = topic_stream(w.node->placement, "t", {0});
  truncate(w, stream, 2);
  CHECK(data_of(take(w, "c1")) == lines{"3"});
}

TEST_CASE("who is silent for two minutes is not registered any more") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  join(w, "c2").value();
  CHECK(take(w, "c1").size() == 1);
  std::vector<received> got;
  for (int i = 0; i < 3; ++i) {
    w.vt->advance(50s);
    auto some = take(w, "c2");
    got.insert(got.end(), some.begin(), some.end());
  }
  CHECK(poll(w, "c1").error() == errc::not_found);
  // It had not committed, so who is left gets it again.
  CHECK(data_of(got) == lines{"1"});
}

TEST_CASE("silence ends while the broker is down, but not at once") {
  world w;
  join(w, "c1").value();
  w.crash();
  w.vt->advance(119s);
  CHECK(poll(w, "c1").has_value());
  w.vt->advance(121s);
  CHECK(poll(w, "c1").error() == errc::not_found);
}

TEST_CASE("a poll waits for what comes") {
  world w;
  join(w, "c1").value();
  caf::scoped_actor self{w.vt->sys};
  auto pending = self->request(w.broker.members, caf::infinite, poll_atom_v,
                               poll_request{{{"c1", {}}, {}}, 10s, 7});
  w.vt->run();
  CHECK(self->mailbox().empty());
  std::vector<received> got;
  auto receive = [&] {
    w.vt->run();
    REQUIRE_FALSE(self->mailbox().empty());
    pending.receive([&](poll_reply_ptr& x) { got = records_of(*x); },
                    [&](caf::error&) { FAIL("an error"); });
  };
  SECTION("and answers at once when it is there") {
    produce(w, "t", 2, {"1"}).value();
    receive();
    CHECK(data_of(got) == lines{"1"});
    CHECK(*commit(w, "c1"));
    CHECK(take(w, "c1").empty());
  }
  SECTION("and with nothing when the time is over") {
    w.vt->advance(9s);
    CHECK(self->mailbox().empty());
    w.vt->advance(2s);
    receive();
    CHECK(got.empty());
  }
  SECTION("and nobody gets what its client does not want any more") {
    caf::anon_send(w.broker.members, cancel_atom_v, consumer_key{"c1", {}},
                   std::uint64_t{7});
    receive();
    CHECK(got.empty());
    produce(w, "t", 2, {"1"}).value();
    CHECK(take(w, "c1").size() == 1);
  }
  SECTION("and answers when partitions come to it") {
    CHECK(commit(w, "c1").has_value());
    CHECK(self->mailbox().empty());
    CHECK(*leave(w, "c1"));
    w.vt->run();
    REQUIRE_FALSE(self->mailbox().empty());
    auto why = errc::none;
    pending.receive([](poll_reply_ptr&) {},
                    [&](caf::error& e) { why = to_errc(e); });
    CHECK(why == errc::not_found);
  }
}

TEST_CASE("when nothing can be recorded, nothing is promised or forgotten") {
  world w;
  produce(w, "t", 0, {"1", "2"}).value();
  join(w, "c1").value();
  CHECK(take(w, "c1").size() == 2);
  w.log->at_once = false;
  {
    caf::scoped_actor self{w.vt->sys};
    auto pending = self->request(w.broker.members, caf::infinite, commit_atom_v,
                                 consumer_ref{{"c1", {}}, {}});
    w.vt->run();
    w.log->fail(errc::storage_failed);
    w.vt->run();
    pending.receive(
      [](bool) { FAIL("committed"); },
      [](caf::error& why) { CHECK(to_errc(why) == errc::unavailable); });
  }
  w.log->at_once = true;
  CHECK(data_of(take(w, "c1")) == lines{"1", "2"});
  CHECK(*commit(w, "c1"));
  CHECK(take(w, "c1").empty());
}

TEST_CASE("a registration that was lost was never made") {
  world w;
  w.log->at_once = false;
  {
    caf::scoped_actor self{w.vt->sys};
    auto pending = self->request(
      w.broker.members, caf::infinite, join_atom_v,
      join_request{{"c1", {}}, "g", {"t"}, start_policy::earliest});
    w.vt->run();
    w.log->fail(errc::storage_failed);
    w.vt->run();
    pending.receive(
      [](join_reply&) { FAIL("registered"); },
      [](caf::error& why) { CHECK(to_errc(why) == errc::unavailable); });
  }
  w.log->at_once = true;
  CHECK(poll(w, "c1").error() == errc::not_found);
  CHECK(join(w, "c1")->outcome == join_outcome::joined);
}

} // namespace callboard::test::consumers_test
