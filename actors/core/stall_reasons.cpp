// A function a kind of reason; sentences are for people, codes for programs.
#include "actors/core/stall_reasons.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <string>

namespace callboard {

namespace {

using reasons = std::vector<stall_reason>;

std::string number(std::uint64_t x) {
  return std::to_string(x);
}

std::int64_t figure(std::uint64_t x) {
  return std::int64_t(x);
}

/// A stored time by the wall clock; 0 and `never_ends` are none.
std::int64_t moment(wall_time stored, const group_work& shell) {
  bool none = stored.value == 0 || stored == never_ends;
  return figure(stored.value) + (none ? 0 : shell.wall_ahead_ms);
}

/// `in 12.5 s`, or `now` for what should have come.
std::string in_time(wall_time at, wall_time now) {
  if (at <= now)
    return "now";
  auto ms = at.value - now.value;
  return "in " + number(ms / 1000) + "." + number(ms % 1000 / 100) + " s";
}

std::string because(const std::string& words) {
  return words.empty() ? std::string{} : ", because: " + words;
}

void broker_reasons(const subscription& core, const group_work& shell,
                    reasons& out) {
  if (shell.refusal != errc::none)
    out.push_back({"storage-refuses",
                   "the broker cannot record anything at the moment ("
                     + std::string{to_string(shell.refusal)}
                     + "), so nothing can be leased",
                   {}});
  if (shell.loading)
    out.push_back({"loading",
                   "the group was loaded and reads which events are leased; "
                   "acks and fetches wait for that",
                   {{"leased", figure(core.in_flight())}}});
}

void pause_reasons(const subscription& core, const group_work& shell,
                   reasons& out) {
  auto& row = core.row();
  if (row.paused_until.value != 0)
    out.push_back({"paused",
                   "the group is paused; it goes on "
                     + (row.paused_until == never_ends
                          ? "when it is resumed"
                          : in_time(row.paused_until, shell.now))
                     + because(row.pause_reason),
                   {{"until", moment(row.paused_until, shell)}}});
  if (row.breaker == breaker_state::open)
    out.push_back({"breaker-open",
                   "a consumer tripped the group's breaker; one event is tried "
                     + in_time(row.breaker_until, shell.now)
                     + because(row.pause_reason),
                   {{"until", moment(row.breaker_until, shell)}}});
  if (row.breaker == breaker_state::half_open)
    out.push_back(
      {"breaker-half-open",
       std::string{"after the breaker was open one event is tried; "}
         + (row.breaker_probe.value != 0
              ? "it is leased, and how that ends decides"
              : "nobody has fetched it yet")
         + because(row.pause_reason),
       {{"probing", row.breaker_probe.value != 0 ? 1 : 0}}});
}

void bound_reasons(const subscription& core, reasons& out) {
  auto in_flight = core.in_flight();
  auto bound = core.in_flight_bound();
  std::vector<std::pair<std::string, std::int64_t>> figures{
    {"inFlight", figure(in_flight)}, {"bound", figure(bound)}};
  if (in_flight >= limits::in_flight_max)
    out.push_back({"in-flight-bound",
                   number(limits::in_flight_max)
                     + " events are in flight, as many as a group may have: "
                       "nothing more is delivered before some are settled",
                   figures});
  else if (in_flight >= bound)
    out.push_back({"max-in-flight",
                   number(in_flight)
                     + " events are in flight, and the group's maxInFlight is "
                     + number(bound)
                     + ": nothing more is delivered before some are settled",
                   figures});
  if (core.runs_count() >= limits::runs_max)
    out.push_back(
      {"runs-bound",
       "more than " + number(limits::runs_max)
         + " separate runs of events are settled, leased or waiting for a "
           "retry: nothing more is delivered before the oldest are settled",
       {{"runs", figure(core.runs_count())},
        {"bound", figure(limits::runs_max)}}});
  auto each = core.row().settings.max_in_flight_per_consumer;
  if (each <= 0)
    return;
  std::string names;
  std::int64_t full = 0;
  for (auto& [name, held] : core.holders())
    if (!name.empty() && held >= std::uint64_t(each)) {
      names += (names.empty() ? "" : ", ") + name;
      ++full;
    }
  if (full > 0)
    out.push_back({"max-in-flight-per-consumer",
                   "these consumers hold as many events as one may have ("
                     + number(std::uint64_t(each)) + "): " + names,
                   {{"consumers", full}, {"bound", each}}});
}

void progress_reasons(const group_work& shell, reasons& out) {
  if (shell.full_polls > 0)
    out.push_back({"consumer-credit",
                   number(shell.full_polls)
                     + " waiting polls get nothing: their consumers have as "
                       "many events in flight as they said they want",
                   {{"polls", figure(shell.full_polls)}}});
  if (shell.reading)
    out.push_back(
      {"reading", "the next events are being read from the disk", {}});
  if (shell.recording > 0)
    out.push_back({"recording",
                   number(shell.recording)
                     + " records of this group are on their way to the disk",
                   {{"records", figure(shell.recording)}}});
}

void all_leased(const subscription& core, const group_work& shell,
                reasons& out) {
  std::vector<std::pair<std::uint64_t, std::string>> most;
  for (auto& [name, held] : core.holders())
    if (held > 0)
      most.emplace_back(held, name.empty() ? "consumers without a name" : name);
  std::sort(most.rbegin(), most.rend());
  if (most.size() > 10)
    most.resize(10);
  std::string by;
  for (auto& [held, name] : most)
    by += (by.empty() ? "" : ", ") + name + " (" + number(held) + ")";
  auto next = core.next_due(delayed_kind::lease_end);
  out.push_back({"all-leased",
                 "all events that are not settled are leased, by " + by
                   + (next.value == 0
                        ? "; these leases do not end by themselves"
                        : "; the first lease ends " + in_time(next, shell.now)),
                 {{"leased", figure(core.in_flight())},
                  {"firstEnd", moment(next, shell)}}});
}

void nothing_ready(const subscription& core, const group_work& shell,
                   reasons& out) {
  if (core.ready() > 0)
    return;
  if (core.in_flight() > 0)
    all_leased(core, shell, out);
  if (auto waiting = core.waiting(); waiting > 0) {
    auto next = core.next_due(delayed_kind::retry_due);
    out.push_back(
      {"waiting-for-retries",
       number(waiting)
         + " events wait for their retry; the next is "
           "due "
         + in_time(next, shell.now),
       {{"waiting", figure(waiting)}, {"nextDue", moment(next, shell)}}});
  }
  if (core.in_flight() + core.waiting() > 0)
    return;
  auto parked = core.parked(shell.first_parked);
  if (parked > 0)
    out.push_back({"parked-only",
                   "all events are settled but " + number(parked)
                     + " that are parked: replay or discard them",
                   {{"parked", figure(parked)}}});
  else if (core.end().value == 0)
    out.push_back(
      {"nothing-published", "nothing was ever published to the stream", {}});
  else
    out.push_back({"nothing-new",
                   "all events of the stream are settled",
                   {{"settled", figure(core.row().settled)}}});
}

} // namespace

std::vector<stall_reason> stall_reasons(const subscription& core,
                                        const group_work& shell) {
  reasons out;
  broker_reasons(core, shell, out);
  pause_reasons(core, shell, out);
  bound_reasons(core, out);
  progress_reasons(shell, out);
  nothing_ready(core, shell, out);
  return out;
}

bool delivers(const subscription& core, const group_work& shell) {
  return core.ready() > 0 && !core.blocked() && !core.held_back()
         && !shell.loading && shell.refusal == errc::none;
}

} // namespace callboard
