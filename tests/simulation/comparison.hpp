// A group's core and its reference, side by side.
#pragma once

#include "actors/core/explaining.hpp"
#include "tests/simulation/reference_group.hpp"
#include "tests/simulation/simulated_partition.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace callboard::test {

inline void check_state(const subscription& core, const reference_group& model,
                        const position& at, const reference_group::life& its,
                        wall_time now) {
  using state = reference_group::state;
  auto is = core.at(at);
  switch (its.is) {
    case state::ready:
      REQUIRE(is.standing == event_standing::ready);
      REQUIRE(is.attempts == 0);
      break;
    case state::leased:
      REQUIRE(is.standing == event_standing::leased);
      REQUIRE(is.attempts == its.attempts);
      REQUIRE(is.lease->token.lease == its.lease);
      REQUIRE(is.lease->until == model.leases.at(its.lease).until);
      REQUIRE(is.lease->extensions == model.leases.at(its.lease).extensions);
      REQUIRE(is.lease->holder.name == model.leases.at(its.lease).holder);
      break;
    case state::retry:
      REQUIRE((is.standing == event_standing::waiting
               || (is.standing == event_standing::ready && its.due <= now)));
      REQUIRE(is.attempts == its.attempts);
      break;
    case state::kept: REQUIRE(is.standing == event_standing::parked); break;
    case state::settled:
    case state::parked: REQUIRE(is.standing == event_standing::settled); break;
  }
}

/// At every moment, whether it is on disk or not.
inline void check_states(const subscription& core, const reference_group& model,
                         wall_time now) {
  REQUIRE(core.in_flight() == model.in_flight());
  REQUIRE(core.row().breaker == model.breaker);
  REQUIRE(core.row().paused_until == model.paused_until);
  REQUIRE(core.parked_end() == model.parked_end);
  REQUIRE(core.end().value
          == core.row().settled + core.parked() + core.in_flight()
               + core.waiting() + core.ready());
  for (auto& [at, its] : model.lives) {
    INFO((at.in == lane::source ? "event " : "replay of ") << at.number.value);
    check_state(core, model, at, its, now);
  }
}

/// Of every event of the stream, all of whose records are on disk.
inline void compare_traces(const subscription& core,
                           const reference_group& model,
                           const stored_rows& stored) {
  history_reader read =
    [&](lane in, event_number first,
        event_number end) -> result<std::vector<history_row>> {
    std::vector<history_row> out;
    for (auto& [at, row] : stored.history)
      if (row.in == in && row.first >= first && row.first < end)
        out.push_back(row);
    return out;
  };
  for (event_number n; n < core.end(); n = n + 1) {
    INFO("event " << n.value);
    explanation told;
    follow(core, {lane::source, n}, read, told);
    auto [steps, at] = model.trace_of(n);
    std::vector<std::string> said;
    for (auto& row : told.history)
      said.push_back(trace_step{row.lease, row.attempt, row.extensions,
                                row.outcome, row.delay_ms, row.words,
                                row.holder.name}
                       .text());
    REQUIRE(said == steps);
    // Of what its stream lost before it was delivered nothing is known.
    auto its = model.lives.find({lane::source, n});
    bool lost = its != model.lives.end() && its->second.trace.empty()
                && its->second.is == reference_group::state::settled;
    REQUIRE(told.cut == lost);
    REQUIRE(position{told.in, told.number} == at);
  }
}

} // namespace callboard::test
