// A few members in one thread with a perfect network, whose disks obey.
#pragma once

#include "actors/replication/raft_driver.hpp"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

inline log_entry command(std::string text) {
  return {0, entry_kind::command,
          std::make_shared<const std::string>(std::move(text))};
}

inline stored_log first_log(std::span<const raft_id> voters) {
  return {{1, 0},
          nullptr,
          1,
          {{1, entry_kind::configuration,
            std::make_shared<const std::string>(encode_voters(voters))}}};
}

struct small_member {
  raft_id id = 0;
  stored_log disk;
  std::deque<storage_step> disk_queue;
  bool disk_stuck = false;
  entry_index unreadable_below = 0; // entries that storage lost
  unsigned reads = 0;
  std::vector<std::string> applied;
  bool snapshot_needed = false;
  unsigned installs = 0;
  std::uint64_t session = 0;
  raft_ms wake_at = 0;
  std::unique_ptr<raft_driver> driver;

  raft_driver* operator->() { return driver.get(); }
};

/// Messages arrive at once and in order, unless an end of their link is in
/// `cut`. Time passes by `advance` only.
class small_group {
public:
  explicit small_group(std::vector<raft_id> voters, raft_options options = {},
                       std::vector<raft_id> others = {})
      : options_(options) {
    for (auto id : voters)
      join(id, first_log(voters));
    for (auto id : others)
      join(id, {});
  }

  small_member& operator[](raft_id id) { return *members_.at(id); }

  /// A member with this on its disk.
  small_member& join(raft_id id, stored_log disk, bool recovering = false) {
    auto& m = *(members_[id] = std::make_unique<small_member>());
    m.id = id;
    m.disk = std::move(disk);
    start(m, recovering);
    return m;
  }

  /// Stops it, and starts it from its disk.
  void restart(raft_id id) { start((*this)[id], false); }

  /// Stops it, and starts it from an empty disk, in the term `highest`.
  void lose_disk(raft_id id, entry_term highest) {
    auto& m = (*this)[id];
    m.disk = {};
    m.disk.state = state_after_loss(id, highest);
    m.applied.clear();
    start(m, true);
  }

  void perform(small_member& m, raft_effects effects) {
    for (auto& job : effects.store)
      m.disk_queue.push_back(std::move(job));
    for (auto& message : effects.send)
      mail_.push_back(std::move(message));
    if (effects.restore) {
      ++m.installs;
      m.applied = {effects.restore->state};
    }
    for (auto& [index, entry] : effects.apply)
      if (entry.kind == entry_kind::command)
        m.applied.push_back(*entry.payload);
    if (effects.wake_at)
      m.wake_at = *effects.wake_at;
    m.snapshot_needed = m.snapshot_needed || effects.snapshot_needed;
    settle();
  }

  /// Performs what a call gave, which must not have failed.
  void perform(raft_id id, result<raft_effects> done) {
    perform((*this)[id], std::move(done).value());
  }

  errc submit(raft_id id, std::string text) {
    auto done = (*this)[id]->submit(now, {command(std::move(text))});
    if (!done)
      return done.error();
    perform(id, std::move(done));
    return errc::none;
  }

  void advance(raft_ms ms) {
    for (auto end = now + ms; now < end;) {
      now += 10;
      for (auto& [id, m] : members_)
        if (m->driver && m->wake_at <= now)
          perform(*m, m->driver->timeout(now));
    }
  }

  /// Lets time pass until a member leads, and its followers know.
  raft_id elect() {
    for (int i = 0; i < 1'000; ++i) {
      advance(50);
      for (auto& [id, m] : members_)
        if (m->driver && m->driver->is_leader() && !cut.contains(id)) {
          advance(200);
          return id;
        }
    }
    return 0;
  }

  /// One that does not lead and is not `other`.
  raft_id follower(raft_id leader, raft_id other = 0) {
    for (auto& [id, m] : members_)
      if (id != leader && id != other)
        return id;
    return 0;
  }

  std::vector<raft_member> members(raft_id seen_by) {
    std::vector<raft_member> out;
    for (auto& p : (*this)[seen_by]->peers(now))
      out.push_back({p.id, p.role});
    return out;
  }

  /// A snapshot of what the member has applied.
  void compact(small_member& m, unsigned trailing) {
    auto snapshot = std::make_shared<log_snapshot>(m->describe_applied());
    snapshot->state = "state at " + std::to_string(snapshot->index);
    m.disk.snapshot = snapshot;
    perform(m, m->compacted(now, snapshot, trailing));
    auto gone = m->first_kept() - m.disk.first;
    m.disk.entries.erase(m.disk.entries.begin(),
                         m.disk.entries.begin() + long(gone));
    m.disk.first = m->first_kept();
  }

  void free_disk(small_member& m) {
    m.disk_stuck = false;
    settle();
  }

  /// Of what waits for a stuck disk, the oldest.
  void store_one(small_member& m) {
    write(m, m.disk_queue.front());
    m.disk_queue.pop_front();
    perform(m, m.driver->stored(now));
  }

  raft_ms now = 1000;
  std::set<raft_id> cut;

private:
  void start(small_member& m, bool recovering) {
    m.disk_queue.clear();
    auto options = options_;
    options.self = m.id;
    options.seed = unsigned(m.id);
    options.session = ++m.session;
    m.disk.state = state_for_start(m.id, m.disk);
    m.driver = std::make_unique<raft_driver>(options, [&m](entry_index index) {
      ++m.reads;
      return read(m, index);
    });
    m.driver->set_recovering(recovering);
    perform(m, m.driver->start(now, m.disk));
  }

  static std::optional<log_entry> read(const small_member& m,
                                       entry_index index) {
    if (index < m.unreadable_below || index < m.disk.first
        || index >= m.disk.first + m.disk.entries.size())
      return std::nullopt;
    return m.disk.entries[index - m.disk.first];
  }

  void write(small_member& m, const storage_step& job) {
    if (job.state)
      m.disk.state = *job.state;
    if (job.install) {
      m.disk.snapshot = job.install;
      m.disk.first = job.install->index + 1;
      m.disk.entries.clear();
    }
    if (job.first > m.disk.first + m.disk.entries.size()) {
      m.disk.first = job.first;
      m.disk.entries.clear();
    } else if (job.first != 0)
      m.disk.entries.resize(job.first - m.disk.first);
    for (auto& e : job.entries)
      m.disk.entries.push_back(e);
  }

  /// Until nothing is under way. What happens on the way waits for its turn.
  void settle() {
    if (std::exchange(settling_, true))
      return;
    for (bool more = true; std::exchange(more, false);) {
      for (auto& [id, m] : members_)
        while (!m->disk_stuck && !m->disk_queue.empty()) {
          store_one(*m);
          more = true;
        }
      if (mail_.empty())
        continue;
      auto message = std::move(mail_.front());
      mail_.pop_front();
      more = true;
      auto to = members_.find(message.to);
      if (to != members_.end() && !cut.contains(message.from)
          && !cut.contains(message.to))
        perform(*to->second, to->second->driver->receive(now, message));
    }
    settling_ = false;
  }

  raft_options options_;
  std::map<raft_id, std::unique_ptr<small_member>> members_;
  std::deque<peer_message> mail_;
  bool settling_ = false;
};

} // namespace callboard::test
