// Members in the order in which people read them.
#include "net/delayed_json.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/scheduled.hpp"
#include "net/delayed_names.hpp"
#include "net/json_layout.hpp"
#include "net/json_text.hpp"
#include "net/lean_events.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <utility>

namespace callboard {

namespace {

using nlohmann::ordered_json;

/// Nothing for what is not JSON, or nested too deep to be laid out.
std::optional<ordered_json> json_of(const std::string& bytes) {
  if (json_depth(bytes) <= limits::json_depth_max)
    if (auto out = ordered_json::parse(bytes, nullptr, false);
        !out.is_discarded())
      return out;
  return std::nullopt;
}

ordered_json base64_of(const std::string& bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

/// As lean events have them (lean_events.hpp).
void add_payload(ordered_json& to, const new_event& event) {
  auto data = event.is_json ? json_of(event.data) : std::nullopt;
  to["contentType"] = data ? "application/json" : "application/octet-stream";
  to["data"] = data                 ? std::move(*data)
               : event.data.empty() ? ordered_json{}
                                    : base64_of(event.data);
  if (event.metadata.empty())
    return;
  auto metadata = json_of(event.metadata);
  to["metadata"] = metadata ? std::move(*metadata) : base64_of(event.metadata);
}

ordered_json event_json(const new_event& event, bool has_id, bool readable) {
  ordered_json out;
  if (has_id)
    out["eventId"] = to_string(event.id);
  out["eventType"] = event.type;
  if (readable)
    add_payload(out, event);
  return out;
}

void add_rule(ordered_json& to, const recurrence& rule) {
  if (rule.every_ms > 0)
    to["every"] = duration_text(rule.every_ms);
  else {
    to["cron"] = rule.cron;
    to["timezone"] = rule.zone.empty() ? "UTC" : rule.zone;
  }
  to["catchUp"] = name_of(rule.missed);
  if (rule.from.value > 0)
    to["from"] = time_text(rule.from);
  if (rule.until.value > 0)
    to["until"] = time_text(rule.until);
  if (rule.count > 0)
    to["count"] = rule.count;
}

} // namespace

std::string duration_text(std::uint64_t ms) {
  auto out = "PT" + std::to_string(ms / 1000);
  if (auto rest = ms % 1000; rest > 0) {
    auto digits = std::to_string(1000 + rest).substr(1);
    out += "." + digits.substr(0, digits.find_last_not_of('0') + 1);
  }
  return out + "S";
}

std::string_view name_of(catch_up missed) noexcept {
  switch (missed) {
    case catch_up::skip: return "skip";
    case catch_up::once: return "once";
    case catch_up::all: return "all";
  }
  return {};
}

ordered_json delayed_json(std::string_view base, const delayed_item& item) {
  auto name = delayed_name(item);
  auto& what = item.what;
  ordered_json out;
  out["id"] = name;
  out["kind"] = name_of(what.kind);
  out["due"] = time_text(item.due);
  if (what.kind == delayed_kind::session_end)
    out["consumer"] = what.stream;
  else if (!what.stream.empty())
    out["stream"] = what.stream;
  if (!what.group.empty())
    out["group"] = what.group;
  out["why"] = why_of(what);
  auto body = what.kind == delayed_kind::bulk ? unpack_body(what.body)
                                              : std::optional<scheduled_body>{};
  out["url"] = std::string{base} + "/delayed/"
               + (body ? "jobs/" + to_string(body->id) : name);
  return out;
}

ordered_json detail_json(std::string_view base, const delayed_detail& detail,
                         bool readable) {
  auto out = delayed_json(base, detail.item);
  if (detail.rule) {
    add_rule(out, *detail.rule);
    out["published"] = detail.fired;
  }
  if (detail.event)
    out["event"] = event_json(*detail.event, !detail.rule, readable);
  return out;
}

} // namespace callboard
