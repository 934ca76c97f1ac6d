// How a leased event ends: settled, given back, parked; and what then moves.
#include "actors/core/retry_schedule.hpp"
#include "actors/core/subscription.hpp"

#include <algorithm>
#include <cassert>

namespace callboard {

namespace {

std::string used_up(const group_settings& settings) {
  return "Reached retry count of " + std::to_string(settings.max_retry_count);
}

} // namespace

void subscription::take_ids(std::span<const uuid> ids,
                            std::vector<position>& into) {
  std::set<position> taken;
  for (auto& id : ids) {
    auto [first, last] = by_id_.equal_range(id);
    std::optional<position> lowest; // one stream may hold an id twice
    for (auto it = first; it != last; ++it)
      if (!taken.contains(it->second) && (!lowest || it->second < *lowest))
        lowest = it->second;
    if (!lowest)
      continue;
    taken.insert(*lowest);
    into.push_back(*lowest);
  }
}

group_effects subscription::settle(settle_action action,
                                   std::span<const uuid> ids,
                                   std::string_view reason,
                                   std::optional<std::uint64_t> delay_ms,
                                   wall_time now, std::uint64_t random) {
  std::vector<position> taken;
  take_ids(ids, taken);
  group_effects out;
  out.applied = taken.size();
  if (taken.empty())
    return out;
  measure(taken, now);
  switch (action) {
    case settle_action::ack:
    case settle_action::skip:
      row_.settled += taken.size();
      settle_positions(std::move(taken), out);
      break;
    case settle_action::retry:
      give_back(std::move(taken), delay_ms, now, random, out);
      break;
    case settle_action::park:
      for (auto& at : taken)
        park(at, target_of(at), reason, out);
      settle_positions(std::move(taken), out);
      break;
  }
  return finish(std::move(out));
}

group_effects subscription::fire(const delayed_message& message, wall_time now,
                                 std::uint64_t random) {
  group_effects out;
  auto found = tickets_.find(lease_id{message.subject});
  if (found == tickets_.end()) {
    out.changes.emplace_back(erase_delayed{message.due, message.id});
    return out;
  }
  auto [id, covers] = std::pair{found->first, found->second.covers};
  std::vector<position> ended;
  for (auto& range : covers)
    for (auto& run : lane_of(range.in).states.within(range.numbers)) {
      if (run.is.ticket != id)
        continue;
      if (run.is.what == run_state::retry)
        lane_of(range.in).states.assign(
          {run.first, run.count}, {run_state::retry, run.is.attempt, {}, {}});
      else
        for (auto n = run.first; n < run.end(); n = n + 1)
          ended.push_back({range.in, n});
    }
  maybe_done_.push_back(id);
  measure(ended, now);
  give_back(std::move(ended), std::nullopt, now, random, out);
  return finish(std::move(out));
}

group_effects subscription::release(lease_id ticket) {
  auto found = tickets_.find(ticket);
  if (found == tickets_.end())
    return {};
  auto covers = found->second.covers;
  for (auto& range : covers) {
    auto& from = lane_of(range.in);
    for (auto& run : from.states.within(range.numbers)) {
      if (run.is.ticket != ticket || run.is.what != run_state::leased)
        continue;
      for (auto n = run.first; n < run.end(); n = n + 1)
        let_go({range.in, n});
      row_.delivered -= run.count;
      if (run.is.attempt > 1)
        from.states.assign({run.first, run.count},
                           {run_state::retry, run.is.attempt - 1, {}, {}});
      else
        from.states.clear({run.first, run.count});
      from.hint = std::min(from.hint, run.first);
    }
  }
  maybe_done_.push_back(ticket);
  return finish({});
}

group_effects subscription::cut(lane in, event_number first) {
  auto& from = lane_of(in);
  first = std::min(first, from.end);
  if (first <= from.checkpoint)
    return {};
  auto before = from.untouched();
  for (auto& run : from.states.within({event_number{0}, first.value})) {
    if (run.is.ticket.value != 0)
      maybe_done_.push_back(run.is.ticket);
    if (run.is.what == run_state::leased)
      for (auto n = run.first; n < run.end(); n = n + 1)
        let_go({in, n});
  }
  auto lost = from.states.forget_below(first);
  from.checkpoint = first;
  from.hint = std::max(from.hint, first);
  row_.settled += before - from.untouched() + lost.leased + lost.retrying;
  group_effects out;
  advance(in, out);
  return finish(std::move(out));
}

group_effects subscription::abandon(std::uint64_t keep) {
  auto& source = lane_of(lane::source);
  group_effects out;
  for (auto at = source.hint;;) {
    auto gap = source.states.first_gap(at, source.end);
    if (!gap)
      break;
    at = gap->end();
    auto kept = std::min(keep, gap->count);
    keep -= kept;
    if (kept == gap->count)
      continue;
    number_range rest{gap->first + kept, gap->count - kept};
    source.states.assign(rest, {run_state::settled, 0, {}, {}});
    row_.settled += rest.count;
  }
  advance(lane::source, out);
  return finish(std::move(out));
}

group_effects subscription::drop(std::span<const position> gone) {
  group_effects out;
  std::vector<position> open;
  for (auto& at : gone) {
    auto& from = lane_of(at.in);
    auto run = from.states.at(at.number);
    if (at.number >= from.checkpoint && at.number < from.end
        && !(run && run->is.what == run_state::settled))
      open.push_back(at);
  }
  row_.settled += open.size();
  settle_positions(std::move(open), out);
  return finish(std::move(out));
}

void subscription::settle_positions(std::vector<position> at,
                                    group_effects& into) {
  std::sort(at.begin(), at.end());
  for (auto& range : as_ranges(at)) {
    auto& states = lane_of(range.in).states;
    for (auto& run : states.within(range.numbers)) {
      if (run.is.ticket.value != 0)
        maybe_done_.push_back(run.is.ticket);
      if (run.is.what == run_state::leased)
        for (auto n = run.first; n < run.end(); n = n + 1)
          let_go({range.in, n});
    }
    states.assign(range.numbers, {run_state::settled, 0, {}, {}});
  }
  advance(lane::source, into);
  advance(lane::replay, into);
}

void subscription::give_back(std::vector<position> failed,
                             std::optional<std::uint64_t> delay, wall_time now,
                             std::uint64_t random, group_effects& into) {
  std::map<std::uint32_t, std::vector<position>> by_attempt;
  std::vector<position> worn_out;
  for (auto& at : failed) {
    auto run = lane_of(at.in).states.at(at.number);
    assert(run && run->is.what == run_state::leased);
    maybe_done_.push_back(run->is.ticket);
    if (parks(run->is.attempt, row_.settings.max_retry_count)) {
      park(at, target_of(at), used_up(row_.settings), into);
      worn_out.push_back(at);
    } else {
      let_go(at);
      by_attempt[run->is.attempt].push_back(at);
    }
  }
  settle_positions(std::move(worn_out), into);
  for (auto& [attempt, at] : by_attempt) {
    auto wait =
      delay.value_or(delay_ms(row_.settings.retries, attempt, random));
    runs::state next{run_state::retry, attempt, {}, {}};
    if (wait > 0) {
      next.due = now + wait;
      next.ticket = open_ticket(delayed_kind::retry_due, next.due, into);
    }
    std::sort(at.begin(), at.end());
    for (auto& range : as_ranges(at)) {
      lane_of(range.in).states.assign(range.numbers, next);
      if (wait > 0)
        tickets_[next.ticket].covers.push_back(range);
    }
  }
}

void subscription::measure(std::span<const position> ended, wall_time now) {
  if (!row_.settings.extra_statistics)
    return;
  for (auto& at : ended)
    if (auto held = held_.find(at);
        held != held_.end() && held->second.since.value != 0)
      times_.add(now > held->second.since ? now.value - held->second.since.value
                                          : 0);
}

std::string subscription::target_of(const position& at) const {
  auto held = held_.find(at);
  if (held != held_.end() && !held->second.target.empty())
    return held->second.target;
  return std::to_string(at.number.value) + "@" + key_.stream;
}

void subscription::park(const position& at, std::string target,
                        std::string_view reason, group_effects& into) {
  into.parked.push_back({at, std::move(target), std::string{reason}});
  parked_end_ = parked_end_ + 1;
  ++row_.parked;
}

void subscription::advance(lane in, group_effects& into) {
  auto& from = lane_of(in);
  auto before = from.checkpoint;
  for (;;) {
    auto run = from.states.at(from.checkpoint);
    if (!run || run->is.what != run_state::settled)
      break;
    from.checkpoint = run->end();
  }
  if (from.checkpoint == before && row_checkpoint(in) == before)
    return;
  from.states.forget_below(from.checkpoint);
  from.hint = std::max(from.hint, from.checkpoint);
  row_checkpoint(in) = from.checkpoint;
  if (in == lane::replay)
    into.cut_parked = from.checkpoint;
}

group_effects subscription::finish(group_effects todo) {
  for (auto in : {lane::source, lane::replay})
    lane_of(in).states.drain(row_.id, in, todo.changes);
  for (auto id : maybe_done_) {
    auto found = tickets_.find(id);
    if (found == tickets_.end() || lane_of(lane::source).states.holders(id) > 0
        || lane_of(lane::replay).states.holders(id) > 0)
      continue;
    if (found->second.due.value != 0)
      todo.changes.emplace_back(
        erase_delayed{found->second.due, delayed_of(row_.id, id)});
    tickets_.erase(found);
  }
  maybe_done_.clear();
  if (row_ != stored_row_) {
    stored_row_ = row_;
    todo.changes.emplace_back(put_group{key_.stream, key_.group, row_});
  }
  return todo;
}

} // namespace callboard
