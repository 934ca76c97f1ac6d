// A consumer of topics of a simulated cluster: registers, polls, falls silent.
#include "actors/core/topics.hpp"
#include "tests/replication/raft_cluster.hpp"
#include "tests/simulation/cluster_clients.hpp"

#include <algorithm>

namespace callboard::test {

void topic_client::act() {
  if (silent_until_ > world_.now && !world_.calm)
    return;
  if (waiting_) {
    if (asked_at_ + 300 > world_.now)
      return;
    waiting_ = false;
    reader_.reset(); // what it was handed, it does not know: it begins anew
  }
  if (!reader_)
    return world_.one_in(4) ? join() : void();
  if (!world_.calm)
    switch (world_.random() % 200) {
      case 0: silent_until_ = world_.now + world_.random() % 3'000; return;
      case 1: return leave();
      case 2:
      case 3: return poll(true);
      default: break;
    }
  if (world_.one_in(4))
    poll(false);
}

void topic_client::call(const std::function<void(simulated_broker&)>& what) {
  waiting_ = true;
  asked_at_ = world_.now;
  ++calls_;
  world_.cluster.request(what);
}

/// Answers that come too late are not heard.
bool topic_client::answered(std::uint64_t call) {
  if (call != calls_ || !waiting_ || world_.lost())
    return false;
  waiting_ = false;
  return true;
}

void topic_client::join() {
  call([this, call = calls_ + 1](auto& broker) {
    broker.consumers().join(
      {key_, group_, topics_, start_policy::earliest},
      [this, call, term = broker.term()](reader_id reader) {
        if (!answered(call))
          return;
        auto& known = world_.log.rows({0}).consumers;
        if (world_.cluster.leads_newest(term) && !known.contains(key_))
          throw violation(key_.id + " is registered, and not on record");
        reader_ = reader;
        ++world_.counts.registered;
      });
  });
}

void topic_client::leave() {
  call([this, call = calls_ + 1, reader = *reader_](auto& broker) {
    broker.consumers().leave(key_, reader, [this, call] {
      if (!answered(call))
        return;
      reader_.reset();
      ++world_.counts.left;
    });
  });
}

void topic_client::poll(bool only_commit) {
  call([this, call = calls_ + 1, only_commit,
        reader = *reader_](simulated_broker& broker) {
    std::map<std::string, event_number> positions;
    if (world_.cluster.leads_newest(broker.term()))
      for (auto& topic : topics_)
        for (std::size_t p = 0; p < world_.placement.partitions(); ++p) {
          auto part = topic_stream(world_.placement, topic, {p});
          positions[part] = world_.log.position_of({p}, group_, part);
        }
    auto then = [this, call, &broker, reader, positions](auto answer) {
      if (answered(call))
        take(answer, positions);
      else if (world_.one_in(2)) // it was noticed that nobody hears it
        broker.consumers().give_back(key_, reader);
    };
    if (only_commit)
      broker.consumers().commit(key_, reader, then);
    else
      broker.consumers().poll(key_, reader, then);
  });
}

void topic_client::take(const std::optional<poll_answer>& answer,
                        const std::map<std::string, event_number>& positions) {
  if (!answer)
    return reader_.reset(); // it is not registered any more
  for (auto& [p, part] : *answer) {
    for (auto& moved : part.committed)
      if (world_.log.position_of(p, group_, moved.stream) < moved.next)
        throw violation("a commit was answered, and is not on record: "
                        + moved.stream);
    world_.counts.committed += part.committed.size();
    for (auto& [stream, records] : part.chunks) {
      auto first = records.front()->number;
      auto known = positions.find(stream);
      if (known != positions.end() && first < known->second)
        throw violation("committed, and handed out again: record "
                        + std::to_string(first.value) + " of " + stream);
      world_.log.handed(group_, stream, {first, records.size()});
      world_.counts.polled += records.size();
    }
  }
}

} // namespace callboard::test
