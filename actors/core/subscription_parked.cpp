// What is parked and what becomes of it: all of it, or single events.
#include "actors/core/limits.hpp"
#include "actors/core/subscription.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

group_effects subscription::replay(std::optional<event_number> stop_at) {
  auto& parked = lane_of(lane::replay);
  auto end = std::min(parked_end_, stop_at.value_or(parked_end_));
  bool any = end > parked.end;
  if (parked.states.kept() > 0)
    for (auto& run : parked.states.within(
           {parked.checkpoint,
            end.value - std::min(parked.checkpoint.value, end.value)}))
      if (run.is.what == run_state::kept) {
        parked.states.clear({run.first, run.count});
        parked.hint = std::min(parked.hint, run.first);
        any = true;
      }
  if (!any)
    return {};
  if (lane_of(lane::source).states.ready_to_retry() == 0)
    replay_first_ = true;
  parked.end = row_.replay_end = std::max(parked.end, end);
  return finish({});
}

event_number
subscription::oldest_parked(event_number first_parked) const noexcept {
  auto next = next_parked(first_parked);
  return next ? next->first : parked_end_;
}

std::uint64_t subscription::parked(event_number first_parked) const noexcept {
  auto& replay = lane_of(lane::replay);
  auto out = parked_end_.value
             - std::min(std::max(replay.end, first_parked), parked_end_).value;
  if (replay.states.kept() == 0)
    return out;
  out += replay.states.kept();
  if (first_parked > replay.checkpoint) // somebody truncated the stream
    for (auto& run : replay.states.within({event_number{}, first_parked.value}))
      out -= run.is.what == run_state::kept ? run.count : 0;
  return out;
}

std::optional<number_range>
subscription::next_parked(event_number number) const {
  auto& replay = lane_of(lane::replay);
  auto at = std::max(number, replay.checkpoint);
  while (at < replay.end && replay.states.kept() > 0) {
    auto run = replay.states.from(at);
    if (!run)
      break;
    if (run->is.what == run_state::kept) {
      auto first = std::max(at, run->first);
      return number_range{first, run->end().value - first.value};
    }
    at = run->end();
  }
  at = std::max(at, replay.end);
  if (at >= parked_end_)
    return std::nullopt;
  return number_range{at, parked_end_.value - at.value};
}

/// The lane ends there, and what it gains by that is parked as before.
void subscription::replay_up_to(event_number end) {
  auto& replay = lane_of(lane::replay);
  if (end <= replay.end)
    return;
  replay.states.assign({replay.end, end.value - replay.end.value},
                       {run_state::kept, 0, {}, {}});
  replay.end = row_.replay_end = end;
}

group_effects
subscription::replay_these(std::span<const event_number> numbers) {
  group_effects out;
  auto& replay = lane_of(lane::replay);
  bool waits = lane_of(lane::source).states.ready_to_retry() > 0;
  for (auto n : numbers) {
    if (n >= parked_end_)
      break;
    replay_up_to(n + 1);
    auto run = replay.states.at(n);
    if (!run || run->is.what != run_state::kept)
      continue;
    replay.states.clear({n, 1});
    replay.hint = std::min(replay.hint, n);
    ++out.applied;
  }
  if (out.applied > 0 && !waits)
    replay_first_ = true;
  return finish(std::move(out));
}

group_effects subscription::discard(std::span<const event_number> numbers,
                                    std::string_view words, wall_time now) {
  group_effects out;
  auto& replay = lane_of(lane::replay);
  std::vector<position> open;
  for (auto n : numbers) {
    if (n >= parked_end_)
      break;
    replay_up_to(n + 1);
    auto run = replay.states.at(n);
    if (run && run->is.what == run_state::kept)
      open.push_back({lane::replay, n});
  }
  out.applied = open.size();
  row_.settled += open.size();
  for (auto& at : open)
    note_end({at,
              1,
              0,
              {},
              lease_outcome::discarded,
              0,
              clipped(words, limits::words_bytes_max),
              {},
              now});
  settle_positions(std::move(open), out);
  return finish(std::move(out));
}

group_effects subscription::stop_replay() {
  group_effects out;
  auto& replay = lane_of(lane::replay);
  for (auto at = replay.hint;;) {
    auto gap = replay.states.first_gap(at, replay.end);
    if (!gap)
      break;
    out.applied += gap->count;
    at = gap->end();
    replay.states.assign(*gap, {run_state::kept, 0, {}, {}});
  }
  if (replay.states.ready_to_retry() == 0)
    replay_first_ = false;
  return finish(std::move(out));
}

std::uint64_t subscription::replaying() const noexcept {
  auto& replay = lane_of(lane::replay);
  return replay.untouched() + replay.states.leased() + replay.states.retrying();
}

std::uint64_t subscription::take_parked_again() noexcept {
  return std::exchange(parked_again_, 0);
}

std::size_t subscription::room_for_runs() const noexcept {
  auto used =
    lane_of(lane::source).states.size() + lane_of(lane::replay).states.size();
  return used < limits::runs_max / 2 ? limits::runs_max / 2 - used : 0;
}

group_effects subscription::plan_parked_job(wall_time due, std::string body) {
  group_effects out;
  auto before = row_.parked_job_due;
  if (before.value != 0)
    out.changes.emplace_back(
      erase_delayed{before, delayed_of(row_.id, parked_job_ticket)});
  row_.parked_job_due = {};
  if (due.value != 0) {
    // Never the same row again: whoever hears of both changes need not know
    // which came first.
    row_.parked_job_due = std::max(due, before + 1);
    delayed_message next{delayed_of(row_.id, parked_job_ticket),
                         row_.parked_job_due, delayed_kind::replay, key_.stream,
                         key_.group};
    next.body = std::move(body);
    out.changes.emplace_back(put_delayed{std::move(next)});
  }
  return finish(std::move(out));
}

} // namespace callboard
