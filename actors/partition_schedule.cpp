// Events that are published later: scheduling, changing, publishing them.
#include "actors/core/limits.hpp"
#include "actors/partition_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

result<wall_time> partition_state::due_of(const due_time& when) const {
  auto wall = node->wall();
  auto wait = wall_due(when, wall).value - wall.value;
  if (wait > std::uint64_t(limits::delay_max.count()))
    return errc::too_large;
  if (when.in)
    return node->now() + wait;
  return std::max(node->now(), clocks.stored_of(*node, wall_due(when, wall)));
}

wall_time partition_state::wall_of(wall_time due) const {
  return clocks.wall_of(*node, due);
}

errc partition_state::load_scheduled(const uuid& of) {
  if (agenda->knows(of))
    return errc::none;
  auto row = node->db->scheduled(id, of);
  return row ? load_scheduled(of, std::move(*row)) : row.error();
}

errc partition_state::load_scheduled(const uuid& of,
                                     std::optional<scheduled_row>&& row) {
  std::optional<schedules::state> stored;
  if (row) {
    auto& [due, number, pieces, stream] = *row;
    auto message = node->db->delayed(id, due, {number.value - 1}, due, 1);
    if (!message)
      return message.error();
    if (message->empty() || message->front().id != number)
      return errc::corrupt;
    stored = schedules::state{std::move(*row), std::move(message->front())};
  }
  agenda->load(of, std::move(stored));
  return errc::none;
}

/// Thousands come in one request: they are looked up at once.
errc partition_state::load_scheduled(const schedule_request& what) {
  std::vector<uuid> wanted;
  for (auto& [event, when] : what.events)
    if (!agenda->knows(event.id))
      wanted.push_back(event.id);
  auto rows = node->db->scheduled(id, wanted);
  if (!rows)
    return rows.error();
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (!agenda->knows(wanted[i])) // else it comes twice
      if (auto why = load_scheduled(wanted[i], std::move((*rows)[i]));
          why != errc::none)
        return why;
  return errc::none;
}

caf::result<schedule_reply> partition_state::scheduled(record todo,
                                                       schedule_reply reply) {
  auto promise = self->make_response_promise<schedule_reply>();
  record_or_wait(std::move(todo),
                 [promise, reply](errc why, log_index) mutable {
                   if (why != errc::none)
                     promise.deliver(caf::make_error(why));
                   else
                     promise.deliver(reply);
                 });
  return promise;
}

caf::result<schedule_reply> partition_state::schedule(schedule_request& what) {
  if (auto why = refusal(effort::publishing); why != errc::none)
    return caf::make_error(why);
  bound_heads();
  if (auto why = load_heads({what.stream}); why != errc::none)
    return caf::make_error(why);
  schedule_reply reply{.partition = id, .repeated = true};
  auto let_go = [&] {
    for (auto& [event, when] : what.events)
      agenda->let_go(event.id);
  };
  auto refuse = [&](errc why) {
    let_go();
    reply.error = why;
    return scheduled({}, reply);
  };
  auto* head = heads->find(what.stream);
  if (head != nullptr && head->state == stream_state::tombstoned)
    return refuse(errc::stream_deleted);
  // All are looked at before the first one is decided about.
  if (auto why = load_scheduled(what); why != errc::none) {
    let_go();
    return caf::make_error(why);
  }
  for (auto& [event, when] : what.events) {
    auto* known = agenda->find(event.id);
    if (known != nullptr
        && (known->row.stream != what.stream
            || known->message.kind != delayed_kind::publish))
      return refuse(errc::already_exists);
    if (!due_of(when))
      return refuse(errc::too_large);
  }
  record todo;
  std::vector<uuid> left_as_they_are; // known to the end: one may come twice
  for (auto& [event, when] : what.events) {
    auto due = *due_of(when);
    if (auto* known = agenda->find(event.id)) {
      reply.due = shown_due(known->message, wall_of(known->row.due));
      left_as_they_are.push_back(event.id);
      continue;
    }
    reply.due = wall_due(when, node->wall());
    if (heads->published(event.id, what.stream)) {
      left_as_they_are.push_back(event.id);
      continue;
    }
    auto key = event.id;
    agenda->add(
      key, {{}, due, delayed_kind::publish, what.stream, {}, reply.due.value},
      pack(scheduled_event{std::move(event), {}}), todo);
    reply.repeated = false;
  }
  for (auto& of : left_as_they_are)
    agenda->let_go(of);
  return scheduled(std::move(todo), reply);
}

caf::result<schedule_reply>
partition_state::change_scheduled(const delayed_command& what) {
  if (auto why = refusal(effort::making_room); why != errc::none)
    return caf::make_error(why);
  if (auto why = load_scheduled(what.id); why != errc::none)
    return caf::make_error(why);
  schedule_reply reply{.partition = id};
  auto refuse = [&](errc why) {
    agenda->let_go(what.id);
    reply.error = why;
    return scheduled({}, reply);
  };
  auto* known = agenda->find(what.id);
  bool is_job = known != nullptr && known->message.kind == delayed_kind::bulk;
  if (known == nullptr || is_job != (what.verb == delayed_verb::stop))
    return refuse(errc::not_found);
  record todo;
  if (what.verb != delayed_verb::move) {
    held_back.erase({known->message.due, known->message.id});
    retry_steps.erase(known->message.id); // nobody writes of it any more
    agenda->erase(what.id, todo);
    return scheduled(std::move(todo), reply);
  }
  auto due = due_of(what.due);
  if (!due)
    return refuse(due.error());
  auto message = known->message;
  held_back.erase({message.due, message.id});
  message.due = *due;
  reply.due = wall_due(what.due, node->wall());
  message.subject = reply.due.value;
  agenda->replace(what.id, std::move(message), todo);
  return scheduled(std::move(todo), reply);
}

bool partition_state::takes_effect(const uuid& of,
                                   const delayed_message& message) {
  if (agenda->is_current(of, message))
    return true;
  agenda->let_go(of); // moved, taken away, or published: nothing is left to do
  return false;
}

/// Who moved it or took it away has erased its row, or a record on its way
/// does: only a row that nothing is scheduled for is left to be erased.
caf::result<bool>
partition_state::fired_in_vain(const delayed_message& message) {
  if (auto why = refusal(effort::making_room); why != errc::none)
    return caf::make_error(why);
  record todo;
  if (auto body = unpack_body(message.body); body && !agenda->knows(body->id)) {
    auto row = node->db->delayed(id, message.due, {message.id.value - 1},
                                 message.due, 1);
    if (!row)
      return caf::make_error(row.error());
    if (!row->empty() && row->front().id == message.id)
      todo.changes.emplace_back(erase_delayed{message.due, message.id});
  }
  return fired_for_good(message, std::move(todo));
}

caf::result<bool>
partition_state::fired_for_good(const delayed_message& message, record todo) {
  held_back.erase({message.due, message.id});
  return taken_over(std::move(todo));
}

errc partition_state::hold_back(const delayed_message& message) {
  if (auto why = refusal(effort::publishing); why != errc::none)
    return why;
  std::pair place{message.due, message.id};
  return held_back.empty() || place <= *held_back.begin() ? errc::none
                                                          : errc::overloaded;
}

/// The timer offers it again; what is due after it must not come before it. But
/// damage stays: nothing waits for what is damaged, or whose stream is.
errc partition_state::hold(const delayed_message& message, const uuid& of,
                           errc why) {
  agenda->let_go(of);
  std::pair place{message.due, message.id};
  if (why != errc::corrupt) {
    held_back.insert(place);
    return why;
  }
  held_back.erase(place);
  if (auto more = log.pass("damaged " + message.stream))
    spdlog::error(
      "a scheduled event, or its stream, is damaged: it stays where "
      "it is, and the next start tries again stream={} event={} "
      "suppressed={}",
      message.stream, to_string(of), *more);
  return why;
}

result<scheduled_event>
partition_state::event_of(const delayed_message& message,
                          std::uint32_t pieces) const {
  auto bytes = node->db->pieces(id, message.id, pieces);
  if (!bytes)
    return bytes.error();
  auto out = unpack_event(*bytes);
  if (!out)
    return errc::corrupt;
  return std::move(*out);
}

result<std::optional<scheduled_body>>
partition_state::due_body(const delayed_message& message) {
  if (rebuilding)
    return errc::unavailable;
  // What is held is current: who moves it or takes it away lets it go.
  if (held_back.contains({message.due, message.id}))
    if (auto why = hold_back(message); why != errc::none)
      return why;
  auto body = unpack_body(message.body);
  if (!body)
    return hold(message, {}, errc::corrupt);
  if (auto why = load_scheduled(body->id); why != errc::none)
    return why == errc::corrupt ? hold(message, body->id, why) : why;
  // Nobody offers again what was moved or taken away: it must not be held.
  if (!takes_effect(body->id, message))
    return std::optional<scheduled_body>{};
  auto why = hold_back(message);
  if (why == errc::none)
    why = load_heads({message.stream});
  if (why != errc::none)
    return hold(message, body->id, why);
  return body;
}

caf::result<bool>
partition_state::fire_publish(const delayed_message& message) {
  auto due = due_body(message);
  if (!due)
    return caf::make_error(due.error());
  auto& body = *due;
  if (!body)
    return fired_in_vain(message);
  auto what = event_of(message, body->pieces);
  if (!what)
    return caf::make_error(hold(message, body->id, what.error()));
  append_request append{message.stream, expected_version::any, {}, {}};
  append.events.push_back(std::move(what->event));
  auto decided = heads->append(append, node->wall());
  if (decided.reply.error == errc::stream_deleted) {
    ++node->counts.delayed_dropped;
    if (auto more = log.pass("dropped"))
      spdlog::warn("a scheduled event is dropped: its stream is deleted "
                   "stream={} event={} suppressed={}",
                   message.stream, to_string(body->id), *more);
  }
  schedule_sweeps(decided.what);
  agenda->erase(body->id, decided.what);
  return fired_for_good(message, std::move(decided.what));
}

} // namespace callboard
