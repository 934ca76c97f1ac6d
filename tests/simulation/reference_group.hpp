// A group as one would explain it: a life for each event, no runs, no tickets.
// What the core decides is compared with it.
#pragma once

#include "actors/core/limits.hpp"
#include "actors/core/retry_schedule.hpp"
#include "actors/core/subscription.hpp"
#include "tests/simulation/trace_step.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace callboard::test {

/// Copied with each record, so that a crash can go back to what was on disk.
class reference_group {
public:
  /// `kept`: parked, where it was put before.
  enum class state { ready, leased, retry, settled, parked, kept };

  struct life {
    state is = state::ready;
    std::uint32_t attempts = 0;
    lease_id lease;
    wall_time due;         // retry: not before
    wall_time first_lease; // the first delivery that counted
    wall_time give_up_at;
    std::uint64_t apart = 0; // leased with those of the same number alone
    event_number parked_as;
    std::vector<trace_step> trace;
  };

  struct held {
    wall_time until;
    std::uint32_t extensions = 0;
    std::string holder;
    bool apart = false;
  };

  explicit reference_group(group_settings chosen)
      : settings(std::move(chosen)) {}

  // --- what is leased, and whether that was allowed ------------------------

  /// Empty: it was; else what is wrong. `gives_up`: when the event is given up.
  std::string lease(const std::vector<leased_event>& got, wall_time now,
                    const std::string& holder) {
    if (got.empty())
      return {};
    if (paused_until.value != 0)
      return "leased in a pause";
    if (breaker == breaker_state::open)
      return "leased with an open breaker";
    if (breaker == breaker_state::half_open && (got.size() > 1 || probe.value))
      return "more than one event of a half-open breaker";
    auto bound = settings.max_in_flight;
    if (bound > 0 && in_flight() + got.size() > std::size_t(bound))
      return "more than maxInFlight";
    auto id = got.front().lease;
    auto together = lives[got.front().at].apart;
    for (auto& one : got) {
      auto& its = lives[one.at];
      if (its.is != state::ready && its.is != state::retry)
        return "leased what was not ready";
      if (its.is == state::retry && its.due > now)
        return "leased before its time";
      if (its.apart != together)
        return "leased together what is to be apart";
      if (one.attempt != its.attempts + 1)
        return "wrong attempt";
      if (its.first_lease.value == 0)
        its.first_lease = now;
      its.is = state::leased;
      its.attempts = one.attempt;
      its.lease = id;
      its.apart = 0;
    }
    leases[id] = {now + std::uint64_t(settings.message_timeout_ms), 0, holder,
                  together != 0};
    if (breaker == breaker_state::half_open)
      probe = id;
    return {};
  }

  bool is_leased(const position& at, lease_id under = {}) const {
    auto found = lives.find(at);
    return found != lives.end() && found->second.is == state::leased
           && (under.value == 0 || found->second.lease == under);
  }

  // --- what ends leases ------------------------------------------------------

  std::vector<position> of_lease(lease_id id) const {
    std::vector<position> out;
    for (auto& [at, its] : lives)
      if (its.is == state::leased && its.lease == id)
        out.push_back(at);
    return out;
  }

  void settle(const std::vector<position>& at, settle_action how,
              const std::string& words, std::optional<std::uint64_t> delay,
              wall_time now) {
    for (auto& one : at)
      switch (how) {
        case settle_action::ack: end(one, lease_outcome::acked, {}, 0); break;
        case settle_action::skip:
          end(one, lease_outcome::skipped, words, 0);
          break;
        case settle_action::park: park(one, words); break;
        case settle_action::retry: break;
      }
    if (how == settle_action::retry)
      fail(at, lease_outcome::retried, words, delay, false, now);
    tidy();
  }

  void release(const std::vector<position>& at, const std::string& words) {
    std::uint64_t together = 0;
    for (auto& one : at) {
      auto& its = lives[one];
      auto apart = leases[its.lease].apart;
      end(one, lease_outcome::released, words, 0);
      if (apart && together == 0)
        together = ++last_apart;
      --its.attempts;
      its.is = its.attempts > 0 || together != 0 ? state::retry : state::ready;
      if (its.attempts == 0)
        its.first_lease = {};
      its.due = {};
      its.apart = together;
    }
    tidy();
  }

  void extend(lease_id id, wall_time until) {
    leases[id].until = until;
    ++leases[id].extensions;
  }

  /// All retries whose time has not come.
  void move_retries(wall_time due, wall_time now) {
    for (auto& [at, its] : lives)
      if (its.is == state::retry && its.due > now)
        its.due = due;
  }

  void expire(lease_id id, wall_time now) {
    auto had = of_lease(id);
    bool guilty = settings.on_lease_loss == lease_loss::charge_guilty;
    if (!guilty || had.size() == 1) {
      fail(had, lease_outcome::expired, {}, std::nullopt, guilty, now);
      return tidy();
    }
    auto words = "one of " + std::to_string(had.size())
                 + " in its lease: the attempt is not charged";
    std::erase_if(had, [&](auto& at) {
      auto uncharged = lives[at];
      --uncharged.attempts;
      auto why = reason_to_park(uncharged, now);
      if (why)
        park(at, *why);
      return why.has_value();
    });
    auto half = sets_apart() + 2 > limits::suspects_max ? had.size()
                                                        : (had.size() + 1) / 2;
    for (std::size_t from = 0; from < had.size(); from += half) {
      auto together = ++last_apart;
      auto to = std::min(from + half, had.size());
      std::uint32_t most = 1;
      for (auto i = from; i < to; ++i)
        most = std::max(most, lives[had[i]].attempts);
      auto wait = delay_ms(settings.retries, most, 0);
      for (auto i = from; i < to; ++i) {
        auto& its = lives[had[i]];
        end(had[i], lease_outcome::expired, words, wait);
        --its.attempts;
        its.is = state::retry;
        its.due = {wait > 0 ? now.value + wait : 0};
        its.apart = together;
      }
    }
    tidy();
  }

  /// A number in the parked stream that was not replayed, or was put back.
  bool is_parked(event_number n) const {
    auto found = lives.find({lane::replay, n});
    return n < parked_end
           && (found == lives.end() || found->second.is == state::kept);
  }

  void replay(event_number n) {
    if (is_parked(n))
      lives[{lane::replay, n}].is = state::ready;
  }

  void discard(event_number n, const std::string& words) {
    if (!is_parked(n))
      return;
    auto& its = lives[{lane::replay, n}];
    its.is = state::settled;
    its.trace.push_back({{}, 0, 0, lease_outcome::discarded, 0, words, {}});
  }

  void stop_replay() {
    for (auto& [at, its] : lives)
      if (at.in == lane::replay && its.is == state::ready)
        its.is = state::kept;
  }

  /// What was never delivered.
  void lose_below(event_number first) {
    for (event_number n; n < first; n = n + 1)
      if (auto& its = lives[{lane::source, n}]; its.is == state::ready)
        its.is = state::settled;
  }

  // --- pauses ----------------------------------------------------------------

  void trip(std::uint64_t delay, wall_time now) {
    breaker = breaker_state::open;
    breaker_until = now + delay;
    breaker_delay = delay;
    probe = {};
  }

  void resume() {
    breaker = breaker_state::closed;
    paused_until = {};
    probe = {};
  }

  void fired(const delayed_message& message, wall_time now) {
    if (message.kind == delayed_kind::lease_end) {
      lease_id id{message.subject};
      if (auto held_now = leases.find(id);
          held_now != leases.end() && held_now->second.until == message.due)
        expire(id, now);
    } else if (message.kind == delayed_kind::resume) {
      bool of_pause = message.subject == pause_ticket.value;
      if (of_pause && paused_until == message.due)
        paused_until = {};
      else if (!of_pause && breaker == breaker_state::open
               && breaker_until == message.due)
        breaker = breaker_state::half_open;
    }
  }

  // --- counts ----------------------------------------------------------------

  std::size_t count(state which) const {
    return std::size_t(std::count_if(lives.begin(), lives.end(), [&](auto& x) {
      return x.second.is == which;
    }));
  }

  std::size_t in_flight() const { return count(state::leased); }

  std::size_t held_by(const std::string& name) const {
    return std::size_t(std::count_if(lives.begin(), lives.end(), [&](auto& x) {
      return x.second.is == state::leased
             && leases.at(x.second.lease).holder == name;
    }));
  }

  /// All steps of an event of the stream, those of its replays behind them, and
  /// where it is now.
  std::pair<std::vector<std::string>, position> trace_of(event_number n) const {
    std::vector<std::string> out;
    position at{lane::source, n};
    for (;;) {
      auto found = lives.find(at);
      if (found == lives.end())
        return {out, at};
      auto& its = found->second;
      for (auto& step : its.trace)
        out.push_back(step.text());
      if (its.is != state::parked)
        return {out, at};
      at = {lane::replay, its.parked_as};
    }
  }

  group_settings settings;
  std::map<position, life> lives;
  std::map<lease_id, held> leases;
  wall_time paused_until;
  breaker_state breaker = breaker_state::closed;
  wall_time breaker_until;
  std::uint64_t breaker_delay = 0;
  lease_id probe;
  event_number parked_end;
  std::uint64_t last_apart = 0;

private:
  inline static const std::string give_up = "Give-Up-At has passed";

  static bool is_over(wall_time at, wall_time now) {
    return at.value != 0 && now >= at;
  }

  std::size_t sets_apart() const {
    std::set<std::uint64_t> out;
    for (auto& [at, its] : lives)
      if (its.apart != 0)
        out.insert(its.apart);
    return out.size();
  }

  void judge(lease_id lease, bool well, wall_time now) {
    if (breaker != breaker_state::half_open || lease != probe
        || lease.value == 0)
      return;
    probe = {};
    breaker = well ? breaker_state::closed : breaker_state::open;
    if (!well)
      breaker_until = now + breaker_delay;
  }

  void end(const position& at, lease_outcome how, const std::string& words,
           std::uint64_t delay) {
    auto& its = lives[at];
    auto& lease = leases.at(its.lease);
    its.trace.push_back({its.lease, its.attempts, lease.extensions, how, delay,
                         words, lease.holder});
    bool unsaid = how == lease_outcome::expired || how == lease_outcome::retried
                  || how == lease_outcome::released;
    if (!unsaid) // what failed is judged before
      judge(its.lease, true, {});
    its.is = state::settled;
  }

  void park(const position& at, const std::string& words) {
    end(at, lease_outcome::parked, words, 0);
    auto& its = lives[at];
    its.is = state::parked;
    its.parked_as = parked_end;
    parked_end = parked_end + 1;
  }

public:
  /// Parked without a lease, as what comes next is given up at its time.
  void park_ready(const position& at, wall_time now) {
    auto& its = lives[at];
    auto why = reason_to_park(its, now).value_or("for no reason");
    its.trace.push_back(
      {{}, its.attempts, 0, lease_outcome::parked, 0, why, {}});
    its.is = state::parked;
    its.apart = 0;
    its.parked_as = parked_end;
    parked_end = parked_end + 1;
  }

private:
  std::optional<std::string> reason_to_park(const life& its,
                                            wall_time now) const {
    if (is_over(its.give_up_at, now))
      return give_up;
    if (its.attempts <= std::uint32_t(settings.max_retry_count))
      return std::nullopt;
    if (settings.min_retry_span_ms > 0
        && now < its.first_lease + std::uint64_t(settings.min_retry_span_ms))
      return std::nullopt;
    return "Reached retry count of " + std::to_string(settings.max_retry_count);
  }

  void fail(const std::vector<position>& at, lease_outcome how,
            const std::string& words, std::optional<std::uint64_t> delay,
            bool alone, wall_time now) {
    for (auto& one : at)
      judge(lives[one].lease, false, now);
    for (auto& one : at) {
      auto& its = lives[one];
      if (auto why = reason_to_park(its, now)) {
        park(one, how == lease_outcome::expired ? *why + " (its lease ended)"
                  : words.empty()               ? *why
                                                : *why + " (" + words + ")");
        continue;
      }
      auto wait = delay.value_or(delay_ms(settings.retries, its.attempts, 0));
      end(one, how, words, wait);
      its.is = state::retry;
      its.due = {wait > 0 ? now.value + wait : 0};
      its.apart = alone ? ++last_apart : 0;
    }
  }

  /// A probe that ended without a verdict makes room for another one.
  void tidy() {
    if (probe.value != 0 && of_lease(probe).empty())
      probe = {};
  }
};

} // namespace callboard::test
