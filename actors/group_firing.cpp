// Delayed messages that are due, and what a job of the partition, or somebody
// for the whole group, wants moved.
#include "actors/core/lease_note.hpp"
#include "actors/group_actor.hpp"
#include "actors/group_impl.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace callboard {

namespace {

/// So many messages of retries are moved by one record.
constexpr std::size_t moved_retries_max = 1'000;

/// So many events are parked by one record after an update.
constexpr std::size_t used_up_max = 1'000;

} // namespace

/// A record after the other, so that others are served in between. A crash
/// leaves some unmoved: nobody was told otherwise.
void group_state::move_retries(std::vector<lease_id> left, wall_time to,
                               std::function<void(errc)> then) {
  auto count = std::min(left.size(), moved_retries_max);
  auto todo = core->move(std::span{left}.first(count), to, node->now());
  left.erase(left.begin(), left.begin() + std::ptrdiff_t(count));
  record(std::move(todo), true,
         [this, left = std::move(left), to, then = std::move(then)](errc why) {
           if (why != errc::none || left.empty())
             then(why);
           else
             move_retries(left, to, then);
         });
}

/// The settings allow fewer attempts now. Parking needs to know what the events
/// link to, so they are read; which cannot be read, or is left by a crash, is
/// judged when it is delivered again.
void group_state::park_used_up(position from,
                               const std::function<void(errc)>& then) {
  auto ranges = core->used_up(from, used_up_max, node->now());
  if (ranges.empty() || ending != errc::none)
    return then(ending);
  position next{ranges.back().in, ranges.back().numbers.end()};
  auto known = std::make_shared<std::vector<leasable>>();
  auto take = [this, known](const loaded_event& one) {
    known->push_back(as_leasable(one.what, one.at));
  };
  read_again(std::move(ranges), take, [this, known, next, then] {
    if (ending != errc::none)
      return then(ending);
    auto todo = core->give_up(*known, node->now());
    node->counts.events_parked += todo.parked.size();
    record(std::move(todo), true, then_park_used_up(next, then));
  });
}

std::function<void(errc)>
group_state::then_park_used_up(position from, std::function<void(errc)> then) {
  return [this, from, then = std::move(then)](errc why) {
    if (why == errc::none)
      park_used_up(from, then);
    else
      then(why);
  };
}

void group_state::fire_now(const delayed_message& message,
                           caf::typed_response_promise<bool> to) {
  if (message.kind == delayed_kind::replay)
    return go_on(message, to);
  group_effects todo;
  if (message.kind == delayed_kind::bulk) { // a step of a job of the partition
    auto moves = unpack_moves(message.body);
    if (!moves)
      return void(to.deliver(caf::make_error(errc::corrupt)));
    todo = core->move(*moves, message.id, node->now());
  } else {
    todo = core->fire(message, node->now(), node->random());
  }
  node->counts.events_parked += todo.parked.size();
  record(std::move(todo), true, [to](errc why) mutable {
    if (why != errc::none)
      to.deliver(caf::make_error(why));
    else
      to.deliver(true);
  });
  pump();
}

caf::result<bool> group_state::fired(const delayed_message& message) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  return once_identified<bool>(
    [this, message](auto& promise) { fire_now(message, promise); });
}

} // namespace callboard
