// Times at which a group leases nothing, or one event; and what is given up.
#include "actors/core/limits.hpp"
#include "actors/core/retry_schedule.hpp"
#include "actors/core/subscription.hpp"

#include <algorithm>

namespace callboard {

bool subscription::held_back() const noexcept {
  return row_.paused_until.value != 0 || row_.breaker == breaker_state::open
         || (row_.breaker == breaker_state::half_open
             && row_.breaker_probe.value != 0);
}

group_effects subscription::pause(wall_time until, std::string_view reason) {
  row_.paused_until = until;
  row_.pause_reason = clipped(reason, limits::words_bytes_max);
  return finish({});
}

group_effects subscription::resume() {
  row_.paused_until = {};
  row_.pause_reason.clear();
  row_.breaker = breaker_state::closed;
  row_.breaker_until = {};
  row_.breaker_delay_ms = 0;
  row_.breaker_probe = {};
  return finish({});
}

group_effects subscription::trip(std::uint64_t delay_ms, std::string_view words,
                                 wall_time now) {
  row_.breaker = breaker_state::open;
  row_.breaker_delay_ms = delay_ms;
  row_.breaker_until = now + delay_ms;
  row_.breaker_probe = {};
  row_.pause_reason = clipped(words, limits::words_bytes_max);
  return finish({});
}

group_effects subscription::end_pause(const delayed_message& message) {
  group_effects out;
  lease_id which{message.subject};
  if (which == pause_ticket && message.due == row_.paused_until) {
    row_.paused_until = {};
    if (row_.breaker == breaker_state::closed)
      row_.pause_reason.clear();
  } else if (which == breaker_ticket && row_.breaker == breaker_state::open
             && message.due == row_.breaker_until) {
    row_.breaker = breaker_state::half_open;
    row_.breaker_until = {};
  } else
    out.changes.emplace_back(erase_delayed{message.due, message.id});
  return finish(std::move(out)); // erases the row of what changed
}

/// The one event of a half-open breaker left its lease: who settled it is well
/// again, whatever he said; who nacked it, or went silent, is not. One that is
/// released says nothing.
void subscription::judge(lease_id ticket, lease_outcome outcome,
                         wall_time now) {
  if (row_.breaker != breaker_state::half_open || ticket.value == 0
      || ticket != row_.breaker_probe || outcome == lease_outcome::released)
    return;
  row_.breaker_probe = {};
  if (outcome == lease_outcome::retried || outcome == lease_outcome::expired) {
    row_.breaker = breaker_state::open;
    row_.breaker_until = now + row_.breaker_delay_ms;
    return;
  }
  row_.breaker = breaker_state::closed;
  row_.breaker_delay_ms = 0;
  if (row_.paused_until.value == 0)
    row_.pause_reason.clear();
}

/// The messages that end what the row says, in the place of those that would
/// have ended what it said before.
void subscription::time_pauses(group_effects& into) {
  auto breaker_due = [](const group_row& of) {
    return of.breaker == breaker_state::open ? of.breaker_until : wall_time{};
  };
  auto move = [&](lease_id which, wall_time was, wall_time is) {
    auto id = delayed_of(row_.id, which);
    if (was == is)
      return;
    if (was.value != 0)
      into.changes.emplace_back(erase_delayed{was, id});
    if (is.value != 0)
      into.changes.emplace_back(put_delayed{
        {id, is, delayed_kind::resume, key_.stream, key_.group, which.value}});
  };
  move(pause_ticket, stored_row_.paused_until, row_.paused_until);
  move(breaker_ticket, breaker_due(stored_row_), breaker_due(row_));
}

std::optional<std::string> subscription::reason_to_park(const runs::state& is,
                                                        wall_time give_up_at,
                                                        wall_time now) const {
  if (give_up_at.value != 0 && now >= give_up_at)
    return "Give-Up-At has passed";
  auto& settings = row_.settings;
  if (!parks(is.attempt, settings.max_retry_count))
    return std::nullopt;
  if (settings.min_retry_span_ms > 0 && is.first_lease.value != 0
      && now < is.first_lease + std::uint64_t(settings.min_retry_span_ms))
    return std::nullopt;
  return "Reached retry count of " + std::to_string(settings.max_retry_count);
}

/// Parks what is not leased if it has used up its attempts, or its time.
bool subscription::gives_up(const leasable& what, runs::state was,
                            wall_time now, group_effects& into) {
  auto why = reason_to_park(was, what.give_up_at, now);
  if (!why)
    return false;
  was.ticket = {}; // that of its retry, which is no lease
  park(what.at, was, {what.id, what.target, what.give_up_at, {}}, *why, *why,
       now, into);
  return true;
}

std::vector<position_range>
subscription::used_up(position from, std::size_t count, wall_time now) const {
  std::vector<position_range> out;
  for (auto in : {lane::source, lane::replay}) {
    if (in < from.in)
      continue;
    auto at = in == from.in ? from.number : event_number{};
    while (count > 0) {
      auto run = lane_of(in).states.from(at);
      if (!run)
        break;
      auto first = std::max(at, run->first);
      at = run->end();
      if (run->is.what != run_state::retry || !reason_to_park(run->is, {}, now))
        continue;
      auto taken = std::min<std::uint64_t>(count, at.value - first.value);
      out.push_back({in, {first, taken}});
      count -= taken;
    }
  }
  return out;
}

group_effects subscription::give_up(std::span<const leasable> events,
                                    wall_time now) {
  group_effects out;
  std::vector<position> given_up;
  for (auto& what : events)
    if (auto run = lane_of(what.at.in).states.at(what.at.number);
        run && run->is.what == run_state::retry
        && gives_up(what, run->is, now, out))
      given_up.push_back(what.at);
  out.applied = given_up.size();
  settle_positions(std::move(given_up), out);
  return finish(std::move(out));
}

held_event subscription::known_of(const position& at) const {
  auto held = held_.find(at);
  return held == held_.end() ? held_event{} : held->second;
}

void subscription::park(const position& at, const runs::state& was,
                        const held_event& what, std::string_view reason,
                        std::string_view words, wall_time now,
                        group_effects& into) {
  auto target = what.target;
  if (target.empty() && at.in == lane::source)
    target = std::to_string(at.number.value) + "@" + key_.stream;
  if (target.empty()) { // its link cannot be read any more: nothing to keep
    ++row_.settled;
    return note_end({at,
                     1,
                     was.attempt,
                     was.ticket,
                     lease_outcome::skipped,
                     0,
                     "what was parked cannot be read any more",
                     {},
                     now});
  }
  into.parked.push_back(
    {at, std::move(target), std::string{reason}, what.id, was.attempt});
  parked_again_ += at.in == lane::replay ? 1 : 0;
  note_end({at, 1, was.attempt, was.ticket, lease_outcome::parked, 0,
            clipped(words, limits::words_bytes_max), parked_end_, now});
  parked_end_ = parked_end_ + 1;
  ++row_.parked;
}

} // namespace callboard
