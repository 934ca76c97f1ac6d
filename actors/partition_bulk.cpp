// Changes of many scheduled events: a step, a record, and the next step.
#include "actors/core/limits.hpp"
#include "actors/partition_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

bool may_change(const bulk_job& job, const delayed_message& of_job,
                const delayed_message& row) {
  return (row.kind == delayed_kind::publish
          || row.kind == delayed_kind::recurring)
         && row.id < of_job.id && passes(job.what.filter, row);
}

/// Retries wait for less time than what is scheduled may.
wall_time last_retry(wall_time now) {
  return now + std::uint64_t(limits::retry_delay_max.count());
}

} // namespace

caf::result<schedule_reply> partition_state::begin_bulk(bulk_command& what) {
  if (auto why = refusal(effort::making_room); why != errc::none)
    return caf::make_error(why);
  if (auto why = load_scheduled(what.id); why != errc::none)
    return caf::make_error(why);
  schedule_reply reply{.partition = id};
  if (auto* known = agenda->find(what.id)) {
    reply.repeated = known->message.kind == delayed_kind::bulk;
    reply.error = reply.repeated ? errc::none : errc::already_exists;
    agenda->let_go(what.id);
    return scheduled({}, reply);
  }
  auto& jobs = pending.now()[std::size_t(delayed_class::bulk)];
  auto due = due_of(what.due);
  if (moves_retries(what) && due && *due > last_retry(node->now()))
    due = errc::too_large;
  if (!due || jobs >= std::int64_t(limits::bulk_jobs_max)) {
    agenda->let_go(what.id);
    reply.error = due ? errc::too_many_in_flight : due.error();
    return scheduled({}, reply);
  }
  bulk_job job{.what = what, .move_to = *due};
  auto stored = [&](wall_time wall) { return clocks.stored_of(*node, wall); };
  if (what.filter.from.value > 0) {
    auto from = stored(what.filter.from);
    job.due = {from.value - std::min<std::uint64_t>(from.value, 1)};
    job.id = {UINT64_MAX};
  }
  job.to_due =
    what.filter.to.value > 0 ? stored(what.filter.to) : wall_time{UINT64_MAX};
  job.progress.verb = what.verb;
  record todo;
  agenda->add(what.id,
              {{},
               node->now(),
               delayed_kind::bulk,
               what.filter.stream,
               what.filter.group,
               0},
              pack(job), todo);
  return scheduled(std::move(todo), reply);
}

caf::result<bool> partition_state::fire_bulk(const delayed_message& message) {
  if (auto why = refusal(effort::making_room); why != errc::none)
    return caf::make_error(why);
  if (node->db->unflushed_bytes() > limits::bulk_backlog_bytes_max)
    return caf::make_error(errc::overloaded);
  auto body = unpack_body(message.body);
  if (!body)
    return caf::make_error(give_up_job(message, {}, errc::corrupt));
  if (auto why = load_scheduled(body->id); why != errc::none)
    return caf::make_error(give_up_job(message, body->id, why));
  if (!takes_effect(body->id, message))
    return fired_in_vain(message);
  auto bytes = node->db->pieces(id, message.id, body->pieces);
  auto job = bytes ? unpack_job(*bytes) : std::nullopt;
  record todo;
  if (job && job->progress.done) { // told of for long enough
    agenda->erase(body->id, todo);
    return fired_for_good(message, std::move(todo));
  }
  auto why = bytes ? errc::corrupt : bytes.error();
  if (job)
    why = await_turn(message.id);
  if (why != errc::none)
    return caf::make_error(give_up_job(message, body->id, why));
  wall_time last{std::max<std::uint64_t>(job->to_due.value, 1) - 1};
  auto found = node->db->delayed_slice(id, job->due, job->id, last,
                                       limits::bulk_step_rows);
  if (!found)
    return caf::make_error(give_up_job(message, body->id, found.error()));
  if (moves_retries(job->what))
    return ask_groups(message, body->id, std::move(*job), std::move(*found));
  for (auto& row : found->rows)
    if (may_change(*job, message, row)
        && change_in_bulk(*job, message.id, row, todo))
      ++job->progress.changed;
  end_bulk_step(*job, body->id, message, *found, todo);
  return fired_for_good(message, std::move(todo));
}

/// The timer offers it again, unless it is damaged: then other jobs do not wait
/// for it. Returns `why`.
errc partition_state::give_up_job(const delayed_message& message,
                                  const uuid& of, errc why) {
  agenda->let_go(of);
  if (why != errc::corrupt)
    return why;
  unfinished_jobs.erase(message.id);
  if (auto more = log.pass("damaged job"))
    spdlog::error("a job, or what it looks at, is damaged: it stops, and the "
                  "next start tries again partition={} job={} suppressed={}",
                  id.value, to_string(of), *more);
  return why;
}

/// Two jobs that move would meet what the other one has moved ahead of them
/// again and again, and one that cancels would miss what is moved behind it.
errc partition_state::await_turn(delayed_id job) {
  // All that wait for a step are due.
  if (!pending.complete() && pending.due() <= node->now())
    return errc::overloaded; // there may be an older one
  if (unfinished_jobs.empty() || unfinished_jobs.begin()->first >= job)
    return errc::none;
  auto& [oldest, of] = *unfinished_jobs.begin();
  if (std::exchange(awaited_job, oldest) != oldest)
    spdlog::info("jobs wait for an older one partition={} job={}", id.value,
                 to_string(of));
  return errc::overloaded;
}

/// One that is finished is due when it need not be told of any more.
void partition_state::note_job(const delayed_message& row, wall_time now) {
  if (row.kind != delayed_kind::bulk || row.due > now)
    return;
  if (auto body = unpack_body(row.body)) // nobody waits for what is damaged
    unfinished_jobs.emplace(row.id, body->id);
}

void partition_state::note_job(const change& what, wall_time now) {
  if (auto* put = std::get_if<put_delayed>(&what))
    note_job(put->message, now);
  else if (auto* gone = std::get_if<erase_delayed>(&what))
    unfinished_jobs.erase(gone->id);
}

void partition_state::end_bulk_step(bulk_job& job, const uuid& of,
                                    const delayed_message& message,
                                    const delayed_rows& looked_at,
                                    record& into) {
  job.progress.looked_at += looked_at.seen;
  job.progress.done = looked_at.seen < limits::bulk_step_rows;
  auto next = message;
  next.due = node->now();
  if (job.progress.done)
    next.due = next.due + std::uint64_t(limits::bulk_kept.count());
  else
    std::tie(job.due, job.id) = looked_at.last;
  into.changes.emplace_back(put_piece{message.id, 0, pack(job)});
  agenda->replace(of, std::move(next), into);
}

/// Whether it was changed.
bool partition_state::change_in_bulk(const bulk_job& job, delayed_id by,
                                     const delayed_message& row, record& into) {
  auto body = unpack_body(row.body);
  if (!body || body->moved_by == by)
    return false;
  if (!agenda->knows(body->id))
    agenda->load(body->id, schedules::state{
                             {row.due, row.id, body->pieces, row.stream}, row});
  else if (!agenda->is_current(body->id, row))
    return false; // somebody else has changed it, which is on its way
  held_back.erase({row.due, row.id});
  if (job.what.verb == bulk_verb::cancel) {
    agenda->erase(body->id, into);
    return true;
  }
  auto moved = row;
  moved.due = new_due(job, row.due, node->now(), limits::delay_max);
  moved.subject += std::uint64_t(job.what.shift_ms);
  moved.subject = shown_due(moved, wall_of(moved.due)).value;
  body->moved_by = by;
  moved.body = pack(*body);
  agenda->replace(body->id, std::move(moved), into);
  return true;
}

} // namespace callboard
