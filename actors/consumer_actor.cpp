// One task after the other: polls, their waits, commits.
#include "actors/consumer_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/topics.hpp"
#include "actors/guarded.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace callboard {

reader_id consumer_state::reader_of(const consumer_task& task) const {
  auto& who = task.poll.who;
  return who.reader == reader_id{} ? latest : who.reader;
}

reader_id consumer_state::current_reader() const {
  return reader_of(tasks.front());
}

caf::result<poll_reply_ptr> consumer_state::poll(poll_request& what) {
  if (tasks.size() >= limits::consumer_polls_max)
    return caf::make_error(errc::overloaded);
  ++node->counts.polls;
  consumer_task task;
  task.until = node->now() + std::uint64_t(what.wait.count());
  task.poll = std::move(what);
  task.polled = self->make_response_promise<poll_reply_ptr>();
  auto promise = task.polled;
  if (waiting)
    finish(std::make_shared<const poll_reply>()); // its consumer polls anew
  tasks.push_back(std::move(task));
  run_next();
  return promise;
}

caf::result<bool> consumer_state::commit(reader_id reader) {
  if (tasks.size() >= limits::consumer_polls_max)
    return caf::make_error(errc::overloaded);
  consumer_task task;
  task.poll.who.reader = reader;
  task.committed = self->make_response_promise<bool>();
  auto promise = *task.committed;
  // A poll that waits has committed already, and was handed nothing.
  tasks.insert(waiting ? tasks.begin() : tasks.end(), std::move(task));
  if (waiting) {
    run_commit(current_reader());
    return promise;
  }
  run_next();
  return promise;
}

void consumer_state::run_next() {
  if (running || tasks.empty())
    return;
  running = true;
  if (tasks.front().committed)
    return run_commit(current_reader());
  if (!tasks.front().early)
    return begin_rounds();
  auto reply = std::make_shared<poll_reply>();
  reply->outcome = poll_outcome::outdated;
  finish(std::move(reply));
}

void consumer_state::run_commit(reader_id reader) {
  auto commit = std::make_shared<running_commit>();
  commit->reader = reader;
  commit->promise = *tasks.front().committed;
  commit->beside_wait = waiting;
  // Taken out before anybody is asked: a poll may be handed more meanwhile.
  std::set<partition_id> asked;
  if (!tasks.front().early)
    if (auto before = handed.extract(reader))
      asked = std::move(before.mapped());
  tasks.pop_front();
  commits.insert(commit);
  for (auto p : asked) {
    ++commit->left;
    self
      ->request(partitions[p.value], caf::infinite, commit_atom_v,
                group_reader{group, reader})
      .then([this, commit](bool) { one_less(commit); },
            [this, commit, p](const caf::error& why) {
              commit->failed = to_errc(why);
              remember_handed(commit->reader, p); // it may try again
              one_less(commit);
            });
  }
  one_less(commit);
}

void consumer_state::one_less(const running_commit_ptr& commit) {
  if (--commit->left > 0)
    return;
  commits.erase(commit);
  if (commit->failed == errc::none)
    commit->promise.deliver(true);
  else
    commit->promise.deliver(caf::make_error(commit->failed));
  if (commit->beside_wait)
    return;
  running = false;
  run_next();
}

/// Nobody got what was read: it is handed out again.
void consumer_state::give_back(reader_id reader) {
  for (auto& p : handed[reader])
    self->send(partitions[p.value], release_atom_v,
               group_reader{group, reader});
  handed.erase(reader);
}

void consumer_state::begin_wait() {
  waiting = true;
  auto generation = ++wait_generation;
  auto left = tasks.front().until.value - node->now().value;
  for (auto& [p, mine] : parts)
    for (std::size_t i = 0; i < mine->streams.size(); ++i)
      self
        ->request(partitions[p.value], caf::infinite, await_atom_v,
                  mine->streams[i], mine->waits_at[i],
                  std::uint64_t(self->id()), left)
        .then([this, generation](event_number) { grown(generation); },
              [this, generation](const caf::error&) {
                // Too many wait already, or the partition begins anew.
                if (waiting && generation == wait_generation)
                  finish(std::make_shared<const poll_reply>());
              });
}

void consumer_state::end_wait() {
  waiting = false;
  ++wait_generation; // what is still awaited is of no interest
  for (auto& [p, mine] : parts)
    for (auto& stream : mine->streams)
      self->send(partitions[p.value], cancel_atom_v, group_key{stream, {}},
                 std::uint64_t(self->id()));
}

/// A stream has grown, or the time is over.
void consumer_state::grown(std::uint64_t generation) {
  if (!waiting || generation != wait_generation)
    return;
  end_wait();
  begin_rounds();
}

void consumer_state::finish(result<poll_reply_ptr> outcome) {
  if (waiting)
    end_wait();
  auto task = std::move(tasks.front());
  tasks.pop_front();
  running = false;
  if (outcome)
    task.polled.deliver(std::move(*outcome));
  else
    task.polled.deliver(caf::make_error(outcome.error()));
  run_next();
}

void consumer_state::assigned(member_slices what) {
  epoch = what.epoch;
  if (what.slices == slices)
    return; // others came or went: what it reads and waits for stays
  auto waited = waiting;
  if (waited)
    end_wait();
  slices = std::move(what.slices);
  parts.clear();
  for (auto& [topic, p] : slices) {
    auto& mine = parts[p];
    if (!mine)
      mine = std::make_shared<part>();
    mine->streams.push_back(topic_stream(node->placement, topic, p));
    mine->topics.push_back(topic);
    mine->waits_at.emplace_back();
  }
  if (waited)
    begin_rounds();
}

void consumer_state::cancel(std::uint64_t session) {
  auto found = std::find_if(tasks.begin(), tasks.end(), [&](auto& task) {
    return !task.committed && task.poll.session == session;
  });
  if (found == tasks.end()) {
    // Answered, but the answer came too late.
    if (session == last_answered.session)
      give_back(last_answered.reader);
    return;
  }
  found->abandoned = true;
  if (found == tasks.begin() && waiting)
    finish(std::make_shared<const poll_reply>());
}

void consumer_state::remember_handed(reader_id reader, partition_id p) {
  if (handed.size() >= limits::consumer_readers_max && !handed.contains(reader))
    handed.erase(handed.begin());
  handed[reader].insert(p);
}

void consumer_state::failed(const caf::error& why) {
  if (waiting)
    end_wait();
  for (auto& task : std::exchange(tasks, {}))
    if (task.committed)
      task.committed->deliver(why);
    else
      task.polled.deliver(why);
  for (auto& commit : std::exchange(commits, {}))
    commit->promise.deliver(why);
  self->quit();
}

consumer_actor::behavior_type
consumer_behavior(consumer_actor::stateful_pointer<consumer_state> self,
                  std::string group, node_ptr node,
                  std::vector<partition_actor> partitions) {
  auto& state = self->state;
  state.self = self;
  state.group = std::move(group);
  state.node = std::move(node);
  state.partitions = std::move(partitions);
  auto crashed = [&state](const std::exception& error) {
    ++state.node->counts.actor_failures;
    spdlog::critical("consumer failed group={} error={}", state.group,
                     error.what());
    state.failed(caf::make_error(errc::unavailable));
  };
  // For what is done with others' answers: whoever waits gets one as well.
  self->set_exception_handler([crashed](std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      crashed(error);
    }
    return caf::make_error(errc::unavailable);
  });
  return {
    [&state, crashed](poll_atom, poll_request& what) {
      return guarded([&] { return state.poll(what); }, crashed);
    },
    [&state, crashed](commit_atom, reader_id reader) {
      return guarded([&] { return state.commit(reader); }, crashed);
    },
    [&](join_atom, reader_id reader) { state.latest = reader; },
    [&](assigned_atom, member_slices& what) {
      state.assigned(std::move(what));
    },
    [&](cancel_atom, std::uint64_t session) { state.cancel(session); },
    [&](failed_atom, const caf::error& why) { state.failed(why); },
  };
}

} // namespace callboard
