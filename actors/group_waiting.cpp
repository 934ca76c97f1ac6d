// Fetches that wait for an event, each until its time is over; and whether the
// group serves them.
#include "actors/group_actor.hpp"
#include "actors/guarded.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

void group_state::answer_empty(bool all) {
  static const auto nothing = std::make_shared<const delivery_batch>();
  auto now = node->now();
  std::erase_if(polls, [&](auto& poll) {
    if (!all && poll.until > now)
      return false;
    poll.promise.deliver(delivery_batch_ptr{nothing});
    return true;
  });
}

void group_state::restart() {
  answer_empty(true);
  failed(errc::unavailable);
}

void group_state::cancel(std::uint64_t session) {
  auto found = std::find_if(polls.begin(), polls.end(), [&](auto& poll) {
    return poll.session == session;
  });
  if (found == polls.end())
    return; // answered, or its lease is on its way: the session gives it back
  found->promise.deliver(
    delivery_batch_ptr{std::make_shared<const delivery_batch>()});
  polls.erase(found);
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

/// Whether the stream has events that nobody told this group of: what is stored
/// is asked, not what this actor believes.
bool group_state::stream_has_grown() const {
  auto row = node->db->stream(where, key.stream);
  return row && *row && (*row)->next > core->end();
}

void group_state::tick() {
  tick_armed = false;
  if (polls.empty())
    return void(no_progress = 0);
  bool could = (core->ready() > 0 || stream_has_grown()) && !core->blocked()
               && !identifying && outstanding == 0 && !loading;
  no_progress = could ? no_progress + 1 : 0;
  if (no_progress >= 2) { // a whole second with nothing in the way
    ++node->counts.progress_breaches;
    spdlog::error("group made no progress stream={} group={} ready={} "
                  "waiting={} in_flight={}: rebuilding it",
                  key.stream, key.group, core->ready(), polls.size(),
                  core->in_flight());
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
  if (polls.empty())
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
