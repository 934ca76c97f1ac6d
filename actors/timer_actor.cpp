// The window, firing, and offering again what was refused.
#include "actors/timer_actor.hpp"

#include "actors/core/limits.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

void timer_state::add(partition_id where, delayed_message&& what) {
  auto& read = cursors[where.value];
  if (std::tie(what.due, what.id) > std::tie(read.due, read.id))
    return; // it is read when its turn comes
  order key{what.due, where, what.id};
  window.try_emplace(key, waiting_message{where, std::move(what)});
  if (window.size() <= limits::timer_window_max)
    return;
  // The latest one goes back to LMDB alone.
  auto [due, partition_of_last, id] = std::prev(window.end())->first;
  cursors[partition_of_last.value] = {due, {id.value - 1}, false};
  window.erase(std::prev(window.end()));
}

void timer_state::changed(delayed_changes& what) {
  for (auto& [due, id, put] : what.changes) {
    if (put) {
      add(what.partition, std::move(*put));
      continue;
    }
    order key{due, what.partition, id};
    window.erase(key);
    fired.erase(key);
  }
  arm();
}

bool timer_state::must_read_on() const {
  if (window.size() > limits::timer_window_max / 2)
    return false;
  // Half of the time ahead is gone, or there was no room for all of it.
  auto soon = node->now() + std::uint64_t(limits::timer_window.count()) / 2;
  return horizon <= soon
         || std::any_of(cursors.begin(), cursors.end(),
                        [](auto& read) { return !read.at_horizon; });
}

errc timer_state::read_on() {
  horizon = node->now() + std::uint64_t(limits::timer_window.count());
  auto room = limits::timer_window_max / 2 / cursors.size();
  for (std::size_t p = 0; p < cursors.size(); ++p) {
    auto& read = cursors[p];
    auto rows = node->db->delayed({p}, read.due, read.id, horizon, room);
    if (!rows)
      return rows.error();
    if (rows->size() < room)
      read = {horizon, {UINT64_MAX}, true};
    else
      read = {rows->back().due, rows->back().id, false};
    for (auto& row : *rows)
      window.try_emplace(order{row.due, {p}, row.id},
                         waiting_message{{p}, std::move(row)});
  }
  return errc::none;
}

void timer_state::wake(std::uint64_t generation) {
  if (generation != armed_generation)
    return; // an earlier wake-up replaced this one
  armed = {};
  auto now = node->now();
  if (must_read_on())
    if (auto why = read_on(); why != errc::none) {
      spdlog::error("timer cannot read delayed messages error={}",
                    to_string(why));
      return arm_in(limits::refused_delay);
    }
  while (!window.empty() && std::get<0>(window.begin()->first) <= now) {
    auto next = window.extract(window.begin());
    fired.insert(next.key());
    fire(next.mapped());
  }
  arm();
}

void timer_state::fire(const waiting_message& message) {
  auto [where, what] = message;
  auto late = node->now().value - std::min(node->now().value, what.due.value);
  ++node->counts.delayed_fired;
  node->counts.delayed_late_ms_total += late;
  auto& bounds = counters::late_bounds_ms;
  auto bucket = std::lower_bound(bounds.begin(), bounds.end(), late);
  ++node->counts.delayed_late[std::size_t(bucket - bounds.begin())];
  order key{what.due, where, what.id};
  self->request(partition(where), caf::infinite, fired_atom_v, what)
    .then([](bool) {}, // the record that took it over has erased it
          [this, key, message](const caf::error&) {
            // Offered again: it comes back with the rows, or right here.
            if (fired.erase(key) > 0)
              self->delayed_send(
                self, limits::refused_delay, delayed_atom_v,
                delayed_changes{
                  message.partition,
                  {{message.what.due, message.what.id, message.what}}});
          });
}

void timer_state::arm() {
  auto now = node->now();
  auto half = std::uint64_t(limits::timer_window.count()) / 2;
  auto next = must_read_on() ? now : wall_time{horizon.value - half};
  if (!window.empty())
    next = std::min(next, std::get<0>(window.begin()->first));
  auto wait = next > now ? next.value - now.value : 0;
  arm_in(std::min(std::chrono::milliseconds{wait}, limits::sleep_max));
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
  state.cursors.resize(partitions);
  state.partition = std::move(partition);
  return {
    [&](delayed_atom, delayed_changes& what) { state.changed(what); },
    [&](wake_atom, std::uint64_t generation) { state.wake(generation); },
  };
}

} // namespace callboard
