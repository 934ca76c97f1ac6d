// Consumers of topics when things happen in the middle of others.
#include "tests/support/consumers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

namespace callboard::test::consumer_failures_test {

TEST_CASE("what is given back while more is being read comes again") {
  world w;
  produce(w, "t", 0, {"1", "2"}).value();
  w.flush_store();
  w.crash(); // a reader has to be asked
  auto partition = w.broker.routes->partitions[0];
  auto stream = topic_stream(w.node->placement, "t", {0});
  open_reading(w, stream);
  slice_poll what{"g", {7}, {}, {stream}, 1'000, 10, true};
  caf::scoped_actor self{w.vt->sys};
  auto pending = self->request(partition, caf::infinite, poll_atom_v, what);
  caf::anon_send(partition, release_atom_v, group_reader{"g", {7}});
  w.vt->run();
  pending.receive(
    [](slice_reply_ptr& reply) { CHECK(reply->chunks.size() == 1); },
    [](caf::error&) { FAIL("an error"); });
  auto again = w.vt->ask<slice_reply_ptr>(partition, poll_atom_v, what).value();
  CHECK(again->chunks.size() == 1);
}

TEST_CASE("a consumer whose actor failed is served again") {
  world w;
  produce(w, "t", 0, {"1"}).value();
  join(w, "c1").value();
  auto clock = w.node->now;
  int asked = 0;
  w.node->now = [&] {
    if (++asked == 2) // the first one asks for the sign of life
      throw std::runtime_error("planted");
    return clock();
  };
  CHECK(poll(w, "c1").error() == errc::unavailable);
  w.node->now = clock;
  auto got = take(w, "c1");
  REQUIRE(got.size() == 1);
  CHECK(got[0].data == "1");
}

TEST_CASE("a poll is answered though its actor fails when all have answered") {
  world w;
  join(w, "c1").value();
  auto clock = w.node->now;
  int asked = 0;
  w.node->now = [&] {
    if (++asked == 3) // whether there is time left to wait
      throw std::runtime_error("planted");
    return clock();
  };
  CHECK(poll(w, "c1").error() == errc::unavailable);
  w.node->now = clock;
  CHECK(poll(w, "c1").has_value());
}

TEST_CASE("actors that end take what they counted with them: the node may lead "
          "again") {
  world w;
  auto& counts = w.node->counts;
  auto& ends = counts.delayed_pending[std::size_t(delayed_class::session_end)];
  for (auto* id : {"c1", "c2"})
    join(w, id).value();
  CHECK(counts.consumers_registered == 2);
  CHECK(ends == 2);
  caf::anon_send_exit(w.broker.members, caf::exit_reason::user_shutdown);
  for (auto& partition : w.broker.routes->partitions)
    caf::anon_send_exit(partition, caf::exit_reason::user_shutdown);
  w.vt->run();
  CHECK(counts.consumers_registered == 0);
  CHECK(ends == 0);
}

} // namespace callboard::test::consumer_failures_test
