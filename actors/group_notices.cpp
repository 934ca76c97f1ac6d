// What `$callboard-events` is told of a group, in the record of what happened.
#include "actors/core/json_words.hpp"
#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_actor.hpp"

#include <caf/send.hpp>

#include <string>
#include <utility>

namespace callboard {

namespace {

std::string member(std::string_view name, std::string_view text) {
  return ",\"" + std::string{name} + "\":" + json_text(text);
}

std::string member(std::string_view name, std::uint64_t number) {
  return ",\"" + std::string{name} + "\":" + std::to_string(number);
}

std::string members_of(const parked_event& what) {
  std::string out = member("event", what.target);
  if (!what.id.is_zero())
    out += member("eventId", to_string(what.id));
  out += member("attempts", what.attempts);
  if (what.from.in == lane::replay)
    out += ",\"again\":true"; // it was replayed, and did not help
  return out + member("reason", clipped(what.reason, limits::words_bytes_max));
}

} // namespace

void group_state::remember_standing() {
  told_pause = core->row().paused_until;
  told_breaker = core->row().breaker;
}

/// `members`: each with a comma before it.
void group_state::tell(std::string type, const std::string& members) {
  if (key.stream == events_stream)
    return; // else what is told would be parked, and told, without an end
  to_tell.push_back({std::move(type), "{\"stream\":" + json_text(key.stream)
                                        + member("group", key.group)
                                        + member("at", iso_time(node->wall()))
                                        + members + "}"});
}

/// What a decision comes to, and what was to be told with it.
std::vector<notice> group_state::happened(const group_effects& todo) {
  for (auto& one : todo.parked)
    tell("event-parked", members_of(one));
  auto& row = core->row();
  auto why = [&] { return member("reason", row.pause_reason); };
  if (row.paused_until != std::exchange(told_pause, row.paused_until)) {
    if (row.paused_until.value == 0)
      tell("group-resumed", {});
    else
      tell("group-paused",
           member("until", iso_time(wall_of(row.paused_until))) + why());
  }
  if (row.breaker != std::exchange(told_breaker, row.breaker)) {
    if (row.breaker == breaker_state::open)
      tell("breaker-tripped",
           member("until", iso_time(wall_of(row.breaker_until))) + why());
    else if (row.breaker == breaker_state::closed)
      tell("breaker-closed", {});
  }
  return std::exchange(to_tell, {});
}

void group_state::tell_discarded(std::uint64_t events, std::string_view words) {
  tell("parked-discarded",
       member("events", events)
         + member("reason", clipped(words, limits::words_bytes_max)));
}

void group_state::tell_replay_stopped(const parked_job& job) {
  tell("replay-stopped",
       member("replayed", job.chosen) + member("failed", job.failed));
}

/// Not with `record`: this actor gives up, and need not hear what came of it.
void group_state::tell_stalled(std::string_view code) {
  tell("group-stalled", member("code", code) + member("ready", core->ready())
                          + member("waiting", polls.size())
                          + member("inFlight", core->in_flight()));
  proposal what;
  what.notices = std::exchange(to_tell, {});
  what.wait = false;
  caf::anon_send(partition, propose_atom_v, std::move(what));
}

} // namespace callboard
