// One change of members after the other; polls ask all their partitions.
#include "tests/simulation/simulated_consumers.hpp"

#include "actors/core/topics.hpp"

#include <chrono>
#include <utility>

namespace callboard::test {

using namespace std::chrono_literals;

simulated_consumers::simulated_consumers(partitions& all, const ring& placement,
                                         wall_time now)
    : partitions_(all), placement_(placement), core_(all.size(), 1500ms),
      epoch_{all.front()->on_disk.applied.value} {
  std::set<std::string> groups;
  for (auto& [key, row] : all.front()->on_disk.consumers) {
    core_.load(key, row, now);
    consumers_[key];
    groups.insert(row.group);
  }
  for (auto& group : groups)
    deal(group);
}

void simulated_consumers::enqueue(std::function<void()> change) {
  changes_.push_back(std::move(change));
  if (changes_.size() == 1)
    changes_.front()();
}

void simulated_consumers::next() {
  auto ended = std::move(changes_.front()); // it may be what calls us
  changes_.pop_front();
  if (!changes_.empty())
    changes_.front()();
}

void simulated_consumers::record(std::vector<change> what,
                                 std::function<void()> then) {
  auto& home = *partitions_.front();
  home.propose(std::move(what), [this, &home, then = std::move(then)] {
    epoch_ = {home.on_disk.applied.value};
    then();
  });
}

void simulated_consumers::open_all(const join_request& what,
                                   std::function<void()> then) {
  auto left = std::make_shared<std::size_t>(partitions_.size());
  auto one_less = [left, then = std::move(then)] {
    if (--*left == 0)
      then();
  };
  for (auto& p : partitions_) {
    std::vector<std::string> streams;
    for (auto& topic : what.topics)
      streams.push_back(topic_stream(placement_, topic, p->id()));
    p->open(what.group, streams, one_less);
  }
}

void simulated_consumers::join(const join_request& what,
                               std::function<void(reader_id)> then) {
  enqueue([this, what, then = std::move(then)] {
    auto decided = core_.join(what, now());
    if (decided.outcome != join_outcome::joined) {
      finish_join(what, then);
      return next();
    }
    open_all(what, [this, what, then, todo = std::move(decided.changes)] {
      record(todo, [this, what, then] {
        consumers_[what.key];
        deal(what.group);
        finish_join(what, then);
        next();
      });
    });
  });
}

void simulated_consumers::finish_join(
  const join_request& what, const std::function<void(reader_id)>& then) {
  consumers_[what.key];
  then({partitions_.front()->random() | 1});
}

void simulated_consumers::leave(const consumer_key& key, reader_id reader,
                                std::function<void()> then) {
  enqueue([this, key, reader, then = std::move(then)] {
    if (!core_.find(key))
      return next();
    ask(key, reader, false, [this, key, then](auto) {
      auto group = core_.find(key)->group;
      record(core_.leave(key), [this, key, group, then] {
        consumers_.erase(key);
        deal(group);
        then();
        next();
      });
    });
  });
}

void simulated_consumers::fire(const delayed_message& message) {
  enqueue([this, message] {
    auto expired = core_.fire(message, now());
    record(std::move(expired.changes), [this, message, group = expired.group] {
      if (!group.empty()) {
        consumers_.erase({message.stream, message.group});
        deal(group);
      }
      next();
    });
  });
}

void simulated_consumers::deal(const std::string& group) {
  for (auto& [key, slices] : core_.assigned(group)) {
    auto& who = consumers_[key];
    who.epoch = epoch_;
    who.parts.clear();
    for (auto& [topic, p] : slices)
      who.parts[p].push_back(topic_stream(placement_, topic, p));
  }
}

void simulated_consumers::poll(const consumer_key& key, reader_id reader,
                               told then) {
  if (!core_.touch(key, now()))
    return then(std::nullopt);
  ask(key, reader, true, std::move(then));
}

void simulated_consumers::commit(const consumer_key& key, reader_id reader,
                                 told then) {
  if (!core_.touch(key, now()))
    return then(std::nullopt);
  ask(key, reader, false, std::move(then));
}

void simulated_consumers::ask(const consumer_key& key, reader_id reader,
                              bool reads, told then) {
  struct gathering {
    std::size_t left = 1;
    poll_answer answer;
  };

  auto found = consumers_.find(key);
  if (found == consumers_.end())
    return then(std::nullopt); // its registration is on its way
  auto& who = found->second;
  auto group = core_.find(key)->group;
  auto all = std::make_shared<gathering>();
  auto one_less = [all, then = std::move(then)] {
    if (--all->left == 0)
      then(std::move(all->answer));
  };
  auto asked = std::exchange(who.handed[reader], {});
  if (reads)
    for (auto& [p, mine] : who.parts)
      asked.insert(p);
  auto streams = [&](partition_id p) {
    auto mine = who.parts.find(p); // lost, perhaps: then it only commits
    return mine == who.parts.end() ? std::vector<std::string>{} : mine->second;
  };
  for (auto& p : asked) {
    ++all->left;
    auto take = [this, all, one_less, p, key,
                 reader](const slice_answer& part) {
      if (auto asker = consumers_.find(key);
          asker != consumers_.end() && !part.chunks.empty())
        asker->second.handed[reader].insert(p);
      all->answer[p] = part;
      one_less();
    };
    if (reads)
      partitions_[p.value]->poll(group, reader, who.epoch, streams(p), take);
    else
      partitions_[p.value]->commit(group, reader, take);
  }
  one_less();
}

void simulated_consumers::give_back(const consumer_key& key, reader_id reader) {
  auto who = consumers_.find(key);
  auto* row = core_.find(key);
  if (who == consumers_.end() || row == nullptr)
    return; // it has left
  for (auto& p : std::exchange(who->second.handed[reader], {}))
    partitions_[p.value]->give_back(row->group, reader);
}

} // namespace callboard::test
