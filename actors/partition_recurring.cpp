// Events that recur: their rule says when the next one is due.
#include "actors/core/limits.hpp"
#include "actors/partition_actor.hpp"
#include "actors/time_zones.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

delayed_message with_count(delayed_message message, std::uint64_t fired) {
  auto body = unpack_body(message.body);
  body->fired = fired;
  message.body = pack(*body);
  return message;
}

/// Whether that is the rule that is there. Without `from` it counts from when
/// the schedule was made.
bool is_same_rule(recurrence asked, const recurrence& there) {
  if (asked.every_ms > 0 && asked.from.value == 0)
    asked.from = there.from;
  return asked == there;
}

} // namespace

caf::result<schedule_reply> partition_state::schedule(recurring_request& what) {
  if (auto why = refusal(effort::publishing); why != errc::none)
    return caf::make_error(why);
  bound_heads();
  if (auto why = load_heads({what.stream}); why != errc::none)
    return caf::make_error(why);
  auto key = what.event.id;
  if (auto why = load_scheduled(key); why != errc::none)
    return caf::make_error(why);
  schedule_reply reply{.partition = id};
  auto answer = [&](errc why) {
    agenda->let_go(key);
    reply.error = why;
    return scheduled({}, reply);
  };
  auto* head = heads->find(what.stream);
  if (head != nullptr && head->state == stream_state::tombstoned)
    return answer(errc::stream_deleted);
  if (auto* known = agenda->find(key)) {
    reply.repeated = known->row.stream == what.stream
                     && known->message.kind == delayed_kind::recurring;
    reply.due = shown_due(known->message, wall_of(known->row.due));
    if (!reply.repeated)
      return answer(errc::already_exists);
    auto promise = self->make_response_promise<schedule_reply>();
    // Its rule can be read once it is recorded.
    pipeline->after_all(
      [=, this, asked = what.rule, message = known->message,
       pieces = known->row.pieces](errc why, log_index) mutable {
        if (why != errc::none)
          return void(promise.deliver(caf::make_error(why)));
        auto there = event_of(message, pieces);
        if (there && (!there->rule || !is_same_rule(asked, *there->rule))) {
          reply.repeated = false;
          reply.error = errc::already_exists;
        }
        promise.deliver(reply);
      });
    agenda->let_go(key);
    return promise;
  }
  auto now = node->wall();
  if (what.rule.every_ms > 0 && what.rule.from.value == 0)
    what.rule.from = now;
  auto zone = find_time_zone(what.rule.zone);
  if (!zone)
    return answer(errc::not_found);
  auto first = next_time(what.rule, now, *zone);
  if (!first)
    return answer(errc::invalid_argument);
  auto due = due_of({{}, *first});
  if (!due)
    return answer(due.error());
  reply.due = *first;
  record todo;
  agenda->add(
    key, {{}, *due, delayed_kind::recurring, what.stream, {}, first->value},
    pack(scheduled_event{std::move(what.event), what.rule}), todo);
  return scheduled(std::move(todo), reply);
}

/// That is about this schedule alone: nothing waits for it.
errc partition_state::without_zone(const delayed_message& message,
                                   const scheduled_body& body,
                                   const std::string& zone) {
  agenda->let_go(body.id);
  held_back.erase({message.due, message.id});
  if (auto more = log.pass("zone " + zone))
    spdlog::error("a schedule stops: there is no time zone {}, and the next "
                  "start tries again stream={} schedule={} suppressed={}",
                  zone, message.stream, to_string(body.id), *more);
  return errc::not_found;
}

/// How late an occurrence is, and when the next one is due, by the clock that
/// its rule follows: that on the wall, or for `every` the broker's, which never
/// steps. There the time of an occurrence is as far from that of the one before
/// as both are due apart, whatever the clock on the wall shows meanwhile. What
/// is due by it may be over: so it is known of each how late it is.
partition_state::recurring_plan
partition_state::plan_recurring(const delayed_message& message,
                                const recurrence& rule, std::uint64_t fired,
                                const time_zone& zone) const {
  wall_time at{message.subject};
  recurring_plan out;
  if (rule.every_ms == 0) {
    out.what = at_occurrence(rule, fired, at, node->wall(), zone);
    auto due = out.what.next ? due_of({{}, *out.what.next}) : errc::not_found;
    out.due = due ? *due : wall_time{};
    return out;
  }
  auto now = node->now();
  auto late = now.value - std::min(now.value, message.due.value);
  out.what = at_occurrence(rule, fired, at, at + late, zone);
  if (auto& next = out.what.next)
    out.due = message.due + (next->value - at.value);
  return out;
}

caf::result<bool>
partition_state::fire_recurring(const delayed_message& message) {
  auto found = due_body(message);
  if (!found)
    return caf::make_error(found.error());
  auto& body = *found;
  if (!body)
    return fired_in_vain(message);
  auto what = event_of(message, body->pieces);
  if (!what || !what->rule)
    return caf::make_error(
      hold(message, body->id, what ? errc::corrupt : what.error()));
  auto zone = find_time_zone(what->rule->zone);
  if (!zone)
    return caf::make_error(without_zone(message, *body, what->rule->zone));
  auto fired = body->fired;
  auto [plan, due] = plan_recurring(message, *what->rule, fired, *zone);
  record todo;
  if (plan.publishes) {
    append_request append{message.stream, expected_version::any, {}, {}};
    what->event.id = id_of_occurrence(body->id, {message.subject});
    append.events.push_back(std::move(what->event));
    auto decided = heads->append(append, node->wall());
    if (decided.reply.error == errc::stream_deleted) {
      ++node->counts.delayed_dropped;
      if (auto more = log.pass("ended"))
        spdlog::warn("a schedule ends: its stream is deleted stream={} "
                     "schedule={} suppressed={}",
                     message.stream, to_string(body->id), *more);
      due = {};
    }
    ++fired;
    todo = std::move(decided.what);
    schedule_sweeps(todo);
  }
  if (due.value > 0) {
    auto next = with_count(message, fired);
    next.due = due;
    next.subject = plan.next->value;
    agenda->replace(body->id, std::move(next), todo);
  } else {
    agenda->erase(body->id, todo);
  }
  return fired_for_good(message, std::move(todo));
}

} // namespace callboard
