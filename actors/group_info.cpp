// Counters and positions of a group; the text of a parked link.
#include "actors/group_info.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace callboard {

namespace {

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text)
    if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", unsigned(c));
      out += escaped;
    } else
      out.push_back(c);
  return out + '"';
}

std::string iso_time(wall_time at) {
  auto seconds = std::time_t(at.value / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03u+00:00",
                unsigned(at.value % 1000));
  return text;
}

std::string why_blocked(const subscription& core) {
  if (!core.blocked() || core.ready() == 0)
    return {};
  if (core.in_flight() >= limits::in_flight_max)
    return std::to_string(limits::in_flight_max)
           + " events are in flight, as many as a group may have: nothing more "
             "is delivered before some are settled";
  return "more than " + std::to_string(limits::runs_max)
         + " separate runs of events are settled, leased or waiting for a "
           "retry: nothing more is delivered before the oldest are settled";
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
  bool begun = row.settled + row.parked > 0
               && std::int64_t(checkpoint.value) != settings.start_from;
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

} // namespace callboard
