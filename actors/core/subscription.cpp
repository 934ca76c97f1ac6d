// What a group leases, and in which order; how it is built and changed.
#include "actors/core/subscription.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <cassert>

namespace callboard {

std::vector<position_range> as_ranges(std::span<const position> sorted) {
  std::vector<position_range> out;
  for (auto& at : sorted)
    if (!out.empty() && out.back().in == at.in
        && out.back().numbers.end() == at.number)
      ++out.back().numbers.count;
    else
      out.push_back({at.in, {at.number, 1}});
  return out;
}

std::uint64_t subscription::lane_state::untouched() const noexcept {
  if (end <= checkpoint)
    return 0;
  auto covered = states.leased() + states.retrying() + states.settled();
  assert(covered <= end.value - checkpoint.value);
  return end.value - checkpoint.value - covered;
}

subscription::subscription(group_key key, group_row row,
                           std::span<const run_row> stored, event_number end,
                           event_number parked_end)
    : key_(std::move(key)), row_(std::move(row)), stored_row_(row_),
      parked_end_(parked_end) {
  auto& source = lane_of(lane::source);
  auto& replay = lane_of(lane::replay);
  source.checkpoint = source.hint = row_.source_checkpoint;
  source.end = std::max(end, row_.source_checkpoint);
  replay.checkpoint = replay.hint = row_.replay_checkpoint;
  replay.end = row_.replay_end;
  for (auto& run : stored) {
    lane_of(run.in).states.load(run);
    if (run.lease.value == 0)
      continue;
    auto& ticket = tickets_[run.lease];
    ticket.due = run.due;
    ticket.kind = run.state == run_state::leased ? delayed_kind::lease_end
                                                 : delayed_kind::retry_due;
    ticket.covers.push_back({run.in, {run.first, run.count}});
  }
}

group_row subscription::first_row(group_id id, const group_settings& settings,
                                  event_number end, event_number parked_end) {
  group_row row;
  row.id = id;
  row.settings = settings;
  row.source_checkpoint = settings.start_from < 0
                            ? end
                            : event_number{std::uint64_t(settings.start_from)};
  row.replay_checkpoint = row.replay_end = parked_end;
  row.next_lease = {1};
  return row;
}

std::vector<position_range> subscription::unidentified() const {
  std::vector<position_range> out;
  for (auto in : {lane::source, lane::replay})
    for (auto& run : lane_of(in).states.all())
      if (run.is.what == run_state::leased)
        for (auto n = run.first; n < run.end(); n = n + 1)
          if (!held_.contains({in, n})) {
            if (!out.empty() && out.back().in == in
                && out.back().numbers.end() == n)
              ++out.back().numbers.count;
            else
              out.push_back({in, {n, 1}});
          }
  return out;
}

void subscription::identify(const leasable& what) {
  auto run = lane_of(what.at.in).states.at(what.at.number);
  if (run && run->is.what == run_state::leased && !held_.contains(what.at))
    hold(what, {});
}

void subscription::publish(event_number end) {
  auto& source = lane_of(lane::source);
  source.end = std::max(source.end, end);
}

bool subscription::blocked() const noexcept {
  auto runs_now =
    lane_of(lane::source).states.size() + lane_of(lane::replay).states.size();
  return in_flight() >= limits::in_flight_max || runs_now >= limits::runs_max;
}

std::vector<position_range> subscription::peek(std::size_t count) const {
  std::vector<position_range> out;
  if (blocked())
    return out;
  std::uint64_t left =
    std::min<std::uint64_t>(count, limits::in_flight_max - in_flight());
  auto take = [&](lane in, event_number first, std::uint64_t events) {
    auto taken = std::min(events, left);
    if (taken > 0)
      out.push_back({in, {first, taken}});
    left -= taken;
  };
  auto retries = [&](lane in) {
    auto& states = lane_of(in).states;
    for (auto first : states.ready_retries()) {
      if (left == 0)
        return;
      take(in, first, states.at(first)->count);
    }
  };
  auto untouched = [&](lane in) {
    auto& from = lane_of(in);
    for (auto at = from.hint; left > 0;) {
      auto gap = from.states.first_gap(at, from.end);
      if (!gap)
        return;
      take(in, gap->first, gap->count);
      at = gap->end();
    }
  };
  auto replay = [&] {
    retries(lane::replay);
    untouched(lane::replay);
  };
  if (replay_first_)
    replay();
  retries(lane::source);
  if (!replay_first_)
    replay();
  untouched(lane::source);
  return out;
}

group_effects subscription::lease(std::span<const leasable> events,
                                  wall_time now) {
  assert(events.size() + in_flight() <= limits::in_flight_max);
  group_effects out;
  if (events.empty())
    return out;
  auto timeout = std::uint64_t(std::max(row_.settings.message_timeout_ms, 0));
  auto due = timeout == 0 ? wall_time{} : now + timeout;
  std::map<std::uint32_t, std::vector<position>> by_attempt;
  std::vector<position> worn_out;
  for (auto& what : events) {
    auto run = lane_of(what.at.in).states.at(what.at.number);
    assert(!run
           || (run->is.what == run_state::retry && run->is.due.value == 0));
    auto used = run ? run->is.attempt : 0;
    if (used > std::uint32_t(row_.settings.max_retry_count)) {
      park(what.at, what.target,
           "Reached retry count of "
             + std::to_string(row_.settings.max_retry_count),
           out);
      worn_out.push_back(what.at);
    } else {
      by_attempt[used + 1].push_back(what.at);
      hold(what, now);
      out.leased.push_back({what.at, used + 1, {}});
    }
  }
  settle_positions(std::move(worn_out), out);
  if (!out.leased.empty()) {
    auto ticket = open_ticket(delayed_kind::lease_end, due, out);
    auto& covers = tickets_[ticket].covers;
    for (auto& [attempt, at] : by_attempt) {
      std::sort(at.begin(), at.end());
      for (auto& range : as_ranges(at)) {
        lane_of(range.in).states.assign(
          range.numbers, {run_state::leased, attempt, ticket, due});
        covers.push_back(range);
      }
    }
    for (auto& one : out.leased)
      one.lease = ticket;
    row_.delivered += out.leased.size();
  }
  for (auto& at : lanes_)
    if (auto gap = at.states.first_gap(at.hint, at.end))
      at.hint = gap->first;
    else
      at.hint = std::max(at.hint, at.end);
  auto& replay = lane_of(lane::replay);
  if (replay.untouched() == 0 && replay.states.ready_to_retry() == 0)
    replay_first_ = false;
  return finish(std::move(out));
}

group_effects subscription::replay(std::optional<event_number> stop_at) {
  auto& parked = lane_of(lane::replay);
  auto end = std::min(parked_end_, stop_at.value_or(parked_end_));
  if (end <= parked.end)
    return {};
  if (lane_of(lane::source).states.ready_to_retry() == 0)
    replay_first_ = true;
  parked.end = row_.replay_end = end;
  return finish({});
}

group_effects subscription::update(const group_settings& settings) {
  row_.settings = settings;
  if (!settings.extra_statistics)
    times_.clear();
  return finish({});
}

group_effects subscription::remove() const {
  group_effects out;
  for (auto in : {lane::source, lane::replay})
    for (auto& run : lane_of(in).states.all())
      out.changes.emplace_back(erase_run{row_.id, in, run.first});
  for (auto& [id, ticket] : tickets_)
    if (ticket.due.value != 0)
      out.changes.emplace_back(
        erase_delayed{ticket.due, delayed_of(row_.id, id)});
  out.changes.emplace_back(erase_group{key_.stream, key_.group});
  return out;
}

std::uint64_t subscription::in_flight() const noexcept {
  return lane_of(lane::source).states.leased()
         + lane_of(lane::replay).states.leased();
}

std::uint64_t subscription::retrying() const noexcept {
  return lane_of(lane::source).states.retrying()
         + lane_of(lane::replay).states.retrying();
}

std::uint64_t subscription::waiting() const noexcept {
  return retrying() - lane_of(lane::source).states.ready_to_retry()
         - lane_of(lane::replay).states.ready_to_retry();
}

std::uint64_t subscription::ready() const noexcept {
  std::uint64_t out = 0;
  for (auto& at : lanes_)
    out += at.untouched() + at.states.ready_to_retry();
  return out;
}

event_number
subscription::oldest_parked(event_number first_parked) const noexcept {
  auto first = std::max(lane_of(lane::replay).end, first_parked);
  return std::min(first, parked_end_);
}

std::uint64_t subscription::parked(event_number first_parked) const noexcept {
  return parked_end_.value - oldest_parked(first_parked).value;
}

lease_id subscription::open_ticket(delayed_kind kind, wall_time due,
                                   group_effects& into) {
  auto ticket = row_.next_lease;
  row_.next_lease = {ticket.value + 1};
  tickets_[ticket] = {due, kind, {}};
  if (due.value != 0)
    into.changes.emplace_back(
      put_delayed{{delayed_of(row_.id, ticket), due, kind, key_.stream,
                   key_.group, ticket.value}});
  return ticket;
}

void subscription::hold(const leasable& what, wall_time since) {
  held_.emplace(what.at, held_event{what.id, what.target, since});
  by_id_.emplace(what.id, what.at);
}

subscription::held_event subscription::let_go(const position& at) {
  auto found = held_.find(at);
  if (found == held_.end())
    return {}; // leased before a restart and not identified since
  auto out = std::move(found->second);
  held_.erase(found);
  auto [first, last] = by_id_.equal_range(out.id);
  auto same =
    std::find_if(first, last, [&](auto& entry) { return entry.second == at; });
  assert(same != last);
  by_id_.erase(same);
  return out;
}

} // namespace callboard
