// How a leased event ends: settled or given back; and what then moves.
#include "actors/core/limits.hpp"
#include "actors/core/retry_schedule.hpp"
#include "actors/core/subscription.hpp"

#include <algorithm>
#include <cassert>

namespace callboard {

namespace {

/// Milliseconds of a time that a client chose.
std::uint64_t within_bounds(std::chrono::milliseconds by) {
  return std::uint64_t(
    std::clamp<std::int64_t>(by.count(), 0, limits::retry_delay_max.count()));
}

} // namespace

void subscription::take_ids(std::span<const uuid> ids,
                            std::optional<lease_id> of,
                            std::vector<position>& into) const {
  std::set<position> taken;
  for (auto& id : ids) {
    auto [first, last] = by_id_.equal_range(id);
    std::optional<position> lowest; // one stream may hold an id twice
    for (auto it = first; it != last; ++it) {
      auto& at = it->second;
      if (taken.contains(at) || (lowest && *lowest < at))
        continue;
      if (of && lane_of(at.in).states.at(at.number)->is.ticket != *of)
        continue;
      lowest = at;
    }
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
  take_ids(ids, std::nullopt, taken);
  group_effects out;
  if (!taken.empty())
    settle_taken(action, std::move(taken), {delay_ms, {}, reason}, now, random,
                 out);
  return on_record(finish(std::move(out)));
}

/// That nothing is in flight is also recorded before it is said: a leader that
/// was replaced, and has not noticed, knows nothing of leases since then, and
/// must not call them ended.
group_effects subscription::on_record(group_effects todo) const {
  if (todo.nothing())
    todo.changes.emplace_back(put_group{key_.stream, key_.group, row_});
  return todo;
}

void subscription::settle_taken(settle_action action,
                                std::vector<position> taken,
                                const return_plan& plan, wall_time now,
                                std::uint64_t random, group_effects& into) {
  into.applied += taken.size();
  measure(taken, now);
  switch (action) {
    case settle_action::ack:
    case settle_action::skip: {
      bool acked = action == settle_action::ack;
      note_ends(taken, acked ? lease_outcome::acked : lease_outcome::skipped,
                acked ? std::string_view{} : plan.words, now);
      row_.settled += taken.size();
      settle_positions(std::move(taken), into);
      break;
    }
    case settle_action::retry:
      into.retried += taken.size();
      give_back(std::move(taken),
                {plan.delay_ms, lease_outcome::retried, plan.words}, now,
                random, into);
      break;
    case settle_action::park:
      for (auto& at : taken) {
        auto was = lane_of(at.in).states.at(at.number)->is;
        judge(was.ticket, lease_outcome::parked, now);
        park(at, was, known_of(at), plan.words, plan.words, now, into);
      }
      settle_positions(std::move(taken), into);
      break;
  }
}

group_effects subscription::settle(std::span<const settle_item> items,
                                   wall_time now, std::uint64_t random,
                                   std::vector<settle_outcome>& outcomes) {
  group_effects out;
  for (auto& item : items)
    outcomes.push_back(settle_one(item, now, random, out));
  out = finish(std::move(out));
  return items.empty() ? out : on_record(std::move(out));
}

settle_outcome subscription::settle_one(const settle_item& item, wall_time now,
                                        std::uint64_t random,
                                        group_effects& into) {
  assert(item.id || item.lease);
  std::vector<position> taken;
  std::optional<lease_id> of;
  if (item.lease) {
    if (item.lease->group != row_.id)
      return settle_outcome::stale;
    of = item.lease->lease;
  }
  if (item.id)
    take_ids({&*item.id, 1}, of, taken);
  else
    taken = positions_of(*of);
  if (taken.empty())
    return of ? settle_outcome::stale : settle_outcome::unknown;
  std::optional<std::uint64_t> by;
  if (item.by)
    by = within_bounds(*item.by);
  auto settle_as = [&](settle_action action) {
    settle_taken(action, std::move(taken), {by, {}, item.words}, now, random,
                 into);
  };
  switch (item.verb) {
    case settle_verb::ack: settle_as(settle_action::ack); break;
    case settle_verb::skip: settle_as(settle_action::skip); break;
    case settle_verb::retry: settle_as(settle_action::retry); break;
    case settle_verb::park: settle_as(settle_action::park); break;
    case settle_verb::extend: {
      auto& one = taken.front();
      extend(lane_of(one.in).states.at(one.number)->is.ticket,
             by ? now + *by : lease_end(now));
      break;
    }
    case settle_verb::release:
      note_ends(taken, lease_outcome::released, item.words, now);
      take_back(taken, into);
      break;
  }
  return settle_outcome::applied;
}

group_effects subscription::fire(const delayed_message& message, wall_time now,
                                 std::uint64_t random) {
  group_effects out;
  if (message.kind == delayed_kind::resume)
    return end_pause(message);
  auto found = tickets_.find(lease_id{message.subject});
  if (found == tickets_.end() || found->second.due != message.due) {
    out.changes.emplace_back(erase_delayed{message.due, message.id});
    return out;
  }
  auto& [id, ticket] = *found;
  if (ticket.kind == delayed_kind::lease_end) {
    auto ended = positions_of(id);
    maybe_done_.push_back(id);
    measure(ended, now);
    bool guilty = row_.settings.on_lease_loss == lease_loss::charge_guilty;
    if (guilty && ended.size() > 1)
      come_apart(std::move(ended), now, random, out);
    else
      give_back(std::move(ended),
                {std::nullopt, lease_outcome::expired, {}, guilty}, now, random,
                out);
    return finish(std::move(out));
  }
  bool apart = ticket.note.apart || parse_retry_note(message.body).apart;
  lease_id together = apart ? id : lease_id{};
  for (auto& range : ticket.covers)
    for (auto& run : lane_of(range.in).states.within(range.numbers))
      if (run.is.ticket == id)
        lane_of(range.in).states.assign(
          {run.first, run.count},
          {run_state::retry, run.is.attempt, together, {}, run.is.first_lease});
  if (apart) { // goes on as what they have in common
    out.changes.emplace_back(erase_delayed{message.due, message.id});
    ticket.due = {};
    ticket.note.apart = true;
    apart_.insert(id);
  }
  maybe_done_.push_back(id);
  return finish(std::move(out));
}

group_effects subscription::cut(lane in, event_number first) {
  if (in == lane::source)
    return cut_untouched(first);
  auto& from = lane_of(in);
  first = std::min(first, from.end);
  if (first <= from.checkpoint)
    return {};
  auto before = from.untouched();
  for (auto& run : from.states.within({event_number{0}, first.value})) {
    if (run.is.ticket.value != 0)
      maybe_done_.push_back(run.is.ticket);
    if (run.is.what == run_state::leased)
      let_go(in, run);
  }
  auto lost = from.states.forget_below(first);
  from.checkpoint = first;
  from.hint = std::max(from.hint, first);
  row_.settled +=
    before - from.untouched() + lost.leased + lost.retrying + lost.kept;
  group_effects out;
  advance(in, out);
  return finish(std::move(out));
}

group_effects subscription::cut_untouched(event_number first) {
  auto& source = lane_of(lane::source);
  first = std::min(first, source.end);
  auto out = settle_untouched(first, 0);
  source.hint = std::max(source.hint, first); // the next cut looks on from here
  return finish(std::move(out));
}

/// Of the source, below `end`: all but the first `keep`.
group_effects subscription::settle_untouched(event_number end,
                                             std::uint64_t keep) {
  auto& source = lane_of(lane::source);
  auto at = source.hint;
  while (auto gap = source.states.first_gap(at, end)) {
    at = gap->end();
    auto kept = std::min(keep, gap->count);
    keep -= kept;
    if (kept == gap->count)
      continue;
    number_range rest{gap->first + kept, gap->count - kept};
    source.states.assign(rest, {run_state::settled, 0, {}, {}});
    row_.settled += rest.count;
  }
  group_effects out;
  advance(lane::source, out);
  return out;
}

bool subscription::loses_below(event_number first) const {
  auto& source = lane_of(lane::source);
  return source.states.first_gap(source.hint, std::min(first, source.end))
    .has_value();
}

group_effects subscription::abandon(std::uint64_t keep) {
  return finish(settle_untouched(lane_of(lane::source).end, keep));
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
        let_go(range.in, run);
    }
    states.assign(range.numbers, {run_state::settled, 0, {}, {}});
  }
  advance(lane::source, into);
  advance(lane::replay, into);
}

void subscription::give_back(std::vector<position> failed,
                             const return_plan& plan, wall_time now,
                             std::uint64_t random, group_effects& into) {
  std::map<std::pair<std::uint32_t, wall_time>, std::vector<position>> alike;
  std::vector<position> given_up;
  for (auto& at : failed) {
    auto run = lane_of(at.in).states.at(at.number);
    assert(run && run->is.what == run_state::leased);
    judge(run->is.ticket, plan.outcome, now);
    auto held = held_.find(at);
    auto give_up_at =
      held == held_.end() ? wall_time{} : held->second.give_up_at;
    if (auto why = reason_to_park(run->is, give_up_at, now)) {
      auto words =
        plan.outcome == lease_outcome::expired ? *why + " (its lease ended)"
        : plan.words.empty()                   ? *why
                             : *why + " (" + std::string{plan.words} + ")";
      park(at, run->is, known_of(at), *why, words, now, into);
      given_up.push_back(at);
    } else
      alike[{run->is.attempt, run->is.first_lease}].push_back(at);
  }
  settle_positions(std::move(given_up), into);
  for (auto& [what, at] : alike) {
    auto wait = plan.delay_ms.value_or(
      delay_ms(row_.settings.retries, what.first, random));
    std::sort(at.begin(), at.end());
    runs::state next{run_state::retry, what.first, {}, {}, what.second};
    next.due = {wait > 0 ? now.value + wait : 0};
    note_ends(at, plan.outcome, plan.words, now, wait);
    if (wait > 0 || plan.apart)
      next.ticket = open_ticket(delayed_kind::retry_due, next.due,
                                {{}, {}, 0, plan.apart}, into);
    return_as(at, next);
  }
}

void subscription::return_as(std::span<const position> at,
                             const runs::state& next) {
  for (auto& range : as_ranges(at)) {
    auto& states = lane_of(range.in).states;
    for (auto& run : states.within(range.numbers)) {
      maybe_done_.push_back(run.is.ticket);
      let_go(range.in, run);
    }
    states.assign(range.numbers, next);
    if (next.ticket.value != 0)
      tickets_.at(next.ticket).covers.push_back(range);
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
  write_history(todo); // knows leases that end now
  close_tickets(todo);
  if (row_.breaker_probe.value != 0 && holders_of(row_.breaker_probe) == 0)
    row_.breaker_probe = {}; // it ended without a verdict: another one is tried
  time_pauses(todo);
  if (row_ != stored_row_) {
    stored_row_ = row_;
    todo.changes.emplace_back(put_group{key_.stream, key_.group, row_});
  }
  return todo;
}

} // namespace callboard
