// Propose, wait, apply, tell; and positions of readers.
#include "tests/simulation/replicated_partition.hpp"

#include "persistence/codec.hpp"

#include <algorithm>

namespace callboard::test {

replicated_partition::replicated_partition(partition_id id, stored_rows& rows,
                                           std::mt19937_64& choices,
                                           std::deque<journal_entry>& journal)
    : simulated_partition(rows, choices), id_(id), journal_(journal),
      last_(rows.applied) {
  restart();
}

void replicated_partition::propose(record what, done then, done) {
  if (what.empty()) {
    if (pending_.empty())
      then();
    else
      pending_.back().waiting.push_back(std::move(then));
    return;
  }
  what.at = now;
  last_ = {last_.value + 1};
  journal_.push_back({id_, last_, 1, encode(what)});
  pending_.push_back({last_, std::move(what), {}});
  pending_.back().waiting.push_back(std::move(then));
}

void replicated_partition::propose(std::vector<change> changes, done then) {
  record what;
  what.changes = std::move(changes);
  propose(std::move(what), std::move(then), {});
}

void replicated_partition::flushed(log_index index) {
  std::vector<done> ended;
  while (!pending_.empty() && pending_.front().index <= index) {
    auto next = std::move(pending_.front());
    pending_.pop_front();
    on_disk.apply(next.what);
    std::ranges::move(next.waiting, std::back_inserter(ended));
  }
  for (auto& then : ended)
    then();
}

reader_positions& replicated_partition::readers(const std::string& group) {
  auto [found, fresh] = readers_.try_emplace(group, group);
  if (fresh)
    for (auto& [of, next] : on_disk.positions)
      if (of.first == group)
        found->second.load(of.second, next);
  return found->second;
}

void replicated_partition::open(const std::string& group,
                                const std::vector<std::string>& streams,
                                done then) {
  auto& core = readers(group);
  std::vector<change> todo;
  for (auto& stream : streams)
    if (!core.knows(stream))
      todo.push_back(core.open(stream, {}));
  propose(std::move(todo), std::move(then));
}

void replicated_partition::poll(const std::string& group, reader_id reader,
                                member_epoch epoch,
                                const std::vector<std::string>& streams,
                                std::function<void(const slice_answer&)> then) {
  auto& core = readers(group);
  auto moved = core.commit(reader);
  slice_answer answer;
  for (auto& one : moved)
    answer.committed.push_back(std::get<put_position>(one));
  answer.outdated = !core.admit(epoch);
  if (!answer.outdated)
    for (auto& stream : streams) {
      if (!core.knows(stream))
        continue;
      auto from = core.begin(stream, reader);
      auto events = read(stream, from);
      if (events.empty())
        continue;
      core.hand_out(stream, reader, events.back()->number + 1);
      answer.chunks.push_back({stream, std::move(events)});
    }
  propose(std::move(moved),
          [answer = std::move(answer), then] { then(answer); });
}

/// A few of what is there.
std::vector<event_ptr> replicated_partition::read(const std::string& stream,
                                                  event_number& from) {
  std::vector<event_ptr> out;
  for (auto left = 1 + random() % 6; left > 0; --left, from = from + 1)
    if (auto e = committed(stream, from))
      out.push_back(std::move(e));
    else
      break;
  return out;
}

void replicated_partition::commit(
  const std::string& group, reader_id reader,
  std::function<void(const slice_answer&)> then) {
  slice_answer answer;
  auto moved = readers(group).commit(reader);
  for (auto& one : moved)
    answer.committed.push_back(std::get<put_position>(one));
  propose(std::move(moved),
          [answer = std::move(answer), then] { then(answer); });
}

void replicated_partition::give_back(const std::string& group,
                                     reader_id reader) {
  readers(group).forget(reader);
}

} // namespace callboard::test
