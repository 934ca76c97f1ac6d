// Splitting, joining and counting of runs.
#include "actors/core/runs.hpp"

#include <algorithm>
#include <cassert>

namespace callboard {

namespace {

bool can_be_delivered(const runs::state& is) noexcept {
  return is.what == run_state::retry && is.due.value == 0;
}

} // namespace

void runs::count(const state& is, std::uint64_t events, bool add) {
  auto adjust = [&](std::uint64_t& counter) {
    assert(add || counter >= events);
    counter = add ? counter + events : counter - events;
  };
  switch (is.what) {
    case run_state::settled: adjust(settled_); break;
    case run_state::leased: adjust(leased_); break;
    case run_state::retry: adjust(retrying_); break;
    case run_state::kept: adjust(kept_); break;
  }
  if (can_be_delivered(is))
    adjust(ready_to_retry_);
  if (is.ticket.value == 0)
    return;
  auto held = holders_.try_emplace(is.ticket, 0).first;
  adjust(held->second);
  if (held->second == 0)
    holders_.erase(held);
}

void runs::insert(event_number first, std::uint64_t events, const state& is) {
  assert(events > 0);
  runs_.emplace(first, std::pair{events, is});
  touched_.insert(first);
  if (can_be_delivered(is))
    ready_retries_.insert(first);
  count(is, events, true);
}

runs::run_map::iterator runs::remove(run_map::iterator at) {
  touched_.insert(at->first);
  if (can_be_delivered(at->second.second))
    ready_retries_.erase(at->first);
  count(at->second.second, at->second.first, false);
  return runs_.erase(at);
}

void runs::carve(number_range range) {
  auto end = range.end();
  auto at = runs_.lower_bound(range.first);
  if (at != runs_.begin()) {
    auto before = std::prev(at);
    if (before->first + before->second.first > range.first)
      at = before;
  }
  while (at != runs_.end() && at->first < end) {
    auto [first, last] = std::pair{at->first, at->first + at->second.first};
    auto is = at->second.second;
    at = remove(at);
    if (first < range.first)
      insert(first, range.first.value - first.value, is);
    if (last > end)
      insert(end, last.value - end.value, is);
  }
}

void runs::load(const run_row& row) {
  assert(within({row.first, row.count}).empty());
  insert(row.first, row.count,
         {row.state, row.attempt, row.lease, row.due, row.first_lease});
  touched_.erase(row.first);
}

void runs::assign(number_range range, const state& is) {
  assert(range.count > 0);
  carve(range);
  auto [first, last] = std::pair{range.first, range.end()};
  if (auto after = runs_.find(last);
      after != runs_.end() && after->second.second == is) {
    last = last + after->second.first;
    remove(after);
  }
  if (auto at = runs_.lower_bound(first); at != runs_.begin()) {
    auto before = std::prev(at);
    if (before->first + before->second.first == first
        && before->second.second == is) {
      first = before->first;
      remove(before);
    }
  }
  insert(first, last.value - first.value, is);
}

void runs::clear(number_range range) {
  carve(range);
}

runs::dropped runs::forget_below(event_number first) {
  dropped out{leased_, retrying_, kept_};
  carve({event_number{0}, first.value});
  out.leased -= leased_;
  out.retrying -= retrying_;
  out.kept -= kept_;
  return out;
}

std::optional<runs::run> runs::at(event_number number) const {
  auto next = runs_.upper_bound(number);
  if (next == runs_.begin())
    return std::nullopt;
  auto& [first, what] = *std::prev(next);
  if (first + what.first <= number)
    return std::nullopt;
  return run{first, what.first, what.second};
}

std::optional<runs::run> runs::from(event_number number) const {
  if (auto covering = at(number))
    return covering;
  auto next = runs_.lower_bound(number);
  if (next == runs_.end())
    return std::nullopt;
  return run{next->first, next->second.first, next->second.second};
}

std::vector<runs::run> runs::within(number_range range) const {
  std::vector<run> out;
  auto at = runs_.upper_bound(range.first);
  if (at != runs_.begin())
    --at;
  for (; at != runs_.end() && at->first < range.end(); ++at) {
    auto first = std::max(at->first, range.first);
    auto last = std::min(at->first + at->second.first, range.end());
    if (first < last)
      out.push_back({first, last.value - first.value, at->second.second});
  }
  return out;
}

std::optional<runs::run> runs::next_leased(event_number from) const {
  if (leased_ == 0)
    return std::nullopt;
  auto next = runs_.upper_bound(from);
  if (next != runs_.begin())
    --next;
  for (; next != runs_.end(); ++next) {
    auto& [events, is] = next->second;
    auto first = std::max(next->first, from);
    auto last = next->first + events;
    if (is.what == run_state::leased && first < last)
      return run{first, last.value - first.value, is};
  }
  return std::nullopt;
}

std::optional<number_range> runs::first_gap(event_number from,
                                            event_number end) const {
  while (from < end) {
    if (auto covering = at(from)) {
      from = covering->end();
      continue;
    }
    auto next = runs_.lower_bound(from);
    auto last = next == runs_.end() ? end : std::min(end, next->first);
    return number_range{from, last.value - from.value};
  }
  return std::nullopt;
}

std::uint64_t runs::holders(lease_id ticket) const {
  auto found = holders_.find(ticket);
  return found == holders_.end() ? 0 : found->second;
}

void runs::drain(group_id group, lane in, std::vector<change>& into) {
  for (auto first : touched_) {
    auto found = runs_.find(first);
    if (found == runs_.end()) {
      into.push_back(erase_run{group, in, first});
      continue;
    }
    auto& [events, is] = found->second;
    into.push_back(put_run{group,
                           {in, first, events, is.what, is.attempt, is.ticket,
                            is.due, is.first_lease}});
  }
  touched_.clear();
}

std::vector<runs::run> runs::all() const {
  std::vector<run> out;
  out.reserve(runs_.size());
  for (auto& [first, what] : runs_)
    out.push_back({first, what.first, what.second});
  return out;
}

} // namespace callboard
