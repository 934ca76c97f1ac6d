// Delayed messages that are due, and what a job of the partition, or somebody
// for the whole group, wants moved.
#include "actors/core/lease_note.hpp"
#include "actors/group_actor.hpp"
#include "actors/group_impl.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace callboard {

namespace {

/// So many messages of retries are moved by one record.
constexpr std::size_t moved_retries_max = 1'000;

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
