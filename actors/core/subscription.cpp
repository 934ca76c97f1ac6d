// What a group delivers next; how it is built, changed and counted.
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
  auto covered =
    states.leased() + states.retrying() + states.settled() + states.kept();
  assert(covered <= end.value - checkpoint.value);
  return end.value - checkpoint.value - covered;
}

namespace {

event_number beginning(const group_settings& settings, event_number first,
                       event_number end) {
  return settings.start_from < 0
           ? end
           : std::max(first, event_number{std::uint64_t(settings.start_from)});
}

} // namespace

subscription::subscription(group_key key, group_row row,
                           std::span<const run_row> stored, event_number end,
                           event_number parked_end)
    : key_(std::move(key)), row_(std::move(row)), stored_row_(row_),
      next_lease_(row_.next_lease), stored_next_(row_.next_lease),
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
    if (run.state == run_state::retry && run.due.value == 0) {
      ticket.note.apart = true;
      apart_.insert(run.lease);
    }
  }
}

group_row subscription::first_row(group_id id, const group_settings& settings,
                                  event_number end, event_number parked_end,
                                  event_number first) {
  group_row row;
  row.id = id;
  row.settings = settings;
  row.began_at = row.source_checkpoint = beginning(settings, first, end);
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

std::size_t subscription::runs_count() const noexcept {
  return lane_of(lane::source).states.size()
         + lane_of(lane::replay).states.size();
}

std::uint64_t subscription::in_flight_bound() const noexcept {
  auto chosen = row_.settings.max_in_flight;
  return chosen > 0 ? std::min(std::uint64_t(chosen),
                               std::uint64_t{limits::in_flight_max})
                    : std::uint64_t{limits::in_flight_max};
}

bool subscription::blocked() const noexcept {
  return in_flight() >= in_flight_bound() || runs_count() >= limits::runs_max;
}

std::vector<position_range> subscription::peek(std::size_t count) const {
  std::vector<position_range> out;
  if (blocked() || held_back())
    return out;
  std::uint64_t left =
    std::min<std::uint64_t>(count, in_flight_bound() - in_flight());
  if (row_.breaker == breaker_state::half_open)
    left = std::min<std::uint64_t>(left, 1);
  auto take = [&](lane in, event_number first, std::uint64_t events) {
    auto taken = std::min(events, left);
    if (taken > 0)
      out.push_back({in, {first, taken}});
    left -= taken;
  };
  auto together = [&](lease_id ticket) { // with nothing else
    for (auto& range : tickets_.at(ticket).covers)
      for (auto& run : lane_of(range.in).states.within(range.numbers))
        if (run.is.ticket == ticket)
          take(range.in, run.first, run.count);
    left = 0;
  };
  auto retries_of = [&](lane in) {
    auto& states = lane_of(in).states;
    for (auto first : states.ready_retries()) {
      if (left == 0)
        return;
      auto run = states.at(first);
      if (run->is.ticket.value == 0)
        take(in, first, run->count);
      else if (out.empty())
        together(run->is.ticket);
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
    retries_of(lane::replay);
    untouched(lane::replay);
  };
  if (replay_first_)
    replay();
  retries_of(lane::source);
  if (!replay_first_)
    replay();
  untouched(lane::source);
  return out;
}

group_effects subscription::update(const group_settings& settings,
                                   event_number end, event_number first) {
  auto& source = lane_of(lane::source);
  bool moves = settings.start_from != row_.settings.start_from
               && row_.delivered + row_.settled + row_.parked == 0
               && source.states.size() == 0;
  row_.settings = settings;
  if (!settings.extra_statistics)
    times_.clear();
  if (moves) {
    source.checkpoint = source.hint = beginning(settings, first, end);
    row_.began_at = row_.source_checkpoint = source.checkpoint;
    source.end = std::max(end, source.checkpoint);
  }
  return finish({});
}

std::vector<group_effects> subscription::remove() const {
  std::vector<group_effects> out;
  history_.each([&](const kept_row& row) {
    if (out.empty() || out.back().changes.size() == limits::forgotten_rows_max)
      out.emplace_back();
    out.back().changes.emplace_back(
      erase_history{row_.id, row.first.in, row.first.number, row.lease});
  });
  auto& last = out.emplace_back();
  for (auto in : {lane::source, lane::replay})
    for (auto& run : lane_of(in).states.all())
      last.changes.emplace_back(erase_run{row_.id, in, run.first});
  for (auto& [id, ticket] : tickets_)
    if (ticket.due.value != 0)
      last.changes.emplace_back(
        erase_delayed{ticket.due, delayed_of(row_.id, id)});
  if (row_.paused_until.value != 0)
    last.changes.emplace_back(
      erase_delayed{row_.paused_until, delayed_of(row_.id, pause_ticket)});
  if (row_.breaker == breaker_state::open)
    last.changes.emplace_back(
      erase_delayed{row_.breaker_until, delayed_of(row_.id, breaker_ticket)});
  if (row_.parked_job_due.value != 0)
    last.changes.emplace_back(erase_delayed{
      row_.parked_job_due, delayed_of(row_.id, parked_job_ticket)});
  last.changes.emplace_back(erase_group{key_.stream, key_.group});
  last.removes = true;
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

} // namespace callboard
