// Requests in, decisions recorded, replies out; who waits is served in order.
#include "actors/group_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/core/scheduled.hpp"
#include "actors/group_info.hpp"
#include "actors/record_pipeline.hpp"

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
  group_effects anew;
  if (auto why = recall(anew); why != errc::none)
    return why;
  remember_standing();
  if (!anew.nothing())
    record(std::move(anew), true);
  copy_parked();
  unidentified = core->unidentified();
  identifying = !unidentified.empty();
  if (*source)
    cut_source((*source)->first_live);
  if (identifying)
    identify_next();
  return errc::none;
}

errc group_state::refusal() const noexcept {
  return ending != errc::none ? ending : recording_refusal(*node);
}

caf::result<delivery_batch_ptr> group_state::fetch(const fetch_request& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  if (polls.size() >= limits::waiting_polls_max)
    return caf::make_error(errc::overloaded);
  auto promise = self->make_response_promise<delivery_batch_ptr>();
  queue(what, {}, [promise](errc why, delivery_batch_ptr batch) mutable {
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(std::move(batch));
  });
  pump();
  arm();
  return promise;
}

void group_state::queue(const fetch_request& what, std::string settled,
                        std::function<void(errc, delivery_batch_ptr)> answer) {
  auto until = what.wait.count() > 0
                 ? node->now() + std::uint64_t(what.wait.count())
                 : wall_time{};
  // The connection that it takes over from may seem to wait still.
  polls.insert(
    what.resumes ? polls.begin() : polls.end(),
    waiting_fetch{what, until, std::move(settled), std::move(answer)});
}

std::size_t group_state::wanted_by(const fetch_request& what) const {
  auto room = core->allowance(what.who, what.in_flight_max);
  auto count = std::clamp<std::size_t>(what.count, 1, limits::fetch_count_max);
  return std::size_t(std::min<std::uint64_t>(count, room));
}

void group_state::pump() {
  if (!polls.empty() && !awaiting)
    catch_up();
  std::size_t at = 0;
  while (at < polls.size() && !identifying && ending == errc::none) {
    auto count = wanted_by(polls[at].what);
    if (count == 0) { // held back by itself, which is nobody else's matter
      ++at;
      continue;
    }
    auto ranges = core->peek(count);
    if (ranges.empty())
      break;
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
    if (got.events.empty())
      break; // they are on their way to the disk
    lease_to(at, std::move(got.events));
  }
  if (!identifying && ending == errc::none)
    answer_empty(false);
  await_growth();
  read_ahead();
}

std::pair<group_effects, delivery_batch_ptr>
group_state::lease(std::vector<loaded_event> events, const lease_holder& who) {
  std::vector<leasable> wanted;
  wanted.reserve(events.size());
  for (auto& one : events)
    wanted.push_back(as_leasable(one.what, one.at));
  auto todo = core->lease(wanted, node->now(), who);
  auto batch = std::make_shared<delivery_batch>();
  batch->group = core->row().id;
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
      ahead_bytes -= std::min(ahead_bytes, memory_bytes(known->second));
      ahead.erase(known);
    }
  if (ahead.empty())
    ahead_bytes = 0;
  oldest_rested = {};
  node->counts.events_parked += todo.parked.size();
  return {std::move(todo), std::move(batch)};
}

void group_state::lease_to(std::size_t poll, std::vector<loaded_event> events) {
  auto [todo, batch] = lease(std::move(events), polls[poll].what.who);
  if (batch->events.empty())
    return record(std::move(todo), true);
  auto served = std::move(polls[poll]);
  polls.erase(polls.begin() + std::ptrdiff_t(poll));
  if (auto* known = answers.find(served.settled, node->now())) {
    auto row = *known;
    row.next = batch->events.front().lease;
    answers.put(served.settled, std::move(row), todo.changes);
  }
  // What is parked must be on disk before it is copied.
  bool waits =
    !todo.parked.empty() || !core->leaves_early(batch->events.front().lease);
  record(std::move(todo), waits,
         [this, answer = std::move(served.answer),
          batch = std::move(batch)](errc why) {
           if (why == errc::none)
             count_delivered(*batch);
           answer(why, batch);
         });
}

wall_time group_state::moment_of(due_time when) const {
  when.at = clocks.stored_of(*node, when.at);
  return wall_due(when, node->now());
}

caf::result<group_info> group_state::command(const group_command& what) {
  if (auto why = refusal(); why != errc::none)
    return caf::make_error(why);
  group_effects todo;
  group_effects truncated; // parked events that are not there any more
  wall_time moved_to;
  switch (what.verb) {
    case group_verb::create: return caf::make_error(errc::already_exists);
    case group_verb::update: {
      auto updates = updated(what.settings);
      if (!updates)
        return caf::make_error(updates.error());
      todo = std::move(*updates);
      break;
    }
    case group_verb::replay_parked: {
      auto first = first_parked();
      todo = core->replay(what.stop_at);
      truncated = core->cut(lane::replay, first);
      break;
    }
    case group_verb::remove: {
      auto steps = core->remove();
      for (auto& one : answers.remove())
        steps.front().changes.insert(steps.front().changes.begin(),
                                     std::move(one));
      todo = std::move(steps.back());
      steps.pop_back();
      for (auto& one : steps) // if a crash comes in between, it still exists
        record(std::move(one), true);
      break;
    }
    case group_verb::pause: {
      auto until =
        what.due ? std::min(moment_of(*what.due), never_ends) : never_ends;
      if (until <= node->now())
        return caf::make_error(errc::invalid_argument);
      todo = core->pause(until, what.reason);
      break;
    }
    case group_verb::resume: todo = core->resume(); break;
    case group_verb::move: {
      constexpr auto wait_max = std::uint64_t(limits::retry_delay_max.count());
      moved_to = moment_of(what.due.value_or(due_time{}));
      if (moved_to > node->now() + wait_max)
        return caf::make_error(errc::too_large);
      if (!what.ticket)
        break; // below
      todo = core->move({&*what.ticket, 1}, moved_to, node->now());
      if (todo.applied == 0)
        return caf::make_error(errc::not_found);
      break;
    }
  }
  auto promise = self->make_response_promise<group_info>();
  // A single message is named by when it is due, as that is stored.
  auto moved = what.ticket ? moved_to : wall_of(moved_to);
  auto answer = [this, promise, moved](errc why) mutable {
    auto told = info(false);
    told.moved_to = moved;
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(std::move(told));
  };
  if (what.verb == group_verb::move && !what.ticket)
    move_retries(core->waiting_retries(node->now()), moved_to, answer);
  else if (what.verb == group_verb::update)
    record(std::move(todo), true, then_park_used_up({}, answer));
  else
    record(std::move(todo), true, answer);
  if (!truncated.nothing())
    record(std::move(truncated), true);
  if (what.verb == group_verb::remove)
    failed(errc::not_found); // nothing is decided any more, only recorded
  pump();
  return promise;
}

void group_state::record(group_effects todo, bool wait,
                         std::function<void(errc)> then) {
  // What is decided after its end would lie behind the record that erases the
  // group, and bring it back.
  if (ending != errc::none) {
    if (then)
      then(ending);
    return;
  }
  if (todo.nothing() && outstanding == 0) {
    if (then)
      then(errc::none);
    return;
  }
  // An empty proposal waits for those before it: whether an ack had an effect
  // is only true once what made it so is on disk.
  count_ended(todo.changes);
  proposal what;
  what.changes = std::move(todo.changes);
  for (auto& one : todo.parked)
    what.parked.push_back(park_link(random_uuid(*node), one, node->wall()));
  what.cut_parked = todo.cut_parked;
  bool parks = !todo.parked.empty();
  what.removes = todo.removes;
  if (parks || todo.cut_parked || todo.removes) { // most records: neither
    what.parked_stream = parked_stream(key.stream, key.group);
    what.kept_stream = kept_stream(key.stream, key.group);
  }
  what.notices = happened(todo);
  what.wait = wait;
  // All that was decided so far is on disk once this is.
  auto next_lease = wait ? core->row().next_lease : lease_id{};
  ++outstanding;
  self->request(partition, caf::infinite, propose_atom_v, std::move(what))
    .then(
      [this, then, parks, next_lease](log_index) {
        --outstanding;
        core->stored(next_lease);
        if (then)
          guard([&] { then(errc::none); });
        if (parks)
          guard([&] { copy_parked(); });
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
  record(core->release(lease, node->now()), true);
  pump();
}

void group_state::failed(errc why) {
  if (ending == errc::none)
    ending = why;
  for (auto& poll : std::exchange(polls, {}))
    poll.answer(ending, nullptr);
  run_deferred();
  end_if_done();
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

} // namespace callboard
