// The window, firing, and offering again what was refused.
#include "actors/timer_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/pending_counts.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

namespace {

constexpr auto window_ms = std::uint64_t(limits::timer_window.count());

/// Whether it is refused while nothing can be published.
bool is_published(delayed_id id) noexcept {
  auto kind = class_of(id);
  return kind == delayed_class::publish || kind == delayed_class::recurring
         || kind == delayed_class::notice;
}

/// Damage does not go away: the next start offers it again.
bool is_given_up(const delayed_message& what, errc why) noexcept {
  return why == errc::corrupt
         && (what.kind == delayed_kind::publish
             || what.kind == delayed_kind::recurring);
}

} // namespace

timer_state::lane& timer_state::lane_of(partition_id where, delayed_id id) {
  return lanes[2 * where.value + (is_published(id) ? 1 : 0)];
}

void timer_state::add(partition_id where, delayed_message&& what) {
  auto& in = lane_of(where, what.id);
  place at{what.due, what.id};
  if (at > in.read)
    return; // it is read when its turn comes
  in.window.try_emplace(at, std::move(what));
  if (in.window.size() + in.refused.size() <= messages_max)
    return;
  // The latest one goes back to LMDB alone.
  auto last = std::prev(in.window.end());
  auto [due, id] = last->first;
  in.read = {due, {id.value - 1}};
  in.at_horizon = false;
  in.window.erase(last);
}

void timer_state::changed(delayed_changes& what) {
  for (auto& [due, id, put] : what.changes) {
    if (put) {
      add(what.partition, std::move(*put));
      continue;
    }
    auto& in = lane_of(what.partition, id);
    in.window.erase({due, id});
    in.fired.erase({due, id});
  }
  arm();
}

bool timer_state::has_room(const lane& in) const {
  return in.window.size() + in.refused.size() <= messages_max / 2;
}

bool timer_state::must_read_on(const lane& in) const {
  // Half of the time ahead is gone, or there was no room for all of it.
  return has_room(in)
         && (!in.at_horizon || in.read.first <= node->now() + window_ms / 2);
}

errc timer_state::read_on(lane& in) {
  auto horizon = node->now() + window_ms;
  auto room = std::max<std::size_t>(messages_max / 2, 1);
  auto [due, id] = in.read;
  auto rows = node->db->delayed(in.partition, due, id, horizon, room);
  if (!rows)
    return rows.error();
  in.at_horizon = rows->size() < room;
  in.read = in.at_horizon ? place{horizon, {UINT64_MAX}}
                          : place{rows->back().due, rows->back().id};
  for (auto& row : *rows) {
    place at{row.due, row.id};
    if (is_published(row.id) == in.publishes && !in.fired.contains(at))
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
  for (auto& in : lanes)
    if (must_read_on(in))
      if (auto why = read_on(in); why != errc::none) {
        spdlog::error("timer cannot read delayed messages error={}",
                      to_string(why));
        return arm_in(limits::refused_delay);
      }
  arm();
}

void timer_state::fire_due(lane& in) {
  auto now = node->now();
  for (; !in.refused.empty() && in.refused.front().again <= now;
       in.refused.pop_front()) {
    auto& what = in.refused.front().what;
    place at{what.due, what.id};
    if (in.fired.erase(at) > 0) // else a record has erased it meanwhile
      in.window.try_emplace(at, std::move(what));
  }
  while (in.unanswered < unanswered_max && !in.window.empty()
         && in.window.begin()->first.first <= now) {
    auto next = in.window.extract(in.window.begin());
    in.fired.insert(next.key());
    fire(in, next.mapped());
  }
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
          [this, &in, what](const caf::error& why) {
            if (in.fired.contains({what.due, what.id})
                && !is_given_up(what, to_errc(why))) {
              auto wait = std::uint64_t(limits::refused_delay.count());
              in.refused.push_back({node->now() + wait, what});
              arm_in(limits::refused_delay);
            }
            answered(in);
          });
}

/// A lane that had to stop goes on with many at a time.
void timer_state::answered(lane& in) {
  if (--in.unanswered == unanswered_max / 2)
    arm();
}

wall_time timer_state::next_in(const lane& in) const {
  if (must_read_on(in))
    return node->now();
  wall_time next{UINT64_MAX};
  if (in.at_horizon && has_room(in))
    next = {in.read.first.value - window_ms / 2};
  if (!in.refused.empty())
    next = std::min(next, in.refused.front().again);
  if (!in.window.empty() && in.unanswered < unanswered_max)
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
  state.partition = std::move(partition);
  return {
    [&](delayed_atom, delayed_changes& what) { state.changed(what); },
    [&](wake_atom, std::uint64_t generation) { state.wake(generation); },
  };
}

} // namespace callboard
