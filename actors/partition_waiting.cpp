// Who waits for a stream to grow, or for a moment to be over.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/partition_actor.hpp"
#include "actors/read_page.hpp"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

namespace callboard {

event_number partition_state::next_of(const std::string& stream) const {
  if (stream == all_stream)
    return {appended.value + 1};
  auto row = node->db->stream(id, stream);
  return row && *row ? (*row)->next : event_number{};
}

caf::result<bool> partition_state::visible(wall_time until) {
  assert(node->now() > until); // so what is decided from now on is later
  if (!pipeline)
    return caf::make_error(errc::unavailable);
  auto promise = self->make_response_promise<bool>();
  pipeline->after(until, [promise](errc why, log_index) mutable {
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(true);
  });
  return promise;
}

caf::result<event_number> partition_state::await(const std::string& stream,
                                                 event_number number,
                                                 std::uint64_t session,
                                                 std::uint64_t wait_ms) {
  auto row = node->db->stream(id, stream);
  if (!row)
    return caf::make_error(row.error());
  auto next = next_of(stream);
  // Who asks for no event knows that it is gone: only the time is waited for.
  bool gone =
    *row && (*row)->state == stream_state::tombstoned && number != no_event;
  if (next > number || gone || wait_ms == 0)
    return next;
  auto& waiting = waiters[stream];
  if (waiting.size() >= limits::waiting_polls_max)
    return caf::make_error(errc::overloaded);
  auto until = node->now() + wait_ms;
  auto promise = self->make_response_promise<event_number>();
  waiting.emplace(session, stream_waiter{number, until, promise});
  arm(until);
  return promise;
}

void partition_state::await(const group_key& key, event_number end) {
  auto* entry = find(key);
  if (entry == nullptr || !entry->actor)
    return; // it ended meanwhile
  auto& on_it = watched[key.stream];
  on_it.awaiting.insert(key.group);
  auto row = node->db->stream(id, key.stream);
  if (row && *row
      && ((*row)->next > end || first_readable(**row) > on_it.first))
    tell_groups(key.stream, **row);
}

template <class Tell>
void partition_state::each_awaiting(const std::string& stream, Tell tell) {
  auto on_it = groups.find(stream);
  if (on_it == groups.end())
    return;
  for (auto& group : watched[stream].awaiting)
    if (auto found = on_it->second.find(group);
        found != on_it->second.end() && found->second.actor)
      tell(found->second.actor);
}

/// Who is offered events leases them while they wait for their flush, so that
/// both are in the same one.
void partition_state::offer(const record& what) {
  if (watched.empty() || what.events.empty())
    return;
  for (auto& one : what.changes) {
    auto* stream = std::get_if<put_stream>(&one);
    auto on_it = stream == nullptr ? watched.end() : watched.find(stream->name);
    if (on_it == watched.end() || on_it->second.awaiting.empty())
      continue;
    std::vector<event_ptr> events;
    for (auto& event : what.events)
      if (event.stream == stream->row.id)
        events.push_back(event.what);
    // What hides others or stands for others waits until it can be read.
    if (events.empty() || events.back()->number + 1 != stream->row.next
        || first_readable(stream->row) > on_it->second.first
        || std::any_of(events.begin(), events.end(),
                       [](auto& event) { return is_link(*event); }))
      continue;
    auto all =
      std::make_shared<const std::vector<event_ptr>>(std::move(events));
    each_awaiting(stream->name,
                  [&](auto& actor) { self->send(actor, offered_atom_v, all); });
  }
}

void partition_state::tell_groups(const std::string& stream,
                                  const stream_row& row) {
  auto on_it = groups.find(stream);
  if (on_it == groups.end())
    return;
  auto& now = watched[stream];
  auto first = first_readable(row);
  auto tell = [&](const group_actor& actor) {
    self->send(actor, published_atom_v, row.next, first);
  };
  if (first > now.first) {
    for (auto& [group, entry] : on_it->second)
      if (entry.actor)
        tell(entry.actor);
  } else {
    each_awaiting(stream, tell);
  }
  now.awaiting.clear();
  now.first = std::max(now.first, first);
}

void partition_state::wake(std::uint64_t generation) {
  if (generation != armed_generation)
    return; // an earlier wake-up replaced this one
  armed = {};
  auto now = node->now();
  wall_time next;
  for (auto at = waiters.begin(); at != waiters.end();) {
    std::optional<event_number> end; // in the store: looked up if it is needed
    std::erase_if(at->second, [&](auto& one) {
      auto& waiter = one.second;
      if (waiter.until > now) {
        next = next.value == 0 ? waiter.until : std::min(next, waiter.until);
        return false;
      }
      if (!end)
        end = next_of(at->first);
      auto promise = waiter.promise;
      promise.deliver(*end);
      return true;
    });
    at = at->second.empty() ? waiters.erase(at) : std::next(at);
  }
  if (next.value != 0)
    arm(next);
  if (rebuilding)
    rebuild();
}

void partition_state::arm(wall_time due) {
  if (armed.value != 0 && armed <= due)
    return;
  armed = due;
  auto now = node->now();
  self->delayed_send(
    self, std::chrono::milliseconds{due > now ? due.value - now.value : 0},
    wake_atom_v, ++armed_generation);
}

void partition_state::tell_waiters(const std::string& stream, event_number next,
                                   bool gone) {
  auto waiting = waiters.find(stream);
  if (waiting == waiters.end())
    return;
  std::erase_if(waiting->second, [&](auto& one) {
    if (next <= one.second.number && !gone)
      return false;
    auto promise = one.second.promise;
    promise.deliver(next);
    return true;
  });
  if (waiting->second.empty())
    waiters.erase(waiting);
}

} // namespace callboard
