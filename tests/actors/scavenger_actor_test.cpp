// Space that was cut is given back in the background; one scavenge at a time.
#include "tests/support/world.hpp"

#include <caf/send.hpp>
#include <catch2/catch_test_macros.hpp>

namespace callboard::test::scavenger_actor_test {

namespace {

const auto first = world::id(1);
const auto second = world::id(2);

result<scavenge_status> told(world& w, scavenge_verb verb,
                             std::optional<uuid> id = {}) {
  return w.vt->ask<scavenge_status>(w.broker.scavenger, scavenge_atom_v,
                                    scavenge_command{verb, id});
}

/// Begins a scavenge, and lets nothing run.
void begin(world& w, const uuid& id) {
  caf::anon_send(w.broker.scavenger, scavenge_atom_v,
                 scavenge_command{scavenge_verb::start, id});
}

} // namespace

TEST_CASE("a scavenge erases what was cut, and says that it is done") {
  world w;
  w.publish("s", 50);
  w.flush_store();
  auto row = w.node->db->stream(w.node->placement.home_of("s"), "s").value();
  auto at_first = [&] {
    return w.node->db
      ->read(w.node->placement.home_of("s"), row->id, {0}, 1, 1'000'000)
      .value();
  };
  CHECK(w.vt
          ->ask<append_reply>(w.partition_of("s"), delete_atom_v,
                              delete_request{"s", expected_version::any, true})
          .value()
          .error
        == errc::none);
  CHECK(told(w, scavenge_verb::start, first)->running == first);
  auto after = told(w, scavenge_verb::status).value();
  CHECK_FALSE(after.running);
  CHECK(after.last == first);
  CHECK(after.outcome == scavenge_outcome::success);
  w.crash(); // nothing is in memory any more
  CHECK(at_first().empty());
}

TEST_CASE("one scavenge runs at a time") {
  world w;
  begin(w, first);
  CHECK(told(w, scavenge_verb::start, second).error() == errc::already_exists);
  CHECK(told(w, scavenge_verb::start, second)->running == second);
}

TEST_CASE("a scavenge is stopped by its id, or whatever runs") {
  world w;
  CHECK(told(w, scavenge_verb::stop).error() == errc::not_found);
  begin(w, first);
  CHECK(told(w, scavenge_verb::stop, second).error() == errc::not_found);
  begin(w, second);
  CHECK(told(w, scavenge_verb::stop, second)->last == second);
  begin(w, first);
  auto stopped = told(w, scavenge_verb::stop).value();
  CHECK(stopped.last == first);
  CHECK(stopped.outcome == scavenge_outcome::stopped);
  CHECK_FALSE(stopped.running);
}

} // namespace callboard::test::scavenger_actor_test
