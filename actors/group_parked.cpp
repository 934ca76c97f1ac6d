// What is parked: listed, replayed by choice and portion by portion, discarded.
#include "actors/core/limits.hpp"
#include "actors/core/parked_job.hpp"
#include "actors/core/parked_job_codec.hpp"
#include "actors/group_actor.hpp"
#include "actors/group_info.hpp"
#include "actors/guarded.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace callboard {

/// A look at what is parked, in order of number. It ends at `end`, where
/// `visit` says that it takes no more, or after a bounded number of events.
struct group_state::parked_walk {
  event_number at; // not looked at yet
  event_number end;
  std::function<bool(event_number, resolved_event&)> visit;
  std::function<void(errc)> done; // `at` tells where it ended
  std::size_t looked = 0;
  std::size_t bytes = 0;
};

namespace {

/// When a portion that could not choose anything is tried again.
constexpr std::uint64_t held_back_ms = 1000;

/// Counts apart while there is room.
void count_reason(const std::string& reason,
                  std::map<std::string, std::uint64_t>& into) {
  bool room = into.contains(reason) || into.size() < limits::parked_reasons_max;
  ++into[room ? reason : "other"];
}

} // namespace

void group_state::walk(std::shared_ptr<parked_walk> what) {
  if (ending != errc::none)
    return what->done(ending);
  auto next = core->next_parked(std::max(what->at, first_parked()));
  what->at = next ? std::min(next->first, what->end) : what->end;
  auto left = limits::parked_look_max - what->looked;
  if (what->at >= what->end || left == 0
      || what->bytes >= limits::page_bytes_max)
    return what->done(errc::none);
  number_range asked{what->at,
                     std::min({next->count, what->end.value - what->at.value,
                               std::uint64_t(left),
                               std::uint64_t(limits::parked_piece_events)})};
  read_parked(asked, [=, this](errc why, resolved_events& events) {
    if (why != errc::none)
      return what->done(why);
    guarded([&] { show(*what, asked, events); },
            [&](const std::exception& error) {
              crashed(error);
              what->visit = nullptr;
            });
    if (what->visit)
      walk(what);
    else
      what->done(ending);
  });
}

/// No `visit` any more: enough was seen.
void group_state::show(parked_walk& to, number_range asked,
                       resolved_events& events) {
  to.at = asked.end(); // if nothing comes it cannot be read any more
  for (auto& one : events) {
    auto n = one.original->number;
    if (n >= asked.end())
      break;
    auto next = core->next_parked(n);
    if (!next || next->first != n)
      continue; // it was settled or replayed meanwhile
    if (!to.visit(n, one)) {
      to.at = n;
      to.visit = nullptr;
      return;
    }
    ++to.looked;
    to.bytes += memory_bytes(one);
    to.at = n + 1; // what follows may have been cut off by its bytes
  }
}

// --- listing ----------------------------------------------------------------

caf::result<parked_page_ptr>
group_state::list_parked(const parked_query& what) {
  if (auto why = refusal_of(parked_command{.filter = what.filter});
      why != errc::none)
    return caf::make_error(why);
  if (ending != errc::none)
    return caf::make_error(ending);
  auto page = std::make_shared<parked_page>();
  auto reasons = std::make_shared<std::map<std::string, std::uint64_t>>();
  auto promise = self->make_response_promise<parked_page_ptr>();
  page->parked = core->parked(first_parked());
  auto all = std::make_shared<parked_walk>();
  all->at = what.after ? *what.after + 1 : event_number{};
  all->end = core->parked_end();
  auto count = std::clamp<std::size_t>(what.count, 1, limits::parked_look_max);
  all->visit = [=, filter = what.filter](event_number n, resolved_event& e) {
    auto reason = parked_reason(*e.original);
    bool fits = matches(filter, *e.original, e.resolved.get(), reason);
    if (fits && page->items.size() == count)
      return false;
    count_reason(reason, *reasons);
    page->looked_at = n;
    if (fits)
      page->items.push_back({n, e.original->id, std::move(e.resolved),
                             e.original->data, std::move(reason),
                             e.original->created});
    return true;
  };
  all->done = [=, last = all->end, all = all.get()](errc why) mutable {
    if (why != errc::none)
      return void(promise.deliver(caf::make_error(why)));
    page->more = all->at < last;
    page->by_reason.assign(reasons->begin(), reasons->end());
    promise.deliver(parked_page_ptr{page});
  };
  walk(all);
  return promise;
}

// --- replaying and discarding -----------------------------------------------

caf::result<parked_reply>
group_state::change_parked(const parked_command& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  if (auto why = refusal_of(what); why != errc::none)
    return caf::make_error(why);
  if (what.verb == parked_verb::stop_replay)
    return stop_parked_job();
  if (parked_busy || core->row().parked_job_due.value != 0)
    return caf::make_error(errc::already_exists);
  parked_busy = true;
  core->take_parked_again();
  auto promise = self->make_response_promise<parked_reply>();
  portion_done done = [promise](errc why, parked_reply reply) mutable {
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(reply);
  };
  parked_job job{what.verb,         what.filter,       what.words,
                 what.per_second,   what.stop_percent, {},
                 core->parked_end()};
  // What was parked just now can be read once it is recorded.
  record({}, true, [=, this](errc why) {
    if (why == errc::none)
      why = ending; // it may have been removed meanwhile
    if (why == errc::none)
      return work_on(job, done);
    parked_busy = false;
    done(why, {});
  });
  return promise;
}

caf::result<parked_reply> group_state::stop_parked_job() {
  ++parked_stops;
  auto todo = core->stop_replay();
  parked_reply reply{todo.applied};
  todo.add(core->plan_parked_job({}));
  auto promise = self->make_response_promise<parked_reply>();
  record(std::move(todo), true, [=](errc why) mutable {
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(reply);
  });
  return promise;
}

/// Its next portion is due.
void group_state::go_on(const delayed_message& message,
                        caf::typed_response_promise<bool> to) {
  portion_done done = [to](errc why, parked_reply) mutable {
    if (why != errc::none)
      to.deliver(caf::make_error(why));
    else
      to.deliver(true);
  };
  if (parked_busy)
    return done(errc::overloaded, {}); // it is at work: offered again if lost
  auto job = decode_parked_job(message.body);
  if (message.due != core->row().parked_job_due || !job) {
    group_effects todo;
    if (message.due == core->row().parked_job_due)
      todo = core->plan_parked_job({});
    else
      todo.changes.emplace_back(erase_delayed{message.due, message.id});
    return record(std::move(todo), true, [done](errc why) { done(why, {}); });
  }
  parked_busy = true;
  work_on(std::move(*job), done);
}

void group_state::work_on(parked_job job, const portion_done& done) {
  job.failed += core->take_parked_again();
  auto under_way = core->replaying();
  if (fails_too_often(job, under_way))
    return stop_failing(job, done);
  // Each that is chosen may part a run in two.
  auto room = std::min(portion_of(job, under_way), core->room_for_runs() / 2);
  if (room == 0 || job.looked_at_all())
    return finish_portion(std::move(job), {}, done);
  auto chosen = std::make_shared<std::vector<event_number>>();
  auto all = std::make_shared<parked_walk>();
  all->at = job.next;
  all->end = job.end;
  all->visit = [=, filter = job.filter](event_number n, resolved_event& e) {
    if (chosen->size() == room)
      return false;
    if (matches(filter, *e.original, e.resolved.get(),
                parked_reason(*e.original)))
      chosen->push_back(n);
    return true;
  };
  all->done = [=, this, job = std::move(job), stops = parked_stops,
               all = all.get()](errc why) mutable {
    if (why == errc::none && ending != errc::none)
      why = ending;
    if (why != errc::none || stops != parked_stops) {
      parked_busy = false; // told to end meanwhile, and that is recorded
      return done(why, {job.chosen});
    }
    job.next = all->at;
    guard([&] { finish_portion(std::move(job), *chosen, done); });
  };
  walk(all);
}

void group_state::finish_portion(parked_job job,
                                 const std::vector<event_number>& chosen,
                                 const portion_done& done) {
  auto todo = job.verb == parked_verb::replay
                ? core->replay_these(chosen)
                : core->discard(chosen, job.words, node->now());
  job.chosen += todo.applied;
  if (job.verb == parked_verb::discard && todo.applied > 0) {
    spdlog::info(
      "parked events discarded stream={} group={} events={} words={}",
      key.stream, key.group, todo.applied, job.words);
    node->counts.events_settled += todo.applied;
    tell_discarded(todo.applied, job.words);
  }
  parked_reply reply{job.chosen, !is_over(job, core->replaying())};
  bool held_back = job.looked_at_all() || core->room_for_runs() < 2;
  auto wait = std::max(interval_ms(job), held_back ? held_back_ms : 0);
  auto due = reply.more ? node->now() + wait : wall_time{};
  todo.add(
    core->plan_parked_job(due, reply.more ? encode(job) : std::string{}));
  record(std::move(todo), true, [=, this](errc why) {
    parked_busy = false;
    done(why, reply);
  });
  pump();
}

void group_state::stop_failing(const parked_job& job,
                               const portion_done& done) {
  auto todo = core->stop_replay();
  todo.add(core->plan_parked_job({}));
  spdlog::warn("replay stopped: too many fail again stream={} group={} "
               "replayed={} failed={}",
               key.stream, key.group, job.chosen, job.failed);
  tell_replay_stopped(job);
  record(std::move(todo), true, [=, this, chosen = job.chosen](errc why) {
    parked_busy = false;
    done(why, {chosen});
  });
}

} // namespace callboard
