// Counters and positions of a group; the text of a parked link.
#include "actors/group_info.hpp"

#include "actors/core/json_words.hpp"
#include "actors/core/stall_reasons.hpp"

#include <algorithm>

namespace callboard {

namespace {

std::string why_blocked(const subscription& core) {
  if (core.ready() == 0)
    return {};
  if (core.row().paused_until.value != 0)
    return "the group is paused";
  if (core.held_back())
    return "the group's breaker is open";
  if (core.blocked())
    for (auto& reason : stall_reasons(core, {}))
      if (reason.code == "in-flight-bound" || reason.code == "max-in-flight"
          || reason.code == "runs-bound")
        return reason.text;
  return {};
}

} // namespace

group_info describe_group(const subscription& core, event_number first_parked) {
  group_info out;
  auto& row = core.row();
  auto& settings = row.settings;
  out.key = core.key();
  out.settings = settings;
  out.created_order = row.id.value;
  // Where a group begins is not a checkpoint, and what lies before it is not
  // known to it.
  auto checkpoint = row.source_checkpoint;
  bool begun = row.settled + row.parked > 0 && checkpoint > row.began_at;
  if (begun)
    out.checkpoint = std::int64_t(checkpoint.value) - 1;
  if (begun || core.end() > checkpoint)
    out.last_known = std::int64_t(core.end().value) - 1;
  out.retrying = core.retrying();
  out.in_flight = core.in_flight();
  out.parked = core.parked(first_parked);
  out.ready = core.ready();
  out.settled = row.settled;
  // Event Store reads that many events into memory, and is live once nothing
  // is left to read.
  auto buffer = std::uint64_t(std::max(settings.buffer_size, 0));
  auto untouched = core.untouched(lane::source);
  auto replayed = core.untouched(lane::replay);
  out.read_buffer = std::min(untouched, buffer);
  out.retry_buffer = out.retrying + std::min(replayed, buffer);
  out.live = untouched <= buffer;
  out.replaying = replayed > buffer;
  out.extra_statistics = core.times().described();
  out.blocked = why_blocked(core);
  out.paused_until = row.paused_until;
  out.breaker = row.breaker;
  out.breaker_until = row.breaker_until;
  out.pause_reason = row.pause_reason;
  out.next_retry = core.next_due(delayed_kind::retry_due);
  return out;
}

new_event park_link(const uuid& id, const parked_event& what, wall_time wall) {
  new_event link;
  link.id = id;
  link.type = link_type;
  link.data = what.target;
  link.metadata = "{\n  \"added\": " + json_text(iso_time(wall))
                  + ",\n  \"reason\": " + json_text(what.reason);
  if (what.from.number.value > 0)
    link.metadata += ",\n  \"subscriptionEventNumber\": "
                     + std::to_string(what.from.number.value);
  link.metadata += "\n}";
  return link;
}

std::string parked_reason(const new_event& link) {
  constexpr std::string_view name = "\"reason\": ";
  auto at = link.metadata.find(name);
  return at == std::string::npos
           ? std::string{}
           : read_json_text(
               std::string_view{link.metadata}.substr(at + name.size()));
}

} // namespace callboard
