// The window, firing, and offering again what was refused.
#include "actors/timer_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/pending_counts.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

namespace {

constexpr auto window_ms = std::uint64_t(limits::timer_window.count());
constexpr auto refused_delay_ms = std::uint64_t(limits::refused_delay.count());

/// Whether it is refused while nothing can be published.
bool is_published(delayed_id id) noexcept {
  auto kind = class_of(id);
  return kind == delayed_class::publish || kind == delayed_class::recurring
         || kind == delayed_class::notice;
}

/// Neither damage nor a missing time zone goes away: the next start offers it
/// again.
bool is_given_up(delayed_kind kind, errc why) noexcept {
  if (kind == delayed_kind::recurring && why == errc::not_found)
    return true;
  return why == errc::corrupt
         && (kind == delayed_kind::publish || kind == delayed_kind::recurring
             || kind == delayed_kind::announce || kind == delayed_kind::bulk);
}

constexpr timer_state::place
just_before(const timer_state::place& at) noexcept {
  return {at.first, {at.second.value - 1}};
}

} // namespace

timer_state::lane& timer_state::lane_of(partition_id where, delayed_id id) {
  return lanes[2 * where.value + (is_published(id) ? 1 : 0)];
}

/// Whatever was known of this one is not true any more.
void timer_state::drop(lane& in, const place& at) {
  in.window.erase(at);
  in.left_alone.erase(at);
  if (auto one = in.fired.find(at); one != in.fired.end()) {
    in.turns.erase({one->second.again, at});
    in.fired.erase(one);
  }
}

void timer_state::add(partition_id where, delayed_message&& what) {
  auto& in = lane_of(where, what.id);
  place at{what.due, what.id};
  drop(in, at); // a damaged one may have been written anew
  if (at > in.read)
    return; // it is read when its turn comes
  in.window.try_emplace(at, std::move(what));
  if (in.window.size() <= messages_max)
    return;
  // The latest one goes back to LMDB alone.
  auto last = std::prev(in.window.end())->first;
  in.read = std::min(in.read, just_before(last));
  in.at_horizon = false;
  drop(in, last);
}

void timer_state::changed(delayed_changes& what) {
  for (auto& [due, id, put] : what.changes)
    if (put)
      add(what.partition, std::move(*put));
    else
      drop(lane_of(what.partition, id), {due, id});
  arm();
}

bool timer_state::has_room(const lane& in) const {
  // What is to be published waits for what is before it: if that is refused, so
  // would be all that is read behind it.
  auto waiting = in.publishes ? in.turns.size() : 0;
  return in.window.size() + waiting <= messages_max / 2;
}

wall_time timer_state::reads_at(const lane& in) const {
  if (!has_room(in))
    return {UINT64_MAX};
  // Half of the time ahead is gone, or there was no room for all of it.
  wall_time at{in.at_horizon ? in.read.first.value - window_ms / 2 : 0};
  if (in.forgotten)
    at = std::min(at, in.back_at);
  return std::max(at, in.not_before);
}

errc timer_state::read_on(lane& in) {
  auto now = node->now();
  if (in.forgotten && in.back_at <= now) {
    in.read = std::min(in.read, just_before(*in.forgotten));
    in.at_horizon = false;
    in.forgotten.reset();
  }
  auto horizon = now + window_ms;
  auto room = std::max<std::size_t>(messages_max / 2, 1);
  auto [due, id] = in.read;
  auto found = node->db->delayed_slice(in.partition, due, id, horizon, room);
  if (!found)
    return found.error();
  in.at_horizon = found->seen < room;
  in.read = in.at_horizon ? place{horizon, {UINT64_MAX}} : found->last;
  for (auto& at : found->damaged)
    if (is_published(at.second) == in.publishes)
      leave_damaged(in, at);
  for (auto& row : found->rows) {
    place at{row.due, row.id};
    if (is_published(row.id) == in.publishes && !in.fired.contains(at)
        && !in.left_alone.contains(at))
      in.window.try_emplace(at, std::move(row));
  }
  return errc::none;
}

void timer_state::wake(std::uint64_t generation) {
  if (generation != armed_generation)
    return; // an earlier wake-up replaced this one
  armed = {};
  for (auto& in : lanes)
    fire_due(in);
  for (auto& in : lanes) {
    if (reads_at(in) > node->now())
      continue;
    if (auto why = read_on(in); why != errc::none)
      cannot_read(in, why);
  }
  arm();
}

/// The others go on.
void timer_state::cannot_read(lane& in, errc why) {
  in.not_before = node->now() + refused_delay_ms;
  auto partition_text = std::to_string(in.partition.value);
  if (auto more = log.pass("read " + partition_text))
    spdlog::error("timer cannot read delayed messages partition={} error={} "
                  "suppressed={}",
                  partition_text, to_string(why), *more);
}

/// Whether that is remembered, and was not before.
bool timer_state::leave_alone(lane& in, const place& at) {
  return in.left_alone.size() < left_alone_max
         && in.left_alone.insert(at).second;
}

void timer_state::leave_damaged(lane& in, const place& at) {
  if (in.left_alone.contains(at)
      || (!leave_alone(in, at) && !log.pass("damaged")))
    return;
  spdlog::error("a delayed message is damaged: it stays where it is, and the "
                "next start tries again partition={} due={} id={}",
                in.partition.value, at.first.value, at.second.value);
}

void timer_state::fire_due(lane& in) {
  take_turns(in);
  auto now = node->now();
  while (in.unanswered < unanswered_max && !in.window.empty()
         && in.window.begin()->first.first <= now) {
    auto next = in.window.extract(in.window.begin());
    in.fired.try_emplace(next.key());
    fire(in, next.mapped());
  }
}

/// As many as can be handed out: the others stay on the disk meanwhile.
void timer_state::take_turns(lane& in) {
  auto now = node->now();
  for (auto left = unanswered_max - in.unanswered;
       left > 0 && in.not_before <= now && !in.turns.empty()
       && in.turns.begin()->first <= now && in.window.size() <= messages_max;
       --left)
    if (auto why = take_turn(in); why != errc::none)
      cannot_read(in, why);
}

errc timer_state::take_turn(lane& in) {
  auto at = in.turns.begin()->second;
  auto [due, id] = just_before(at);
  auto found = node->db->delayed_slice(in.partition, due, id, due, 1);
  if (!found && found.error() != errc::corrupt)
    return found.error();
  in.turns.erase(in.turns.begin());
  if (!found || (found->last == at && found->rows.empty())) {
    drop(in, at);
    leave_damaged(in, at);
  } else if (found->last != at) { // a record has erased it
    drop(in, at);
  } else { // its patience stays
    in.window.try_emplace(at, std::move(found->rows.front()));
  }
  return errc::none;
}

void timer_state::count_late(const delayed_message& what) const {
  auto late = node->now().value - std::min(node->now().value, what.due.value);
  ++node->counts.delayed_fired;
  node->counts.delayed_late_ms_total += late;
  auto& bounds = counters::late_bounds_ms;
  auto bucket = std::lower_bound(bounds.begin(), bounds.end(), late);
  ++node->counts.delayed_late[std::size_t(bucket - bounds.begin())];
}

void timer_state::fire(lane& in, const delayed_message& what) {
  count_late(what);
  ++in.unanswered;
  self->request(partition(in.partition), caf::infinite, fired_atom_v, what)
    .then([this, &in](bool) { answered(in); }, // its record erases it here
          [this, &in, at = place{what.due, what.id},
           kind = what.kind](const caf::error& why) {
            refused(in, at, kind, to_errc(why));
            answered(in);
          });
}

void timer_state::refused(lane& in, const place& at, delayed_kind kind,
                          errc why) {
  auto one = in.fired.find(at);
  if (one == in.fired.end())
    return; // a record has erased it meanwhile
  if (is_given_up(kind, why)) {
    drop(in, at);
    leave_alone(in, at);
    if (auto more = log.pass("given up"))
      spdlog::error("a delayed message is not offered again before the next "
                    "start partition={} due={} id={} error={} suppressed={}",
                    in.partition.value, at.first.value, at.second.value,
                    to_string(why), *more);
    return;
  }
  if (in.turns.size() >= refused_max)
    return forget_for_now(in, at);
  // What is about all messages ends for all of them at once, and what publishes
  // must come in order: those are not made to wait for longer and longer.
  auto& [again, wait_ms, last] = one->second;
  bool is_its_own = !in.publishes && why == last && why != errc::overloaded
                    && node->log->refusal() == errc::none;
  constexpr auto wait_max = std::uint64_t(limits::refused_delay_max.count());
  wait_ms = is_its_own ? std::min(2 * wait_ms, wait_max) : refused_delay_ms;
  last = why;
  in.turns.erase({again, at}); // it may have been handed out twice
  again = node->now() + wait_ms;
  in.turns.emplace(again, at);
  arm_in(std::chrono::milliseconds{wait_ms});
}

/// The lane is read again from there; what publishes once there is room.
void timer_state::forget_for_now(lane& in, const place& at) {
  drop(in, at);
  auto wait = in.publishes ? limits::refused_delay : limits::refused_delay_max;
  if (!in.forgotten)
    in.back_at = node->now() + std::uint64_t(wait.count());
  in.forgotten = std::min(in.forgotten.value_or(at), at);
  arm_in(wait);
}

/// A lane that had to stop goes on with many at a time.
void timer_state::answered(lane& in) {
  if (--in.unanswered == unanswered_max / 2)
    arm();
}

wall_time timer_state::next_in(const lane& in) const {
  auto next = std::max(reads_at(in), node->now());
  if (in.unanswered >= unanswered_max)
    return next;
  if (!in.turns.empty())
    next = std::min(next, std::max(in.turns.begin()->first, in.not_before));
  if (!in.window.empty())
    next = std::min(next, in.window.begin()->first.first);
  return next;
}

void timer_state::arm() {
  auto now = node->now();
  auto next = now + std::uint64_t(limits::sleep_max.count());
  for (auto& in : lanes)
    next = std::min(next, next_in(in));
  arm_in(std::chrono::milliseconds{next > now ? next.value - now.value : 0});
}

void timer_state::arm_in(std::chrono::milliseconds wait) {
  auto at = node->now() + std::uint64_t(wait.count());
  if (armed.value != 0 && armed <= at)
    return;
  armed = at;
  self->delayed_send(self, wait, wake_atom_v, ++armed_generation);
}

timer_actor::behavior_type
timer_behavior(timer_actor::stateful_pointer<timer_state> self, node_ptr node,
               std::size_t partitions, timer_state::partitions_of partition) {
  auto& state = self->state;
  state.self = self;
  state.node = std::move(node);
  state.lanes.resize(2 * partitions);
  for (std::size_t i = 0; i < state.lanes.size(); ++i) {
    state.lanes[i].partition = {i / 2};
    state.lanes[i].publishes = i % 2 != 0;
  }
  auto shares = state.lanes.size();
  state.messages_max = limits::timer_window_max / shares;
  state.unanswered_max =
    std::max<std::size_t>(limits::timer_unanswered_max / shares, 1);
  state.refused_max = limits::timer_refused_max / shares;
  state.left_alone_max = limits::timer_left_alone_max / shares;
  state.partition = std::move(partition);
  return {
    [&](delayed_atom, delayed_changes& what) { state.changed(what); },
    [&](wake_atom, std::uint64_t generation) { state.wake(generation); },
  };
}

} // namespace callboard
