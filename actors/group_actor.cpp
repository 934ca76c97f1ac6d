// Requests in, decisions recorded, replies out; who waits is served in order.
#include "actors/group_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/group_info.hpp"
#include "actors/guarded.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

namespace {

uuid random_uuid(node_services& node) {
  uuid id;
  auto fill = [&](std::size_t at) {
    auto bits = node.random();
    std::memcpy(id.bytes.data() + at, &bits, 8);
  };
  fill(0);
  fill(8);
  id.bytes[6] = std::uint8_t((id.bytes[6] & 0x0f) | 0x40); // version 4
  id.bytes[8] = std::uint8_t((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

} // namespace

errc group_state::start() {
  auto row = node->db->group(where, key.stream, key.group);
  if (!row)
    return row.error();
  if (!*row)
    return errc::not_found;
  auto runs_stored = node->db->runs(where, (*row)->id);
  auto source = node->db->stream(where, key.stream);
  auto parked = node->db->stream(where, parked_stream(key.stream, key.group));
  if (!runs_stored)
    return runs_stored.error();
  if (!source || !parked)
    return source ? parked.error() : source.error();
  auto end = *source ? (*source)->next : event_number{};
  auto parked_end = *parked ? (*parked)->next : event_number{};
  loaded_end = end;
  measured_at = node->now();
  core.emplace(key, **row, *runs_stored, end, parked_end);
  unidentified = core->unidentified();
  identifying = !unidentified.empty();
  if (*source)
    cut_source((*source)->first_live);
  if (identifying)
    identify_next();
  return errc::none;
}

errc group_state::refusal() const noexcept {
  if (ending != errc::none)
    return ending;
  return node->log->refusal();
}

caf::result<delivery_batch_ptr> group_state::fetch(const fetch_request& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  if (polls.size() >= limits::waiting_polls_max)
    return caf::make_error(errc::overloaded);
  auto until = what.wait.count() > 0
                 ? node->now() + std::uint64_t(what.wait.count())
                 : wall_time{};
  auto promise = self->make_response_promise<delivery_batch_ptr>();
  polls.push_back(
    {std::clamp<std::size_t>(what.count, 1, limits::fetch_count_max),
     what.session, until, promise});
  pump();
  arm();
  return promise;
}

void group_state::pump() {
  while (!polls.empty() && !identifying && ending == errc::none) {
    auto ranges = core->peek(polls.front().count);
    if (ranges.empty())
      return answer_empty(false);
    auto got = collect(ranges);
    if (!got.gone.empty()) {
      record(core->drop(got.gone), true);
      continue;
    }
    if (got.missing && got.events.empty()) {
      if (loading)
        return;
      auto& [in, numbers] = *got.missing;
      auto ahead_max =
        in == lane::source
          ? std::min<std::uint64_t>(limits::read_ahead_events_max,
                                    core->end().value - numbers.first.value)
          : numbers.count;
      return load(*got.missing, std::max(ahead_max, numbers.count));
    }
    lease_to_front(std::move(got.events));
  }
  read_ahead();
}

void group_state::lease_to_front(std::vector<loaded_event> events) {
  std::vector<leasable> wanted;
  wanted.reserve(events.size());
  for (auto& one : events)
    wanted.push_back(
      {one.at, one.what.original->id, target_text(one.what, one.at.in)});
  auto todo = core->lease(wanted, node->now());
  auto batch = std::make_shared<delivery_batch>();
  batch->events.reserve(todo.leased.size());
  auto from = events.begin();
  for (auto& one : todo.leased) { // in the order of `events`, some left out
    from =
      std::find_if(from, events.end(), [&](auto& e) { return e.at == one.at; });
    batch->events.push_back(
      {std::move(from->what), one.at.in, one.attempt, one.lease});
  }
  for (auto& one : wanted)
    if (auto known = ahead.find(one.at); known != ahead.end()) {
      ahead_bytes -=
        std::min(ahead_bytes, memory_bytes(*known->second.original));
      ahead.erase(known);
    }
  if (ahead.empty())
    ahead_bytes = 0;
  if (todo.leased.empty())
    return record(std::move(todo), true);
  auto poll = std::move(polls.front());
  polls.pop_front();
  bool strict = core->row().settings.durability == lease_durability::strict;
  record(std::move(todo), strict,
         [this, promise = std::move(poll.promise),
          batch = std::move(batch)](errc why) mutable {
           if (why != errc::none)
             return void(promise.deliver(caf::make_error(why)));
           count_delivered(batch->events.size());
           promise.deliver(delivery_batch_ptr{std::move(batch)});
         });
}

void group_state::settle_now(const settle_request& what,
                             caf::typed_response_promise<settle_reply> to) {
  std::optional<std::uint64_t> delay;
  if (what.delay)
    delay = std::uint64_t(what.delay->count());
  auto todo = core->settle(what.action, what.ids, what.reason, delay,
                           node->now(), node->random());
  settle_reply reply{todo.applied};
  auto& counter = what.action == settle_action::retry
                    ? node->counts.events_retried
                    : node->counts.events_settled;
  counter += todo.applied;
  record(std::move(todo), true, [to, reply](errc why) mutable {
    if (why != errc::none)
      to.deliver(caf::make_error(why));
    else
      to.deliver(reply);
  });
  forget_ahead(core->checkpoint(lane::source));
  pump();
}

caf::result<settle_reply> group_state::settle(const settle_request& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  auto promise = self->make_response_promise<settle_reply>();
  auto act = [this, what, promise](errc ended) mutable {
    if (ended != errc::none)
      return void(promise.deliver(caf::make_error(ended)));
    guard(promise, [&] { settle_now(what, promise); });
  };
  if (identifying)
    deferred.push_back(std::move(act));
  else
    act(errc::none);
  return promise;
}

caf::result<group_info> group_state::command(const group_command& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  group_effects todo;
  group_effects truncated; // parked events that are not there any more
  switch (what.verb) {
    case group_verb::create: return caf::make_error(errc::already_exists);
    case group_verb::update: todo = core->update(what.settings); break;
    case group_verb::replay_parked: {
      auto first = first_parked();
      todo = core->replay(what.stop_at);
      truncated = core->cut(lane::replay, first);
      break;
    }
    case group_verb::remove: todo = core->remove(); break;
  }
  auto promise = self->make_response_promise<group_info>();
  record(std::move(todo), true, [this, promise](errc why) mutable {
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(info(false));
  });
  if (!truncated.nothing())
    record(std::move(truncated), true);
  if (what.verb == group_verb::remove)
    failed(errc::not_found); // nothing is decided any more, only recorded
  pump();
  return promise;
}

void group_state::fire_now(const delayed_message& message,
                           caf::typed_response_promise<bool> to) {
  auto parked_before = core->row().parked;
  record(core->fire(message, node->now(), node->random()), true,
         [to](errc why) mutable {
           if (why != errc::none)
             to.deliver(caf::make_error(why));
           else
             to.deliver(true);
         });
  node->counts.events_parked += core->row().parked - parked_before;
  pump();
}

caf::result<bool> group_state::fired(const delayed_message& message) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  auto promise = self->make_response_promise<bool>();
  auto act = [this, message, promise](errc ended) mutable {
    if (ended != errc::none)
      return void(promise.deliver(caf::make_error(ended)));
    guard(promise, [&] { fire_now(message, promise); });
  };
  if (identifying)
    deferred.push_back(std::move(act));
  else
    act(errc::none);
  return promise;
}

void group_state::record(group_effects todo, bool wait,
                         std::function<void(errc)> then) {
  if (todo.nothing() && outstanding == 0) {
    if (then)
      then(errc::none);
    return;
  }
  // An empty proposal waits for those before it: whether an ack had an effect
  // is only true once what made it so is on disk.
  proposal what;
  what.changes = std::move(todo.changes);
  what.parked_stream = parked_stream(key.stream, key.group);
  for (auto& one : todo.parked)
    what.parked.push_back(park_link(random_uuid(*node), one, node->wall()));
  what.cut_parked = todo.cut_parked;
  what.wait = wait;
  ++outstanding;
  self->request(partition, caf::infinite, propose_atom_v, std::move(what))
    .then(
      [this, then](log_index) {
        --outstanding;
        if (then)
          guard([&] { then(errc::none); });
        end_if_done();
      },
      [this, then](const caf::error& why) {
        --outstanding;
        if (then)
          then(to_errc(why));
        failed(to_errc(why));
      });
}

void group_state::release(lease_id lease) {
  if (ending != errc::none)
    return;
  record(core->release(lease), true);
  pump();
}

void group_state::published(event_number end, event_number first) {
  if (ending != errc::none)
    return;
  core->publish(end);
  if (first == end && spared < end) {
    // Deleted: what the group has in its buffer it still delivers, as far as
    // it can be read. A restart forgets that.
    spared = end;
    auto buffer = core->row().settings.buffer_size;
    if (auto todo = core->abandon(std::uint64_t(std::max(buffer, 0)));
        !todo.nothing())
      record(std::move(todo), true);
  } else if (first > spared)
    cut_source(first);
  pump();
}

void group_state::cut_source(event_number first) {
  if (auto todo = core->cut(lane::source, first); !todo.nothing()) {
    forget_ahead(first);
    record(std::move(todo), true);
  }
}

void group_state::failed(errc why) {
  if (ending == errc::none)
    ending = why;
  for (auto& poll : std::exchange(polls, {}))
    poll.promise.deliver(caf::make_error(ending));
  run_deferred();
  end_if_done();
}

template <class Promise>
void group_state::guard(Promise to, const std::function<void()>& act) {
  guarded([&] { act(); },
          [&](const std::exception& error) {
            crashed(error);
            to.deliver(caf::make_error(errc::unavailable));
          });
}

void group_state::end_if_done() {
  // A promise that dies with its actor is never answered: wait for the records
  // that are on their way.
  if (ending != errc::none && outstanding == 0)
    self->quit(caf::make_error(ending));
}

void group_state::run_deferred() {
  for (auto& act : std::exchange(deferred, {}))
    act(ending);
  pump();
}

group_actor::behavior_type
group_behavior(group_actor::stateful_pointer<group_state> self, group_key key,
               partition_id where, node_ptr node, partition_actor partition,
               reader_actor reader) {
  auto& state = self->state;
  state.self = self;
  state.key = std::move(key);
  state.where = where;
  state.node = std::move(node);
  state.partition = std::move(partition);
  state.reader = std::move(reader);
  if (auto why = state.start(); why != errc::none)
    self->quit(caf::make_error(why));
  auto failed = [&state](const std::exception& error) { state.crashed(error); };
  return {
    [&state, failed](fetch_atom, const fetch_request& x) {
      return guarded([&] { return state.fetch(x); }, failed);
    },
    [&state, failed](settle_atom, const settle_request& x) {
      return guarded([&] { return state.settle(x); }, failed);
    },
    [&state, failed](command_atom, const group_command& x) {
      return guarded([&] { return state.command(x); }, failed);
    },
    [&state, failed](info_atom, const group_key&) {
      return guarded(
        [&]() -> caf::result<group_info> { return state.tell(true); }, failed);
    },
    [&state, failed](describe_atom, const group_key&) {
      return guarded(
        [&]() -> caf::result<group_info> { return state.tell(false); }, failed);
    },
    [&](cancel_atom, const group_key&, std::uint64_t session) {
      state.guard([&] { state.cancel(session); });
    },
    [&](release_atom, const group_key&, lease_id lease) {
      state.guard([&] { state.release(lease); });
    },
    [&state, failed](fired_atom, const delayed_message& x) {
      return guarded([&] { return state.fired(x); }, failed);
    },
    [&](published_atom, event_number end, event_number first) {
      state.guard([&] { state.published(end, first); });
    },
    [&](restart_atom) { state.guard([&] { state.restart(); }); },
    [&](failed_atom, const caf::error& why) { state.failed(to_errc(why)); },
    [&](tick_atom) { state.guard([&] { state.tick(); }); },
    [&](wake_atom, std::uint64_t generation) {
      state.guard([&] { state.wake(generation); });
    },
  };
}

} // namespace callboard
