// A poll asks all its partitions at once, then those that have more for more.
#include "actors/consumer_actor.hpp"
#include "actors/core/limits.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace callboard {

namespace {

/// A share is not less in the first round; and for less than this no other one
/// is begun.
constexpr std::size_t share_bytes_min = std::size_t{64} << 10;

/// What a partition's actor looks at before others have their turn.
constexpr std::size_t share_records_max = 10'000;

/// Each needs a message there and back; five fill an answer with the smallest
/// records of one partition.
constexpr std::size_t rounds_max = 8;

/// What follows a chunk of an earlier round becomes part of it.
void add_records(std::vector<topic_chunk>& to, topic_slice from,
                 std::vector<event_ptr> records) {
  auto before = std::find_if(to.rbegin(), to.rend(),
                             [&](auto& one) { return one.from == from; });
  if (before == to.rend()
      || before->records.back()->number + 1 != records.front()->number) {
    to.push_back({std::move(from), std::move(records)});
    return;
  }
  before->records.insert(before->records.end(),
                         std::move_iterator{records.begin()},
                         std::move_iterator{records.end()});
}

} // namespace

void consumer_state::begin_rounds() {
  auto r = std::make_shared<rounds>();
  r->epoch = epoch;
  std::set<partition_id> asked;
  for (auto& [p, mine] : parts)
    asked.insert(p);
  auto givers = std::max<std::size_t>(asked.size(), 1);
  share each{std::max(limits::poll_bytes_max / givers, share_bytes_min),
             limits::poll_records_max / givers};
  if (auto before = handed.find(current_reader()); before != handed.end()) {
    asked.insert(before->second.begin(), before->second.end());
    r->commits = std::move(before->second);
    handed.erase(before);
    last_answered = {};
  }
  // Every partition has its turn before the next topic is first: else a
  // partition would always have it with the same topic.
  auto turns = std::max<std::size_t>(asked.size(), 1);
  r->first = turn / turns;
  if (!asked.empty())
    r->turn = *std::next(asked.begin(), std::ptrdiff_t(turn++ % turns));
  begin_round(r, asked, each);
}

void consumer_state::begin_round(const rounds_ptr& r,
                                 const std::set<partition_id>& asked,
                                 share each) {
  ++r->begun;
  r->asked = asked.size();
  r->came = false;
  r->left = asked.size() + 1;
  for (auto p : asked)
    ask_partition(r, p, each);
  one_less(r);
}

/// Whether there is more, and room for it. A round that brought nothing is
/// followed by one in which a single partition may give all that is left.
bool consumer_state::goes_on(const rounds& r) const {
  if (r.more.empty() || tasks.front().abandoned)
    return false;
  if (r.reply->chunks.empty())
    return true; // what is first is taken whatever its size
  auto full = r.bytes + share_bytes_min > limits::poll_bytes_max
              || r.records >= limits::poll_records_max;
  return !full && r.begun < rounds_max && (r.came || r.asked > 1)
         && r.epoch == epoch; // else its partitions may be others by now
}

void consumer_state::ask_for_more(const rounds_ptr& r) {
  r->commits.clear(); // done, in the first round
  auto asked = r->more;
  if (!r->came) {
    auto next = asked.upper_bound(r->turn);
    r->turn = next == asked.end() ? *asked.begin() : *next;
    asked = {r->turn};
  }
  for (auto p : asked)
    r->more.erase(p);
  begin_round(r, asked,
              {(limits::poll_bytes_max - r->bytes) / asked.size(),
               (limits::poll_records_max - r->records) / asked.size()});
}

void consumer_state::ask_partition(const rounds_ptr& r, partition_id p,
                                   share mine) {
  auto found = parts.find(p);
  // Lost, but what it was handed there can still be committed.
  auto read = found == parts.end() ? std::make_shared<part>() : found->second;
  auto& streams = read->streams;
  auto first = streams.empty() ? 0 : r->first % streams.size();
  auto nothing_yet = r->reply->chunks.empty();
  slice_poll what{group,
                  current_reader(),
                  epoch,
                  streams,
                  mine.bytes,
                  std::min(mine.records, share_records_max),
                  nothing_yet && p == r->turn,
                  !nothing_yet};
  std::rotate(what.streams.begin(),
              what.streams.begin() + std::ptrdiff_t(first), what.streams.end());
  self
    ->request(partitions[p.value], caf::infinite, poll_atom_v, std::move(what))
    .then(
      [this, r, p, read, first](slice_reply_ptr& reply) {
        answered(*r, p, *read, first, *reply);
        one_less(r);
      },
      [this, r, p](const caf::error& why) {
        r->failed = to_errc(why);
        r->uncommitted = r->uncommitted || r->commits.contains(p);
        one_less(r);
      });
}

/// Stream i of the reply is the one `first + i` of what was asked for.
void consumer_state::answered(rounds& r, partition_id p, part& asked,
                              std::size_t first, slice_reply& reply) {
  auto place = [&](std::size_t i) { return (first + i) % asked.topics.size(); };
  // Who has no slices is not told of later epochs, and needs none to commit.
  r.outdated = r.outdated || (reply.outdated && !asked.streams.empty());
  if (reply.more)
    r.more.insert(p);
  for (std::size_t i = 0; i < reply.waits_at.size(); ++i)
    asked.waits_at[place(i)] = reply.waits_at[i];
  if (!reply.chunks.empty())
    remember_handed(current_reader(), p);
  r.came = r.came || !reply.chunks.empty();
  r.bytes += reply.bytes;
  for (auto& [stream, records] : reply.chunks) {
    r.records += records.size();
    topic_slice from{asked.topics[place(stream)], p};
    if (r.begun == 1) // from nowhere else yet
      r.reply->chunks.push_back({std::move(from), std::move(records)});
    else
      add_records(r.reply->chunks, std::move(from), std::move(records));
  }
}

void consumer_state::one_less(const rounds_ptr& r) {
  if (--r->left == 0)
    end_round(r);
}

void consumer_state::end_round(const rounds_ptr& r) {
  auto& task = tasks.front();
  if (r->uncommitted) { // an answer with records would say that it is
    give_back(current_reader());
    return finish(r->failed);
  }
  auto found = !r->reply->chunks.empty();
  if (!found && r->failed != errc::none)
    return finish(r->failed);
  if (goes_on(*r))
    return ask_for_more(r);
  if (found)
    return answer_with(*r);
  if (r->outdated)
    r->reply->outcome = poll_outcome::outdated;
  else if (parts.empty())
    r->reply->outcome = poll_outcome::idle;
  else if (!task.abandoned && tasks.size() == 1 && node->now() < task.until)
    return begin_wait(); // else others would wait behind it
  finish(std::move(r->reply));
}

void consumer_state::answer_with(rounds& r) {
  auto reader = current_reader();
  last_answered = {tasks.front().poll.session, reader};
  if (tasks.front().abandoned)
    give_back(reader);
  else
    for (auto& task : tasks)
      task.early = task.early || reader_of(task) == reader;
  for (auto& chunk : r.reply->chunks)
    node->counts.records_polled += chunk.records.size();
  finish(std::move(r.reply));
}

} // namespace callboard
