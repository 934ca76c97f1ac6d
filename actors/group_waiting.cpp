// Fetches that wait for an event, each until its time is over; and whether the
// group serves them.
#include "actors/group_actor.hpp"
#include "actors/guarded.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

delivery_batch_ptr group_state::no_events() const {
  auto out = std::make_shared<delivery_batch>();
  out->group = core->row().id;
  return out;
}

void group_state::answer_empty(bool all) {
  if (polls.empty())
    return;
  auto nothing = no_events();
  auto now = node->now();
  std::erase_if(polls, [&](auto& poll) {
    if (!all && poll.until > now)
      return false;
    poll.answer(errc::none, nothing);
    return true;
  });
}

void group_state::restart() {
  answer_empty(true);
  failed(errc::unavailable);
}

void group_state::cancel(std::uint64_t session) {
  auto found = std::find_if(polls.begin(), polls.end(), [&](auto& poll) {
    return poll.what.session == session;
  });
  if (found == polls.end())
    return; // answered, or its lease is on its way: the session gives it back
  auto answer = std::move(found->answer);
  polls.erase(found);
  answer(errc::none, no_events());
}

void group_state::crashed(const std::exception& error) {
  ++node->counts.actor_failures;
  spdlog::critical("group failed stream={} group={} error={}: rebuilding it",
                   key.stream, key.group, error.what());
  failed(errc::unavailable);
}

void group_state::guard(const std::function<void()>& act) {
  guarded([&] { act(); },
          [this](const std::exception& error) { crashed(error); });
}

void group_state::tick() {
  tick_armed = false;
  if (polls.empty()) {
    no_progress = 0;
    rest();
    return arm();
  }
  idle_ticks = 0;
  bool wanted = somebody_wants();
  auto shell = work();
  // What is stored is asked, not what this actor believes.
  bool could = wanted && outstanding == 0 && !loading
               && (delivers(*core, shell)
                   || (stored_end() > core->end() && !core->blocked()
                       && !core->held_back() && !identifying));
  // Between storing and telling there is always a moment: who delivers is not
  // stuck, though two ticks in a row may meet it.
  if (std::exchange(delivered_at_tick, delivered_total) != delivered_total)
    no_progress = 0;
  no_progress = could ? no_progress + 1 : 0;
  if (no_progress >= 2) { // a whole second with nothing in the way
    ++node->counts.progress_breaches;
    std::string why = "none"; // what `why` would say is in the way
    for (auto& reason : stall_reasons(*core, shell))
      why = (why == "none" ? std::string{} : why + ",") + reason.code;
    spdlog::error("group made no progress stream={} group={} ready={} "
                  "waiting={} in_flight={} reasons={}: rebuilding it",
                  key.stream, key.group, core->ready(), polls.size(),
                  core->in_flight(), why);
    tell_stalled(why == "none" ? "no-progress" : why);
    return failed(errc::unavailable);
  }
  arm();
}

void group_state::wake(std::uint64_t generation) {
  if (generation != armed_generation)
    return; // an earlier wake-up replaced this one
  armed = {};
  answer_empty(false);
  arm();
}

void group_state::arm() {
  if (polls.empty() && ahead.empty())
    return;
  if (!std::exchange(tick_armed, true))
    self->delayed_send(self, 1s, tick_atom_v);
  wall_time first;
  for (auto& poll : polls)
    if (poll.until.value != 0 && (first.value == 0 || poll.until < first))
      first = poll.until;
  if (first.value == 0 || (armed.value != 0 && armed <= first))
    return;
  armed = first;
  auto now = node->now();
  self->delayed_send(
    self, std::chrono::milliseconds{first > now ? first.value - now.value : 0},
    wake_atom_v, ++armed_generation);
}

} // namespace callboard
