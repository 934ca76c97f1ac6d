// Leases: made, extended, taken back; who holds them; those that died.
#include "actors/core/limits.hpp"
#include "actors/core/retry_schedule.hpp"
#include "actors/core/subscription.hpp"

#include <algorithm>
#include <cassert>
#include <map>

namespace callboard {

namespace {

/// So many numbers of leases a lazy group's row is ahead.
constexpr std::uint64_t reserved_leases = 1000;

} // namespace

std::uint64_t subscription::allowance(const lease_holder& who,
                                      std::size_t credit) const {
  auto bound =
    std::uint64_t(std::max(row_.settings.max_in_flight_per_consumer, 0));
  if (credit > 0)
    bound = bound > 0 ? std::min<std::uint64_t>(bound, credit) : credit;
  if (bound == 0 || who.name.empty())
    return UINT64_MAX;
  auto held = by_holder_.find(clipped(who.name, limits::holder_bytes_max));
  return held == by_holder_.end() ? bound
                                  : bound - std::min(bound, held->second);
}

wall_time subscription::lease_end(wall_time now) const {
  auto timeout = row_.settings.message_timeout_ms;
  return timeout <= 0 ? never_ends : now + std::uint64_t(timeout);
}

group_effects subscription::lease(std::span<const leasable> events,
                                  wall_time now, lease_holder who) {
  assert(events.size() + in_flight() <= limits::in_flight_max);
  group_effects out;
  if (events.empty())
    return out;
  auto due = lease_end(now);
  bool keeps_time = row_.settings.min_retry_span_ms > 0;
  lease_note note{std::move(who), now};
  std::map<std::pair<std::uint32_t, wall_time>, std::vector<position>> alike;
  std::vector<position> given_up;
  for (auto& what : events) {
    auto run = lane_of(what.at.in).states.at(what.at.number);
    assert(!run
           || (run->is.what == run_state::retry && run->is.due.value == 0));
    auto was = run ? run->is : runs::state{run_state::retry, 0, {}, {}};
    if (was.ticket.value != 0) {
      note.apart = true;
      maybe_done_.push_back(was.ticket);
    }
    if (gives_up(what, was, now, out)) {
      given_up.push_back(what.at);
    } else {
      hold(what, now);
      auto first =
        was.first_lease.value != 0 || !keeps_time ? was.first_lease : now;
      alike[{was.attempt + 1, first}].push_back(what.at);
      out.leased.push_back({what.at, was.attempt + 1, {}});
    }
  }
  settle_positions(std::move(given_up), out);
  if (!out.leased.empty()) {
    auto ticket =
      open_ticket(delayed_kind::lease_end, due, std::move(note), out);
    auto& covers = tickets_[ticket].covers;
    for (auto& [what, at] : alike) {
      std::sort(at.begin(), at.end());
      for (auto& range : as_ranges(at)) {
        lane_of(range.in).states.assign(
          range.numbers,
          {run_state::leased, what.first, ticket, due, what.second});
        covers.push_back(range);
      }
    }
    for (auto& one : out.leased)
      one.lease = ticket;
    row_.delivered += out.leased.size();
    index(ticket, tickets_.at(ticket));
    if (row_.breaker == breaker_state::half_open)
      row_.breaker_probe = ticket;
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

group_effects subscription::release(lease_id ticket, wall_time now) {
  auto taken = positions_of(ticket);
  if (taken.empty())
    return {};
  row_.delivered -= taken.size(); // nobody ever saw them
  group_effects out;
  note_ends(taken, lease_outcome::released, {}, now);
  take_back(taken, out);
  return finish(std::move(out));
}

void subscription::take_back(std::span<const position> at,
                             group_effects& into) {
  lease_id apart; // they stay together
  for (auto& range : as_ranges(at)) {
    auto& from = lane_of(range.in);
    for (auto& run : from.states.within(range.numbers)) {
      let_go(range.in, run);
      maybe_done_.push_back(run.is.ticket);
      if (apart.value == 0 && tickets_.at(run.is.ticket).note.apart)
        apart =
          open_ticket(delayed_kind::retry_due, {}, {{}, {}, 0, true}, into);
      number_range numbers{run.first, run.count};
      bool new_again = run.is.attempt == 1; // as if it had not been delivered
      runs::state next{run_state::retry, run.is.attempt - 1, apart, {}};
      if (!new_again)
        next.first_lease = run.is.first_lease;
      if (new_again && apart.value == 0)
        from.states.clear(numbers);
      else
        from.states.assign(numbers, next);
      if (apart.value != 0)
        tickets_.at(apart).covers.push_back({range.in, numbers});
      from.hint = std::min(from.hint, run.first);
    }
  }
}

void subscription::extend(lease_id ticket, wall_time due) {
  ++tickets_.at(ticket).note.extensions;
  wait_until(ticket, due);
}

std::vector<lease_id> subscription::waiting_retries(wall_time now) const {
  std::vector<lease_id> out;
  for (auto& [id, is] : tickets_)
    if (is.due > now && is.kind == delayed_kind::retry_due)
      out.push_back(id);
  std::sort(out.begin(), out.end()); // the same records in each run
  return out;
}

group_effects subscription::move(std::span<const lease_id> tickets,
                                 wall_time due, wall_time now) {
  group_effects out;
  for (auto id : tickets) {
    auto found = tickets_.find(id);
    if (found == tickets_.end() || found->second.due <= now)
      continue;
    out.applied += holders_of(id);
    if (found->second.kind == delayed_kind::lease_end)
      extend(id, due);
    else
      wait_until(id, due);
  }
  return finish(std::move(out));
}

group_effects subscription::move(std::span<const retry_move> what,
                                 delayed_id job, wall_time now) {
  group_effects out;
  for (auto& [ticket, due, to] : what) {
    auto found = tickets_.find(ticket);
    if (found == tickets_.end() || found->second.kind != delayed_kind::retry_due
        || found->second.due != due || due <= now)
      continue;
    found->second.note.moved_by = job;
    out.applied += holders_of(ticket);
    wait_until(ticket, to);
  }
  return finish(std::move(out));
}

void subscription::wait_until(lease_id ticket, wall_time due) {
  auto& waits = tickets_.at(ticket);
  moved_.try_emplace(ticket, waits.due);
  waits.due = due;
  for (auto& range : waits.covers) {
    auto& states = lane_of(range.in).states;
    for (auto& run : states.within(range.numbers))
      if (run.is.ticket == ticket) {
        run.is.due = due;
        states.assign({run.first, run.count}, run.is);
      }
  }
}

/// The halves of what a lease had when it died; a bound keeps them one.
void subscription::come_apart(std::vector<position> ended, wall_time now,
                              std::uint64_t random, group_effects& into) {
  auto words = "one of " + std::to_string(ended.size())
               + " in its lease: the attempt is not charged";
  std::vector<position> given_up;
  std::erase_if(ended, [&](auto& at) {
    auto run = lane_of(at.in).states.at(at.number);
    judge(run->is.ticket, lease_outcome::expired, now);
    auto held = held_.find(at);
    if (held == held_.end())
      return false;
    auto uncharged = run->is;
    --uncharged.attempt;
    auto why = reason_to_park(uncharged, held->second.give_up_at, now);
    if (!why)
      return false;
    park(at, run->is, known_of(at), *why, *why, now, into);
    given_up.push_back(at);
    return true;
  });
  settle_positions(std::move(given_up), into);
  auto half = apart_.size() + 2 > limits::suspects_max ? ended.size()
                                                       : (ended.size() + 1) / 2;
  for (std::size_t from = 0; from < ended.size(); from += half) {
    std::span<const position> part{ended.data() + from,
                                   std::min(half, ended.size() - from)};
    std::uint32_t attempt = 1;
    for (auto& at : part)
      attempt =
        std::max(attempt, lane_of(at.in).states.at(at.number)->is.attempt);
    auto wait = delay_ms(row_.settings.retries, attempt, random);
    wall_time due{wait > 0 ? now.value + wait : 0};
    auto ticket =
      open_ticket(delayed_kind::retry_due, due, {{}, {}, 0, true}, into);
    note_ends(part, lease_outcome::expired, words, now, wait);
    std::map<std::pair<std::uint32_t, wall_time>, std::vector<position>> alike;
    for (auto& at : part) {
      auto is = lane_of(at.in).states.at(at.number)->is;
      alike[{is.attempt - 1, is.first_lease}].push_back(at);
    }
    for (auto& [what, at] : alike)
      return_as(at, {run_state::retry, what.first, ticket, due, what.second});
  }
}

delayed_message subscription::message_of(lease_id ticket,
                                         const ticket_state& is) const {
  delayed_message out{delayed_of(row_.id, ticket),
                      is.due,
                      is.kind,
                      key_.stream,
                      key_.group,
                      ticket.value};
  if (is.kind == delayed_kind::lease_end)
    out.body = to_body(is.note);
  else
    out.body = to_retry_body(is.note);
  return out;
}

lease_id subscription::open_ticket(delayed_kind kind, wall_time due,
                                   lease_note note, group_effects& into) {
  auto ticket = next_lease_;
  next_lease_ = {ticket.value + 1};
  // Leases that a crash took may have left: what comes after it begins behind
  // all that could have.
  bool lazy = row_.settings.durability == lease_durability::lazy;
  auto ahead = lazy ? reserved_leases : 0;
  if (row_.next_lease.value < next_lease_.value + ahead / 2)
    row_.next_lease = {next_lease_.value + ahead};
  note.who.name = clipped(note.who.name, limits::holder_bytes_max);
  note.who.address = clipped(note.who.address, limits::holder_bytes_max);
  auto& is = tickets_[ticket] = {due, kind, std::move(note), {}};
  index(ticket, is);
  if (due.value != 0)
    into.changes.emplace_back(put_delayed{message_of(ticket, is)});
  return ticket;
}

void subscription::index(lease_id ticket, const ticket_state& is) {
  if (is.kind != delayed_kind::lease_end && is.note.apart)
    apart_.insert(ticket);
  if (is.note.who.name.empty())
    return;
  if (auto events = holders_of(ticket); events > 0) // it has them by now
    by_holder_[is.note.who.name] += events;
}

bool subscription::leaves_early(lease_id ticket) const noexcept {
  return row_.settings.durability == lease_durability::lazy
         && ticket < stored_next_;
}

void subscription::stored(lease_id next_lease) noexcept {
  stored_next_ = std::max(stored_next_, next_lease);
}

void subscription::close_tickets(group_effects& into) {
  // One change for each message, however often it was moved.
  auto stored_due = [&](lease_id id, const ticket_state& is) {
    auto before = moved_.find(id);
    return before == moved_.end() ? is.due : before->second;
  };
  auto erase = [&](lease_id id, wall_time due) {
    if (due.value != 0)
      into.changes.emplace_back(erase_delayed{due, delayed_of(row_.id, id)});
  };
  for (auto id : maybe_done_) {
    auto found = tickets_.find(id);
    if (found == tickets_.end() || holders_of(id) > 0)
      continue;
    auto& is = found->second;
    erase(id, stored_due(id, is));
    apart_.erase(id);
    tickets_.erase(found);
  }
  maybe_done_.clear();
  for (auto& [id, before] : moved_)
    if (auto found = tickets_.find(id); found != tickets_.end()) {
      if (found->second.due != before)
        erase(id, before);
      into.changes.emplace_back(put_delayed{message_of(id, found->second)});
    }
  moved_.clear();
}

std::uint64_t subscription::holders_of(lease_id ticket) const {
  return lane_of(lane::source).states.holders(ticket)
         + lane_of(lane::replay).states.holders(ticket);
}

std::vector<position> subscription::positions_of(lease_id ticket) const {
  std::vector<position> out;
  auto found = tickets_.find(ticket);
  if (found == tickets_.end() || found->second.kind != delayed_kind::lease_end)
    return out;
  for (auto& range : found->second.covers)
    for (auto& run : lane_of(range.in).states.within(range.numbers))
      if (run.is.ticket == ticket)
        for (auto n = run.first; n < run.end(); n = n + 1)
          out.push_back({range.in, n});
  std::sort(out.begin(), out.end());
  return out;
}

void subscription::hold(const leasable& what, wall_time since) {
  held_.emplace(what.at,
                held_event{what.id, what.target, what.give_up_at, since});
  by_id_.emplace(what.id, what.at);
}

void subscription::let_go(lane in, const runs::run& leased) {
  assert(leased.is.what == run_state::leased);
  auto& name = tickets_.at(leased.is.ticket).note.who.name;
  if (auto all = by_holder_.find(name); all != by_holder_.end()) {
    assert(all->second >= leased.count);
    all->second -= leased.count;
    if (all->second == 0)
      by_holder_.erase(all);
  }
  for (auto n = leased.first; n < leased.end(); n = n + 1) {
    auto held = held_.find({in, n});
    if (held == held_.end())
      continue; // leased before a restart and not identified since
    auto [first, last] = by_id_.equal_range(held->second.id);
    auto same = std::find_if(
      first, last, [&](auto& entry) { return entry.second == held->first; });
    assert(same != last);
    by_id_.erase(same);
    held_.erase(held);
  }
}

} // namespace callboard
