// Counters and positions of a group; the text of a parked link.
#include "actors/group_info.hpp"

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

} // namespace

group_info describe_group(const subscription& core) {
  group_info out;
  out.key = core.key();
  auto& row = core.row();
  out.settings = row.settings;
  out.created_order = row.id.value;
  out.checkpoint = std::int64_t(row.source_checkpoint.value) - 1;
  out.last_known = std::int64_t(core.end().value) - 1;
  out.retrying = core.retrying();
  out.in_flight = core.in_flight();
  out.parked = core.parked();
  out.ready = core.ready();
  out.settled = row.settled;
  out.replaying = core.replaying();
  out.live = core.ready() == 0;
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
