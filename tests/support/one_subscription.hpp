// One group's core with its rows, as a partition would keep them.
#pragma once

#include "actors/core/subscription.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace callboard::test {

inline uuid event_id(std::uint64_t n) {
  uuid out;
  for (std::size_t i = 0; i < 8; ++i)
    out.bytes[15 - i] = std::uint8_t(n >> (8 * i));
  out.bytes[0] = 0xee;
  return out;
}

/// The group `group` (id 1) on `stream`, which has `events` events; the id of
/// number n is `event_id(n)`, that of a parked one `event_id(1000 + n)`. What
/// is decided is stored; `restart` builds the core from that.
class one_subscription {
public:
  static constexpr wall_time start{1'000'000};

  explicit one_subscription(std::uint64_t events, group_settings settings = {})
      : end_(events) {
    row = subscription::first_row({1}, settings, {events}, {0});
    core.emplace(key(), row, std::span<const run_row>{}, event_number{events},
                 event_number{0});
  }

  static group_key key() { return {"stream", "group"}; }

  void restart() {
    std::vector<run_row> runs;
    for (auto& [at, run] : runs_)
      runs.push_back(run);
    core.emplace(key(), row, runs, event_number{end_}, parked_end);
    for (auto& wanted : core->messages())
      core->recall(delayed_.at(wanted));
    std::vector<history_row> rows;
    for (auto& [at, one] : history)
      rows.push_back(one);
    core->recall(rows);
    for (auto& [in, numbers] : core->unidentified())
      for (auto n = numbers.first; n < numbers.end(); n = n + 1)
        core->identify(leasable_at({in, n}));
  }

  void record(group_effects what) {
    for (auto& one : what.changes)
      std::visit([this](auto& x) { apply(x); }, one);
    for (auto& one : what.parked) {
      reasons.push_back(one.reason);
      parked_end = parked_end + 1;
    }
  }

  std::vector<leased_event> deliver(std::size_t count, lease_holder who = {}) {
    std::vector<leasable> wanted;
    for (auto& [in, numbers] : core->peek(count))
      for (auto n = numbers.first; n < numbers.end(); n = n + 1)
        wanted.push_back(leasable_at({in, n}));
    auto todo = core->lease(wanted, now, std::move(who));
    auto out = todo.leased;
    record(std::move(todo));
    return out;
  }

  lease_token lease(std::size_t count, lease_holder who = {}) {
    return {{1}, deliver(count, std::move(who)).at(0).lease};
  }

  std::vector<settle_outcome> settle(std::vector<settle_item> items) {
    std::vector<settle_outcome> out;
    record(core->settle(items, now, 0, out));
    return out;
  }

  void ack(std::uint64_t n) {
    record(core->settle(settle_action::ack, std::vector{event_id(n)}, {}, {},
                        now, 0));
  }

  void park(std::uint64_t n) {
    record(core->settle(settle_action::park, std::vector{event_id(n)}, {}, {},
                        now, 0));
  }

  /// The stream loses all below `first`; whether that is a record.
  bool cut(std::uint64_t first) {
    auto todo = core->cut(lane::source, {first});
    bool any = !todo.nothing();
    record(std::move(todo));
    return any;
  }

  /// New settings, and what these forbid.
  void update(const group_settings& settings, event_number first = {}) {
    record(core->update(settings, {end_}, first));
    std::vector<leasable> events;
    for (auto& [in, numbers] : core->used_up({}, SIZE_MAX, now))
      for (auto n = numbers.first; n < numbers.end(); n = n + 1)
        events.push_back(leasable_at({in, n}));
    record(core->give_up(events, now));
  }

  void retry(std::uint64_t n, std::optional<std::uint64_t> delay_ms = {},
             std::string words = {}) {
    record(core->settle(settle_action::retry, std::vector{event_id(n)}, words,
                        delay_ms, now, 0));
  }

  /// Hands out what is due, as the timer does.
  void fire_due() {
    auto all = delayed_;
    for (auto& [at, message] : all)
      if (message.due <= now)
        record(core->fire(message, now, 0));
  }

  std::size_t messages() const { return delayed_.size(); }

  std::vector<history_row> rows_of(lane in, std::uint64_t n) const {
    std::vector<history_row> out;
    for (auto& [at, one] : history)
      if (one.in == in && one.first.value <= n
          && n < one.first.value + one.count)
        out.push_back(one);
    return out;
  }

  std::optional<subscription> core;
  group_row row;
  wall_time now = start;
  wall_time give_up_at;
  event_number parked_end;
  std::vector<std::string> reasons; // of what was parked
  std::map<std::tuple<lane, event_number, lease_id>, history_row> history;

private:
  leasable leasable_at(const position& at) const {
    auto n = at.number.value + (at.in == lane::replay ? 1000 : 0);
    return {at, event_id(n), std::to_string(at.number.value) + "@stream",
            give_up_at};
  }

  void apply(const put_group& x) { row = x.row; }

  void apply(const put_run& x) { runs_[{x.row.in, x.row.first}] = x.row; }

  void apply(const erase_run& x) { runs_.erase({x.in, x.first}); }

  void apply(const put_delayed& x) {
    delayed_[{x.message.due, x.message.id}] = x.message;
  }

  void apply(const erase_delayed& x) { delayed_.erase({x.due, x.id}); }

  void apply(const put_history& x) {
    history[{x.row.in, x.row.first, x.row.lease}] = x.row;
  }

  void apply(const erase_history& x) {
    history.erase({x.in, x.first, x.lease});
  }

  template <class Other>
  void apply(const Other&) {}

  std::uint64_t end_;
  std::map<position, run_row> runs_;
  std::map<std::pair<wall_time, delayed_id>, delayed_message> delayed_;
};

} // namespace callboard::test
