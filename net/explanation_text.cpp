// Times are by the wall clock; one sentence a line.
#include "net/explanation_text.hpp"

#include "net/json_text.hpp"

#include <nlohmann/json.hpp>

namespace callboard {

using nlohmann::ordered_json;

std::string_view to_string(lease_outcome outcome) noexcept {
  switch (outcome) {
    case lease_outcome::acked: return "acked";
    case lease_outcome::skipped: return "skipped";
    case lease_outcome::retried: return "nacked";
    case lease_outcome::expired: return "expired";
    case lease_outcome::parked: return "parked";
    case lease_outcome::released: return "released";
    case lease_outcome::discarded: return "discarded";
  }
  return "acked";
}

std::string_view to_string(event_standing standing) noexcept {
  switch (standing) {
    case event_standing::not_found: return "not-found";
    case event_standing::before: return "before-the-group";
    case event_standing::ready: return "ready";
    case event_standing::leased: return "leased";
    case event_standing::waiting: return "waiting-for-retry";
    case event_standing::settled: return "settled";
    case event_standing::parked: return "parked";
  }
  return "not-found";
}

namespace {

ordered_json time_or_null(wall_time at) {
  return at.value == 0 ? ordered_json(nullptr) : ordered_json(time_text(at));
}

std::string_view lane_text(lane in) noexcept {
  return in == lane::source ? "stream" : "parked";
}

/// "4 events (7 to 10)".
std::string numbers(event_number first, std::uint64_t count) {
  if (count == 1)
    return "event " + std::to_string(first.value);
  return std::to_string(count) + " events (" + std::to_string(first.value)
         + " to " + std::to_string(first.value + count - 1) + ")";
}

/// "worker-1 at 10.0.0.7".
std::string holder_text(const lease_holder& who) {
  auto name =
    who.name.empty() ? std::string{"a consumer without a name"} : who.name;
  return who.address.empty() ? name : name + " at " + who.address;
}

/// " for 1.5 s", rounded down.
std::string lasting(std::uint64_t ms) {
  if (ms < 10'000)
    return std::to_string(ms) + " ms";
  auto seconds = ms / 1000;
  if (seconds < 600)
    return std::to_string(seconds) + " s";
  if (seconds < 36'000)
    return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

ordered_json holder_json(const lease_holder& who) {
  return {{"name", who.name}, {"address", who.address}};
}

ordered_json lease_json(const held_lease& lease) {
  auto ids = ordered_json::array();
  for (auto& id : lease.ids)
    ids.push_back(id.is_zero() ? ordered_json(nullptr)
                               : ordered_json(to_string(id)));
  return {{"lease", to_string(lease.token)},
          {"from", lane_text(lease.in)},
          {"number", lease.first.value},
          {"count", lease.ids.size()},
          {"ids", std::move(ids)},
          {"attempt", lease.attempt},
          {"extensions", lease.extensions},
          {"since", time_or_null(lease.since)},
          {"until", time_or_null(lease.until)},
          {"consumer", holder_json(lease.holder)}};
}

std::string until_text(wall_time until) {
  return until.value == 0 ? "without a deadline" : "until " + time_text(until);
}

} // namespace

ordered_json standing_json(const group_standing& what) {
  auto reasons = ordered_json::array();
  for (auto& one : what.reasons) {
    ordered_json reason{{"code", one.code}, {"text", one.text}};
    for (auto& [name, value] : one.figures)
      reason[name] = value;
    reasons.push_back(std::move(reason));
  }
  auto& info = what.info;
  return {{"delivers", what.delivers},
          {"now", time_text(what.now)},
          {"reasons", std::move(reasons)},
          {"ready", info.ready},
          {"inFlight", info.in_flight},
          {"retrying", info.retrying},
          {"nextRetry", time_or_null(info.next_retry)},
          {"parked", info.parked},
          {"waitingPolls", info.waiting_polls}};
}

std::string standing_text(const group_standing& what) {
  std::string out = what.delivers ? "A fetch now would get something.\n"
                                  : "A fetch now would get nothing.\n";
  for (auto& one : what.reasons)
    out += one.code + ": " + one.text + "\n";
  return out;
}

ordered_json leases_json(const lease_list& what) {
  auto leases = ordered_json::array();
  for (auto& one : what.leases)
    leases.push_back(lease_json(one));
  ordered_json out{{"now", time_text(what.now)}, {"leases", std::move(leases)}};
  if (what.more && !what.leases.empty()) {
    auto& last = what.leases.back();
    out["next"] =
      (last.in == lane::source ? "s" : "r") + std::to_string(last.first.value);
  }
  return out;
}

std::string leases_text(const lease_list& what) {
  if (what.leases.empty())
    return "Nothing is in flight.\n";
  std::string out;
  for (auto& one : what.leases)
    out += numbers(one.first, one.ids.size())
           + (one.in == lane::replay ? " of the parked ones" : "") + ": "
           + holder_text(one.holder)
           + (one.since.value == 0 ? std::string{}
                                   : " since " + time_text(one.since))
           + ", " + until_text(one.until) + ", attempt "
           + std::to_string(one.attempt) + ", lease " + to_string(one.token)
           + "\n";
  return out;
}

namespace {

ordered_json step_json(const history_row& row, group_id group) {
  ordered_json out{{"what", to_string(row.outcome)},
                   {"from", lane_text(row.in)},
                   {"at", time_text(row.ended)}};
  if (row.attempt > 0) {
    out["lease"] = to_string(lease_token{group, row.lease});
    out["attempt"] = row.attempt;
    out["leased"] = time_or_null(row.since);
    out["until"] = time_or_null(row.until);
    out["extensions"] = row.extensions;
    out["consumer"] = holder_json(row.holder);
  }
  if (row.delay_ms > 0)
    out["delayMs"] = row.delay_ms;
  if (!row.words.empty())
    out["reason"] = row.words;
  return out;
}

std::string step_text(const history_row& row) {
  std::string out;
  if (row.attempt > 0) {
    if (row.since.value != 0)
      out += time_text(row.since) + "  attempt " + std::to_string(row.attempt)
             + " leased to " + holder_text(row.holder) + ", "
             + until_text(row.until)
             + (row.extensions == 0
                  ? std::string{}
                  : ", extended " + std::to_string(row.extensions) + " times")
             + "\n";
  }
  out += time_text(row.ended) + "  ";
  switch (row.outcome) {
    case lease_outcome::acked: out += "acked"; break;
    case lease_outcome::skipped: out += "skipped"; break;
    case lease_outcome::retried: out += "nacked"; break;
    case lease_outcome::expired: out += "the lease ended without a word"; break;
    case lease_outcome::parked: out += "parked"; break;
    case lease_outcome::released: out += "given back, not counted"; break;
    case lease_outcome::discarded: out += "discarded by hand"; break;
  }
  if (row.delay_ms > 0)
    out += ", to come again after " + lasting(row.delay_ms);
  if (!row.words.empty())
    out += ": " + row.words;
  return out + "\n";
}

std::string standing_sentence(const explanation& what) {
  switch (what.standing) {
    case event_standing::not_found: return "It is not known.";
    case event_standing::before:
      return "It lies before the place where the group began: it is not "
             "delivered.";
    case event_standing::ready: return "It waits for a fetch.";
    case event_standing::leased:
      return what.lease ? "It is with " + holder_text(what.lease->holder) + ", "
                            + until_text(what.lease->until) + ", attempt "
                            + std::to_string(what.lease->attempt) + ", lease "
                            + to_string(what.lease->token) + "."
                        : "It is leased.";
    case event_standing::waiting:
      return "It waits for its retry"
             + (what.due.value == 0 ? std::string{", which is due."}
                                    : ", due at " + time_text(what.due) + ".");
    case event_standing::settled: return "It is settled.";
    case event_standing::parked: return "It is parked.";
  }
  return {};
}

} // namespace

ordered_json explanation_json(const group_key& key, const uuid& id,
                              const explanation& what) {
  ordered_json out{{"id", to_string(id)},
                   {"stream", key.stream},
                   {"group", key.group},
                   {"standing", to_string(what.standing)},
                   {"text", standing_sentence(what)},
                   {"now", time_text(what.now)},
                   {"number", what.number.value},
                   {"attempts", what.attempts}};
  if (what.what != nullptr) {
    out["type"] = what.what->type;
    out["appended"] = time_text(what.what->created);
  }
  if (what.lease)
    out["lease"] = lease_json(*what.lease);
  if (what.standing == event_standing::waiting)
    out["due"] = time_or_null(what.due);
  auto steps = ordered_json::array();
  for (auto& row : what.history)
    steps.push_back(step_json(row, what.group));
  out["history"] = std::move(steps);
  out["complete"] = !what.cut;
  return out;
}

std::string explanation_text(const group_key& key, const uuid& id,
                             const explanation& what) {
  std::string out = "Event " + to_string(id) + " for group '" + key.group
                    + "' on stream '" + key.stream + "'.\n";
  if (what.what != nullptr)
    out += time_text(what.what->created) + "  appended as number "
           + std::to_string(what.number.value) + ", type " + what.what->type
           + "\n";
  if (what.cut)
    out += "(What happened before is not kept any more.)\n";
  for (auto& row : what.history)
    out += step_text(row);
  if (what.lease && what.lease->since.value != 0)
    out += time_text(what.lease->since) + "  attempt "
           + std::to_string(what.lease->attempt) + " leased to "
           + holder_text(what.lease->holder) + "\n";
  return out + standing_sentence(what) + "\n";
}

} // namespace callboard
