// A job that moves retries: each group moves its own, and one record has that
// and how many there were.
#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"
#include "actors/partition_actor.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace callboard {

namespace {

wall_time moved_to(const bulk_job& job, wall_time due, wall_time now) {
  return std::max(now, new_due(job, due, now, limits::retry_delay_max));
}

} // namespace

caf::result<bool> partition_state::ask_groups(const delayed_message& message,
                                              const uuid& of, bulk_job job,
                                              delayed_rows looked_at) {
  std::map<group_key, std::vector<retry_move>> asked;
  auto& step = retry_steps[message.id] = {of, std::move(job), {}};
  for (auto& row : looked_at.rows) {
    // Its mark tells a retry that this job moved to where it looks again.
    if (row.kind != delayed_kind::retry_due || row.due <= node->now()
        || !passes(step.job.what.filter, row)
        || parse_retry_note(row.body).moved_by == message.id)
      continue;
    asked[{row.stream, row.group}].push_back(
      {lease_id{row.subject}, row.due,
       moved_to(step.job, row.due, node->now())});
    step.asked.insert(row.id);
  }

  struct gathering {
    std::size_t left = 1;
    errc worst = errc::none;
  };

  auto all = std::make_shared<gathering>();
  auto promise = self->make_response_promise<bool>();
  auto one_less = [=, this, looked_at = std::move(looked_at)](errc why) {
    if (why != errc::none)
      all->worst = why;
    if (--all->left == 0)
      groups_answered(message, looked_at, all->worst, promise);
  };
  for (auto& [key, moves] : asked) {
    auto actor = serving(key);
    if (!actor) {
      if (actor.error() != errc::not_found) // else its rows go with it
        all->worst = actor.error();
      continue;
    }
    ++all->left;
    delayed_message what{message.id, message.due, delayed_kind::bulk,
                         key.stream, key.group,   0,
                         pack(moves)};
    self->request(*actor, caf::infinite, fired_atom_v, std::move(what))
      .then([one_less](bool) { one_less(errc::none); },
            [one_less](const caf::error& why) { one_less(to_errc(why)); });
  }
  one_less(errc::none);
  return promise;
}

void partition_state::groups_answered(const delayed_message& message,
                                      const delayed_rows& looked_at, errc worst,
                                      caf::typed_response_promise<bool> to) {
  auto step = retry_steps.extract(message.id);
  if (!step) // it was stopped, or the partition began again
    worst = errc::unavailable;
  else if (worst == errc::none)
    worst = load_scheduled(step.mapped().of);
  if (worst != errc::none) { // what was moved is marked and counted
    if (step)
      give_up_job(message, step.mapped().of, worst);
    return void(to.deliver(caf::make_error(worst)));
  }
  record todo;
  end_bulk_step(step.mapped().job, step.mapped().of, message, looked_at, todo);
  record_or_wait(std::move(todo), taken_over(to));
}

void partition_state::count_moved(record& what) {
  for (auto& [by, step] : retry_steps) {
    auto before = step.asked.size();
    for (auto& one : what.changes)
      if (auto* put = std::get_if<put_delayed>(&one);
          put != nullptr && put->message.kind == delayed_kind::retry_due
          && parse_retry_note(put->message.body).moved_by == by)
        step.asked.erase(put->message.id);
    auto moved = before - step.asked.size();
    if (moved == 0)
      continue;
    step.job.progress.changed += moved;
    what.changes.emplace_back(put_piece{by, 0, pack(step.job)});
  }
}

} // namespace callboard
