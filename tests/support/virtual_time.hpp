// An actor system whose messages and clock move only when the test says so.
#pragma once

#include "actors/messages.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>

namespace callboard::test {

using duration = std::chrono::steady_clock::duration;
using time_point = std::chrono::steady_clock::time_point;

template <class T>
class asked;

/// Nothing runs until `run`, `advance` or `ask`; a request timeout, a delayed
/// message and `self->clock()` all follow the virtual clock. Detached actors
/// would run on threads of their own: spawn without `caf::detached`.
class virtual_time {
public:
  /// `seed` 0 runs actors in the order in which they became ready. Any other
  /// seed picks among them, reproducibly: a search for races.
  explicit virtual_time(std::uint64_t seed = 0, wall_time start = {1'000'000})
      : random_(seed), shuffle_(seed != 0), wall_start_(start) {
    sched.clock().current_time += std::chrono::hours{1};
    started_ = sched.clock().now();
  }

  ~virtual_time() {
    // Otherwise ~actor_system would run every pending timer, or wait for actors
    // that nobody is left to run.
    sched.clock().cancel_all();
    run();
    sys.await_actors_before_shutdown(false);
  }

  /// Virtual wall-clock time; moves with the virtual clock.
  wall_time wall_now() const {
    auto passed = sched.clock().now() - started_;
    return {wall_start_.value
            + std::uint64_t(passed / std::chrono::milliseconds{1})};
  }

  /// Runs actors until none is ready. No time passes. Returns the turns taken.
  std::size_t run() {
    std::size_t turns = 0;
    while (sched.has_job()) {
      if (turns == 1'000'000)
        throw std::runtime_error("livelock: actors never become idle");
      if (shuffle_)
        std::swap(sched.jobs.front(),
                  sched.jobs[random_() % sched.jobs.size()]);
      turns += sched.try_run_once() ? 1 : 0;
    }
    return turns;
  }

  /// Lets time pass, from one due timer to the next, so that a timer set by a
  /// handler fires at its proper time. CAF's own `advance_time` jumps: a timer
  /// that re-arms itself would fire once. Returns the timers fired.
  std::size_t advance(duration span) {
    auto& clock = sched.clock();
    auto end = clock.now() + span;
    std::size_t fired = 0;
    run();
    while (!clock.schedule().empty()
           && clock.schedule().begin()->first <= end) {
      clock.current_time =
        std::max(clock.current_time, clock.schedule().begin()->first);
      fired += clock.trigger_expired_timeouts();
      run();
    }
    clock.current_time = end;
    return fired;
  }

  /// Sends a request and runs. Nothing if there is no answer yet: never blocks.
  template <class T, class Handle, class... Ts>
  std::optional<result<T>> try_ask(const Handle& to, Ts... xs) {
    return asked<T>{*this, to, std::move(xs)...}.answer();
  }

  /// As `try_ask`, for requests that are answered at once.
  template <class T, class Handle, class... Ts>
  result<T> ask(const Handle& to, Ts... xs) {
    auto out = try_ask<T>(to, std::move(xs)...);
    if (!out)
      throw std::runtime_error("no answer");
    return *out;
  }

private:
  struct config : caf::actor_system_config {
    config() {
      add_message_types<caf::id_block::callboard_messages>();
      set("scheduler.policy", caf::atom("testing"));
      set("logger.verbosity", caf::atom("quiet"));
      set("logger.inline-output", true);
    }
  };

  config cfg_;

public:
  caf::actor_system sys{cfg_};
  caf::scheduler::test_coordinator& sched =
    dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());

private:
  std::mt19937_64 random_;
  bool shuffle_;
  wall_time wall_start_;
  time_point started_;
};

/// A request whose answer may come later.
template <class T>
class asked {
public:
  template <class Handle, class... Ts>
  asked(virtual_time& vt, const Handle& to, Ts... xs) : vt_(vt), self_(vt.sys) {
    auto pending = self_->request(to, caf::infinite, std::move(xs)...);
    using handle = decltype(pending);
    receive_ = [this, of = std::make_shared<handle>(std::move(pending))] {
      of->receive([&](T& x) { got_.emplace(std::move(x)); },
                  [&](caf::error& e) {
                    got_.emplace(boost::system::in_place_error, to_errc(e));
                  });
    };
    vt.run();
  }

  /// Runs. Nothing: not answered yet; never blocks.
  const std::optional<result<T>>& answer() {
    vt_.run();
    if (!got_ && !self_->mailbox().empty())
      receive_();
    return got_;
  }

private:
  virtual_time& vt_;
  caf::scoped_actor self_;
  std::function<void()> receive_;
  std::optional<result<T>> got_;
};

/// Ends an actor that a test is done with, and runs what follows from it.
template <class Handle>
void stop(virtual_time& vt, const Handle& actor) {
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  vt.run();
}

} // namespace callboard::test
