// A slice a message, so that a stop gets in between.
#include "actors/scavenger_actor.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace callboard {

caf::result<scavenge_status>
scavenger_state::command(const scavenge_command& what) {
  auto& running = status.running;
  switch (what.verb) {
    case scavenge_verb::start:
      if (running)
        return caf::make_error(errc::already_exists);
      running = what.id;
      flushed = false;
      spdlog::info("scavenge started id={}", to_string(*running));
      self->send(self, tick_atom_v);
      break;
    case scavenge_verb::stop: {
      if (!running || (what.id && *what.id != *running))
        return caf::make_error(errc::not_found);
      end(scavenge_outcome::stopped);
      break;
    }
    case scavenge_verb::status: break;
  }
  return status;
}

void scavenger_state::next_slice() {
  if (!status.running)
    return; // stopped
  if (!std::exchange(flushed, true)) {
    if (auto done = node->db->begin_scavenge(); !done)
      return end(scavenge_outcome::errored);
    return self->send(self, tick_atom_v);
  }
  auto more = node->db->scavenge_slice();
  if (!more)
    return end(scavenge_outcome::errored);
  if (!*more)
    return end(scavenge_outcome::success);
  self->send(self, tick_atom_v);
}

void scavenger_state::end(scavenge_outcome outcome) {
  status.last = std::exchange(status.running, std::nullopt);
  status.outcome = outcome;
  if (outcome == scavenge_outcome::errored)
    spdlog::error("scavenge failed id={} error={}", to_string(*status.last),
                  to_string(node->db->refusal()));
  else
    spdlog::info("scavenge {} id={}",
                 outcome == scavenge_outcome::stopped ? "stopped" : "done",
                 to_string(*status.last));
}

scavenger_actor::behavior_type
scavenger_behavior(scavenger_actor::stateful_pointer<scavenger_state> self,
                   node_ptr node) {
  auto& state = self->state;
  state.self = self;
  state.node = std::move(node);
  return {
    [&](scavenge_atom, const scavenge_command& x) { return state.command(x); },
    [&](tick_atom) { state.next_slice(); }};
}

} // namespace callboard
