// One group under random load, decided by the core and by a reference, and
// compared.
#pragma once

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "tests/simulation/comparison.hpp"
#include "tests/simulation/lone_partition.hpp"
#include "tests/simulation/reference_group.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace callboard::test {

class truth_simulation {
public:
  using state = reference_group::state;

  truth_simulation(std::uint64_t seed, group_settings settings)
      : p(seed), model(std::move(settings)), durable(model) {
    p.create(key, model.settings, [] {});
    p.flush();
  }

  void step() {
    switch (p.random() % 27) {
      case 0:
      case 1:
      case 2: publish(); break;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
      case 8: fetch(); break;
      case 9:
      case 10: plain(settle_action::ack); break;
      case 11: plain(settle_action::retry); break;
      case 12:
      case 13:
      case 14:
      case 15: batch(); break;
      case 16:
      case 17: p.now = p.now + p.random() % 1'500; break;
      case 18:
      case 19: fire(); break;
      case 20: p.flush(1 + p.random() % 4); break;
      case 21: pauses(); break;
      case 22: replay(); break;
      case 23:
        if (p.random() % 5 == 0)
          crash();
        else
          compare();
        break;
      case 24: move(); break;
      case 25: cut(); break;
      case 26: update(); break;
    }
    check();
  }

  /// Acks whatever comes until nothing does.
  void drain() {
    done(p.group(key).resume(), [](auto& m) { m.resume(); });
    for (int round = 0; round < 300; ++round) {
      p.flush();
      p.now = p.now + 3'000;
      fire();
      p.flush();
      fetch();
      auto& core = p.group(key);
      if (core.ready() + core.in_flight() + core.retrying() == 0)
        break;
      if (!tokens.empty())
        settle_items({{settle_verb::ack, {}, tokens.back(), {}, {}}});
    }
    compare();
    REQUIRE(p.group(key).ready() == 0);
    REQUIRE(p.group(key).in_flight() == 0);
    REQUIRE(p.group(key).retrying() == 0);
  }

  std::size_t histories() const { return model.lives.size(); }

private:
  /// Records what the core decided, as `change` does to the reference.
  template <class Change>
  void done(group_effects todo, Change change) {
    change(model);
    p.perform(
      key, std::move(todo), [] {}, [this, after = model] { durable = after; });
  }

  void publish() {
    append_request what{key.stream, expected_version::any, {}, {}};
    for (auto n = 1 + p.random() % 5; n > 0; --n) {
      what.events.push_back({p.new_id(), "t", "d", "", false});
      if (p.random() % 12 == 0)
        what.events.back().give_up_at = p.now + p.random() % 8'000;
    }
    p.append(what, [](append_reply) {});
  }

  std::vector<leased_event> fetch() {
    auto& core = p.group(key);
    lease_holder who{
      p.random() % 4 == 0 ? "" : "c" + std::to_string(p.random() % 2), "here"};
    auto credit = std::size_t(p.random() % 3 == 0 ? 1 + p.random() % 5 : 0);
    auto room = core.allowance(who, credit);
    auto count = std::min<std::uint64_t>(1 + p.random() % 8, room);
    if (!who.name.empty()) {
      auto held = model.held_by(who.name);
      auto each = std::size_t(model.settings.max_in_flight_per_consumer);
      REQUIRE((each == 0 || room + held <= std::max(each, held)));
      REQUIRE((credit == 0 || room + held <= std::max(credit, held)));
    }
    std::map<position, event_ptr> found;
    auto wanted = p.readable(key, std::size_t(count), found);
    auto todo = core.lease(wanted, p.now, who);
    auto got = todo.leased;
    std::string wrong;
    done(std::move(todo), [&](auto& m) {
      for (auto& one : wanted) {
        m.lives[one.at].give_up_at = one.give_up_at;
        if (std::none_of(got.begin(), got.end(),
                         [&](auto& x) { return x.at == one.at; }))
          m.park_ready(one.at, p.now);
      }
      wrong = m.lease(got, p.now, who.name);
    });
    REQUIRE(wrong == "");
    for (auto& one : got)
      ids[one.at] = found.at(one.at)->id;
    if (!got.empty())
      tokens.push_back({core.row().id, got.front().lease});
    if (!got.empty() && p.random() % 12 == 0) { // it never arrived
      auto lease = got.front().lease;
      auto back = core.release(lease, p.now);
      done(std::move(back), [&](auto& m) { m.release(m.of_lease(lease), {}); });
    }
    return got;
  }

  /// One that is leased, or was.
  position any_event() {
    if (ids.empty())
      return {};
    auto at = ids.begin();
    std::advance(at, p.random() % ids.size());
    return at->first;
  }

  void plain(settle_action how) {
    if (ids.empty())
      return;
    std::vector<uuid> asked;
    std::vector<position> expected;
    for (auto n = 1 + p.random() % 3; n > 0; --n) {
      auto at = any_event();
      if (std::find(asked.begin(), asked.end(), ids[at]) != asked.end())
        continue;
      asked.push_back(ids[at]);
      if (model.is_leased(at))
        expected.push_back(at);
    }
    std::optional<std::uint64_t> delay;
    if (how == settle_action::retry && p.random() % 2 == 0)
      delay = p.random() % 3'000;
    auto todo = p.group(key).settle(how, asked, "words", delay, p.now, 0);
    REQUIRE(todo.applied == expected.size());
    done(std::move(todo),
         [&](auto& m) { m.settle(expected, how, "words", delay, p.now); });
  }

  settle_item of_lease(settle_verb verb) {
    settle_item out;
    out.verb = verb;
    if (!tokens.empty())
      out.lease =
        tokens[tokens.size() - 1
               - p.random() % std::min<std::size_t>(tokens.size(), 5)];
    else
      out.id = p.new_id();
    return out;
  }

  void batch() {
    std::vector<settle_item> items;
    for (auto n = 1 + p.random() % 3; n > 0; --n) {
      auto verb = settle_verb(p.random() % 6);
      auto item = of_lease(verb);
      if (p.random() % 3 > 0 && !ids.empty()) {
        item.id = ids[any_event()];
        if (p.random() % 2 == 0)
          item.lease.reset();
      }
      if (item.lease && p.random() % 20 == 0)
        item.lease->group.value += 1;
      if (p.random() % 2 == 0)
        item.by = std::chrono::milliseconds{p.random() % 4'000};
      item.words = p.random() % 2 == 0 ? "because" : "";
      items.push_back(item);
    }
    settle_items(std::move(items));
  }

  void settle_items(std::vector<settle_item> items) {
    std::vector<settle_outcome> outcomes;
    auto todo = p.group(key).settle(items, p.now, 0, outcomes);
    std::vector<settle_outcome> expected;
    done(std::move(todo), [&](auto& m) {
      for (auto& item : items)
        expected.push_back(settle_one(m, item));
    });
    REQUIRE(outcomes == expected);
  }

  settle_outcome settle_one(reference_group& m, const settle_item& item) {
    std::vector<position> at;
    bool ours = item.lease && item.lease->group == p.group(key).row().id;
    if (ours)
      at = m.of_lease(item.lease->lease);
    if (item.id && (ours || !item.lease)) {
      at.clear();
      for (auto& [where, id] : ids)
        if (id == *item.id
            && m.is_leased(where, item.lease ? item.lease->lease : lease_id{}))
          at.push_back(where);
    }
    if (at.empty())
      return item.lease ? settle_outcome::stale : settle_outcome::unknown;
    std::optional<std::uint64_t> by;
    if (item.by)
      by = std::uint64_t(item.by->count());
    auto timeout = std::uint64_t(m.settings.message_timeout_ms);
    switch (item.verb) {
      case settle_verb::ack:
        m.settle(at, settle_action::ack, item.words, by, p.now);
        break;
      case settle_verb::skip:
        m.settle(at, settle_action::skip, item.words, by, p.now);
        break;
      case settle_verb::retry:
        m.settle(at, settle_action::retry, item.words, by, p.now);
        break;
      case settle_verb::park:
        m.settle(at, settle_action::park, item.words, by, p.now);
        break;
      case settle_verb::extend:
        m.extend(m.lives[at.front()].lease, p.now + by.value_or(timeout));
        break;
      case settle_verb::release: m.release(at, item.words); break;
    }
    return settle_outcome::applied;
  }

  /// Hands out what is due, perhaps twice, as the timer does.
  void fire() {
    auto due = p.on_disk.delayed;
    for (auto& [at, message] : due)
      if (message.due <= p.now)
        for (auto times = 1 + p.random() % 2; times > 0; --times) {
          auto todo = p.group(key).fire(message, p.now, 0);
          done(std::move(todo), [&](auto& m) { m.fired(message, p.now); });
        }
  }

  void pauses() {
    auto& core = p.group(key);
    switch (p.random() % 4) {
      case 0: {
        auto until = p.now + 1 + p.random() % 3'000;
        done(core.pause(until, "tea"),
             [&](auto& m) { m.paused_until = until; });
        break;
      }
      case 1:
      case 2: {
        auto delay = 1 + p.random() % 2'000;
        done(core.trip(delay, "down", p.now),
             [&](auto& m) { m.trip(delay, p.now); });
        break;
      }
      case 3: done(core.resume(), [](auto& m) { m.resume(); }); break;
    }
  }

  /// All retries, or a lease that may be over.
  void move() {
    auto& core = p.group(key);
    auto due = p.now + p.random() % 3'000;
    if (p.random() % 2 == 0 || tokens.empty())
      return done(core.move(core.waiting_retries(p.now), due, p.now),
                  [&](auto& m) { m.move_retries(due, p.now); });
    auto lease = tokens.back().lease;
    if (model.of_lease(lease).empty())
      return; // a crash may have made its number that of a retry
    done(core.move({&lease, 1}, due, p.now), [&](auto& m) {
      if (m.leases[lease].until > p.now)
        m.extend(lease, due);
    });
  }

  void replay() {
    auto& core = p.group(key);
    auto end = core.parked_end();
    std::vector<event_number> some;
    for (event_number n; n < end; n = n + 1)
      if (p.random() % 3 == 0)
        some.push_back(n);
    switch (p.random() % 5) {
      case 0:
      case 1:
        done(core.replay({}), [&](auto& m) {
          for (event_number n; n < end; n = n + 1)
            m.replay(n);
        });
        break;
      case 2:
        done(core.replay_these(some), [&](auto& m) {
          for (auto n : some)
            m.replay(n);
        });
        break;
      case 3:
        done(core.discard(some, "not needed", p.now), [&](auto& m) {
          for (auto n : some)
            m.discard(n, "not needed");
        });
        break;
      case 4: done(core.stop_replay(), [](auto& m) { m.stop_replay(); }); break;
    }
  }

  /// The stream loses its oldest events: those that were never delivered.
  void cut() {
    auto& core = p.group(key);
    auto first =
      std::min(core.checkpoint(lane::source) + p.random() % 4, core.end());
    bool loses = core.loses_below(first);
    auto todo = core.cut(lane::source, first);
    REQUIRE(todo.nothing() != loses);
    done(std::move(todo), [&](auto& m) { m.lose_below(first); });
  }

  /// Other limits: what has used up its attempts is parked at once.
  void update() {
    auto& core = p.group(key);
    auto settings = model.settings;
    auto limit = p.random() % 4;
    settings.max_retry_count = std::int32_t(limit);
    done(core.update(settings, core.end()),
         [&](auto& m) { m.settings = settings; });
    auto parked = parked_stream(key.stream, key.group);
    std::vector<leasable> events;
    for (auto& [in, numbers] : core.used_up({}, SIZE_MAX, p.now))
      for (auto n = numbers.first; n < numbers.end(); n = n + 1)
        events.push_back(p.as_leasable(
          {in, n}, *p.committed(in == lane::source ? key.stream : parked, n)));
    auto todo = core.give_up(events, p.now);
    REQUIRE(todo.applied == events.size());
    done(std::move(todo), [&](auto& m) {
      for (auto& one : events)
        m.park_ready(one.at, p.now);
    });
    for (auto& [at, its] : model.lives)
      REQUIRE((its.is != state::retry || settings.min_retry_span_ms > 0
               || its.attempts <= limit));
  }

  void crash() {
    p.crash();
    model = durable;
  }

  void check() { check_states(p.group(key), model, p.now); }

  /// All is on disk: what is told of each event is what happened to it.
  void compare() {
    p.flush();
    compare_traces(p.group(key), model, p.on_disk);
  }

  const group_key key{"s", "g"};
  lone_partition p;
  reference_group model;
  reference_group durable;      // as of the last record on disk
  std::map<position, uuid> ids; // of what was delivered
  std::vector<lease_token> tokens;
};

} // namespace callboard::test
