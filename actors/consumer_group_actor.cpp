// Commit and read side by side; answer when both are done.
#include "actors/consumer_group_actor.hpp"

#include "actors/core/limits.hpp"
#include "actors/guarded.hpp"
#include "actors/read_page.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace callboard {

namespace {

/// What a record takes in an answer, roughly.
std::size_t answered_bytes(const event& e) noexcept {
  return e.data.size() + 16;
}

/// Where a group that never read the stream begins. "Latest" counts a stream
/// that never had more than one event as empty: clients lean on it
/// (barco-http.md 3.9, 6.4). One that retention left is an old one.
event_number start_of(const stream_row& row, start_policy from) noexcept {
  auto first = first_readable(row);
  auto only_one = first == event_number{} && row.next == event_number{1};
  return from == start_policy::earliest || only_one ? first : row.next;
}

/// What one read may bring into memory at most.
constexpr std::size_t slice_memory_max = 2 * limits::poll_bytes_max;

bool has_room(const running_poll& poll) noexcept {
  return poll.bytes < poll.what.bytes_max
         && poll.records < poll.what.records_max;
}

/// Stores count memory, answers what is laid out, which is far less of small
/// records: what is left is scaled as it was with the records before.
std::size_t memory_to_read(const running_poll& poll) noexcept {
  auto left = poll.what.bytes_max - poll.bytes;
  if (poll.bytes == 0)
    return left;
  return std::min(left * poll.memory / poll.bytes,
                  std::max(left, slice_memory_max));
}

/// What was read before is answered; a later poll hears that it cannot go on.
void cannot_read(running_poll& poll, errc why) noexcept {
  if (!poll.again && !poll.what.continues)
    poll.failed = why;
}

void end_step(running_poll& poll, stream_step how) noexcept {
  poll.again = how == stream_step::again;
  if (!poll.again)
    ++poll.next;
}

void add_chunk(slice_reply& to, std::size_t stream,
               std::vector<event_ptr> events) {
  if (!to.chunks.empty() && to.chunks.back().first == stream) {
    auto& before = to.chunks.back().second;
    if (before.back()->number + 1 == events.front()->number) {
      before.insert(before.end(), std::move_iterator{events.begin()},
                    std::move_iterator{events.end()});
      return;
    }
  }
  to.chunks.emplace_back(stream, std::move(events));
}

} // namespace

errc consumer_group_state::start() {
  auto rows = node->db->positions(where, group);
  if (!rows)
    return rows.error();
  core.emplace(group);
  for (auto& [stream, next] : *rows)
    core->load(std::move(stream), next);
  return errc::none;
}

void consumer_group_state::record(std::vector<change> changes,
                                  std::function<void(errc)> then) {
  proposal what;
  what.changes = std::move(changes);
  ++outstanding;
  self->request(partition, caf::infinite, propose_atom_v, std::move(what))
    .then(
      [this, then](log_index) {
        --outstanding;
        then(errc::none);
        end_if_done();
      },
      [this, then](const caf::error& why) {
        --outstanding;
        then(to_errc(why));
        failed(to_errc(why));
      });
}

caf::result<bool> consumer_group_state::recorded(std::vector<change> changes) {
  auto promise = self->make_response_promise<bool>();
  record(std::move(changes), [promise](errc why) mutable {
    if (why != errc::none)
      promise.deliver(caf::make_error(why));
    else
      promise.deliver(true);
  });
  return promise;
}

errc consumer_group_state::begin_at(const std::string& stream,
                                    start_policy from, change& out) {
  auto row = node->db->stream(where, stream);
  if (!row)
    return row.error();
  out = core->open(stream, *row ? start_of(**row, from) : event_number{});
  return errc::none;
}

caf::result<bool> consumer_group_state::open(const open_readers& what) {
  if (ending != errc::none)
    return caf::make_error(ending);
  auto fresh = std::count_if(what.streams.begin(), what.streams.end(),
                             [this](auto& one) { return !core->knows(one); });
  if (fresh > 0 && core->size() + std::size_t(fresh) > limits::group_topics_max)
    return caf::make_error(errc::too_large);
  std::vector<change> todo;
  for (auto& stream : what.streams) {
    if (core->knows(stream))
      continue;
    todo.emplace_back();
    if (auto why = begin_at(stream, what.from, todo.back());
        why != errc::none) {
      failed(why); // the streams before it are open in memory only
      return caf::make_error(why);
    }
  }
  return recorded(std::move(todo));
}

caf::result<bool> consumer_group_state::commit(reader_id who) {
  if (ending != errc::none)
    return caf::make_error(ending);
  return recorded(core->commit(who));
}

void consumer_group_state::release(reader_id who) {
  if (ending != errc::none)
    return;
  // Only who is being read for has to wait. Anybody else may poll again before
  // the reader answers, and that would commit what he gives back.
  if (asked_reader && reading.front()->what.reader == who)
    released = true;
  else
    core->forget(who);
}

caf::result<slice_reply_ptr> consumer_group_state::poll(slice_poll& what) {
  if (ending != errc::none)
    return caf::make_error(ending);
  auto poll = std::make_shared<running_poll>();
  poll->promise = self->make_response_promise<slice_reply_ptr>();
  poll->what = std::move(what);
  poll->reply->waits_at.resize(poll->what.streams.size());
  auto committed = poll->what.continues ? std::vector<change>{}
                                        : core->commit(poll->what.reader);
  poll->reply->outdated = !core->admit(poll->what.epoch);
  poll->read = poll->reply->outdated || poll->what.streams.empty();
  poll->recorded = committed.empty();
  if (!poll->recorded)
    record(std::move(committed), [this, poll](errc why) {
      poll->recorded = true;
      poll->failed = why;
      answer_if_complete(poll);
    });
  if (!poll->read) {
    reading.push_back(poll);
    read_next();
  }
  answer_if_complete(poll);
  return poll->promise;
}

void consumer_group_state::answer_if_complete(const running_poll_ptr& poll) {
  if (!poll->read || !poll->recorded || !poll->promise.pending())
    return;
  if (poll->failed != errc::none) {
    release(poll->what.reader); // what could be read is dropped with the rest
    poll->promise.deliver(caf::make_error(poll->failed));
  } else {
    poll->promise.deliver(std::move(poll->reply));
  }
}

void consumer_group_state::read_next() {
  while (!asked_reader && !reading.empty()) {
    auto poll = reading.front();
    if (!read(poll))
      return;
    reading.pop_front();
    poll->read = true;
    answer_if_complete(poll);
  }
}

bool consumer_group_state::read(const running_poll_ptr& poll) {
  while (poll->next < poll->what.streams.size()) {
    auto step = read_stream(poll);
    if (step == stream_step::waiting)
      return false;
    end_step(*poll, step);
  }
  return true;
}

/// The stream whose turn it is: what memory has of it, or asks a reader.
stream_step consumer_group_state::read_stream(const running_poll_ptr& poll) {
  auto& what = poll->what;
  auto& stream = what.streams[poll->next];
  auto row = node->db->stream(where, stream);
  if (!row || !core->knows(stream)) {
    cannot_read(*poll, row ? errc::unavailable : row.error());
    return stream_step::done;
  }
  // Else what it was handed before would come again in the same answer.
  if ((poll->again || what.continues) && !core->reads(stream, what.reader))
    return stream_step::done;
  auto at = core->begin(stream, what.reader);
  if (*row && (*row)->state == stream_state::tombstoned) {
    poll->reply->waits_at[poll->next] = no_event;
    return stream_step::done;
  }
  if (*row)
    at = std::max(at, first_readable(**row));
  poll->reply->waits_at[poll->next] = at;
  if (!*row || at >= (*row)->next)
    return stream_step::done;
  if (!has_room(*poll)) {
    poll->reply->more = true;
    return stream_step::done;
  }
  auto count = std::min<std::uint64_t>((*row)->next.value - at.value,
                                       what.records_max - poll->records);
  range_request range{where, (*row)->id, at, count, memory_to_read(*poll),
                      false};
  if (auto events =
        node->db->try_read(where, range.id, at, range.count, range.bytes_max))
    return take(*poll, **row, at + count, std::move(*events));
  ask_reader(poll, **row, std::move(range));
  return stream_step::waiting;
}

void consumer_group_state::ask_reader(const running_poll_ptr& poll,
                                      const stream_row& row,
                                      range_request what) {
  asked_reader = true;
  auto end = what.from + what.count;
  auto go_on = [this, poll](stream_step how) {
    asked_reader = false;
    end_step(*poll, how);
    if (std::exchange(released, false))
      core->forget(poll->what.reader);
    if (ending == errc::none)
      read_next();
    end_if_done();
  };
  self->request(reader, caf::infinite, read_atom_v, std::move(what))
    .then(
      [this, poll, row, end, go_on](resolved_events& found) {
        std::vector<event_ptr> events;
        events.reserve(found.size());
        for (auto& one : found)
          events.push_back(std::move(one.original));
        go_on(ending == errc::none ? take(*poll, row, end, std::move(events))
                                   : stream_step::done);
      },
      [poll, go_on](const caf::error& why) {
        cannot_read(*poll, to_errc(why));
        go_on(stream_step::done);
      });
}

stream_step consumer_group_state::take(running_poll& poll,
                                       const stream_row& row, event_number end,
                                       std::vector<event_ptr> events) {
  auto& stream = poll.what.streams[poll.next];
  auto& reply = *poll.reply;
  auto& at = reply.waits_at[poll.next];
  if (events.empty()) { // all that was asked for was erased meanwhile
    core->hand_out(stream, poll.what.reader, end);
    at = end;
    reply.more = reply.more || at < row.next;
    return stream_step::done;
  }
  std::size_t taken = 0;
  bool fits = true;
  for (; taken < events.size(); ++taken) {
    auto bytes = answered_bytes(*events[taken]);
    fits = poll.bytes + bytes <= poll.what.bytes_max
           || (poll.what.whole_first && poll.records == 0);
    auto follows =
      taken == 0 || events[taken]->number == events[taken - 1]->number + 1;
    if (!fits || !follows)
      break;
    poll.bytes += bytes;
    poll.memory += memory_bytes(*events[taken]);
    ++poll.records;
  }
  events.resize(taken);
  if (taken > 0) {
    at = events.back()->number + 1;
    core->hand_out(stream, poll.what.reader, at);
    add_chunk(reply, poll.next, std::move(events));
    reply.bytes = poll.bytes;
  }
  if (at >= row.next)
    return stream_step::done;
  if (fits && has_room(poll))
    return stream_step::again;
  reply.more = true;
  return stream_step::done;
}

void consumer_group_state::failed(errc why) {
  if (ending == errc::none) {
    ending = why;
    for (auto& poll : std::exchange(reading, {}))
      if (poll->promise.pending())
        poll->promise.deliver(caf::make_error(why));
  }
  end_if_done();
}

/// Whoever is owed an answer by another actor's gets it first.
void consumer_group_state::end_if_done() {
  if (ending != errc::none && outstanding == 0 && !asked_reader)
    self->quit();
}

void consumer_group_state::crashed(const std::exception& error) {
  ++node->counts.actor_failures;
  spdlog::critical("consumer group failed group={} partition={} error={}",
                   group, where.value, error.what());
  failed(errc::unavailable);
}

consumer_group_actor::behavior_type consumer_group_behavior(
  consumer_group_actor::stateful_pointer<consumer_group_state> self,
  std::string group, partition_id where, node_ptr node,
  partition_actor partition, reader_actor reader) {
  auto& state = self->state;
  state.self = self;
  state.group = std::move(group);
  state.where = where;
  state.node = std::move(node);
  state.partition = std::move(partition);
  state.reader = std::move(reader);
  if (auto why = state.start(); why != errc::none) {
    spdlog::error("positions cannot be read group={} error={}", state.group,
                  to_string(why));
    state.failed(why);
  }
  auto failed = [&state](const std::exception& error) { state.crashed(error); };
  return {
    [&state, failed](open_atom, const open_readers& what) {
      return guarded([&] { return state.open(what); }, failed);
    },
    [&state, failed](poll_atom, slice_poll& what) {
      return guarded([&] { return state.poll(what); }, failed);
    },
    [&state, failed](commit_atom, const group_reader& who) {
      return guarded([&] { return state.commit(who.reader); }, failed);
    },
    [&](release_atom, const group_reader& who) { state.release(who.reader); },
    [&](failed_atom, const caf::error& why) { state.failed(to_errc(why)); },
  };
}

} // namespace callboard
