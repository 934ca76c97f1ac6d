// The simulated world of a raft group.
#include "tests/replication/raft_cluster.hpp"

#include <algorithm>
#include <functional>

namespace callboard::test {

namespace {

/// Chains the state machine's hash: equal hashes mean equal histories.
std::size_t chained(std::size_t hash, const log_entry& e) {
  auto payload = e.payload ? std::hash<std::string>{}(*e.payload) : 0;
  return (hash * 31 + e.term * 7 + std::size_t(e.kind)) ^ payload;
}

} // namespace

/// Survives a crash: `disk`. Lost in a crash: the rest.
struct raft_cluster::member {
  raft_id id = 0;
  stored_log disk;
  std::unique_ptr<raft_driver> driver; // null while it is down
  unsigned life = 0;
  raft_ms wake_at = 0;
  std::deque<storage_step> disk_queue;
  bool disk_busy = false;
  std::size_t state_hash = 0;

  std::optional<log_entry> read(entry_index index) const {
    if (index < disk.first || index >= disk.first + disk.entries.size())
      return std::nullopt;
    return disk.entries[index - disk.first];
  }
};

struct raft_cluster::happening {
  raft_ms at = 0;
  std::uint64_t order = 0;
  kind what = kind::chaos;
  raft_id to = 0;
  unsigned life = 0;
  std::shared_ptr<peer_message> message;

  bool operator>(const happening& other) const {
    return std::pair{at, order} > std::pair{other.at, other.order};
  }
};

raft_cluster::raft_cluster(const cluster_options& options, std::uint64_t seed)
    : options_(options), random_(seed),
      quiet_from_(now_ + options.run_ms - 12'000) {
  std::vector<raft_id> ids;
  for (raft_id id = 1; id <= options.members; ++id)
    ids.push_back(id);
  auto voters = std::make_shared<const std::string>(encode_voters(ids));
  for (auto id : ids) {
    members_.push_back(std::make_unique<member>());
    members_.back()->id = id;
    members_.back()->disk.state = {1, 0};
    members_.back()->disk.entries = {{1, entry_kind::configuration, voters}};
  }
}

raft_cluster::~raft_cluster() = default;

cluster_report raft_cluster::run() {
  auto end = now_ + options_.run_ms;
  for (auto& m : members_)
    boot(*m);
  happen(now_ + 50, kind::chaos, *members_[0]);
  while (report_.violation.empty() && queue_.top().at <= end) {
    auto next = queue_.top();
    queue_.pop();
    now_ = next.at;
    dispatch(next);
  }
  if (report_.violation.empty())
    check_end();
  report_.committed = history_.size();
  return report_;
}

void raft_cluster::dispatch(const happening& h) {
  auto& m = *members_[h.to - 1];
  if (h.what == kind::chaos)
    return chaos();
  if (!m.driver)
    return;
  if (h.what == kind::message) {
    if (!cut_.contains({h.message->from, m.id}))
      perform(m, m.driver->receive(now_, *h.message));
    return;
  }
  if (h.life != m.life) // of a life before a crash
    return;
  if (h.what == kind::disk)
    finish_disk(m);
  else if (m.wake_at <= now_)
    perform(m, m.driver->timeout(now_));
}

void raft_cluster::happen(raft_ms at, kind what, member& m,
                          std::shared_ptr<peer_message> message) {
  queue_.push({at, happenings_++, what, m.id, m.life, std::move(message)});
}

void raft_cluster::boot(member& m) {
  ++m.life;
  m.disk_queue.clear();
  m.disk_busy = false;
  m.state_hash = m.disk.snapshot ? std::stoull(m.disk.snapshot->state) : 0;
  m.disk.state = state_for_start(m.id, m.disk);
  m.driver = std::make_unique<raft_driver>(
    raft_options{.self = m.id,
                 .seed = unsigned(random_()),
                 .session = m.life,
                 .uncommitted_entries_max = 64,
                 .message_bytes_max = 64, // many small messages
                 .tail_entries_max = 16}, // and reads from the disk
    [&m](entry_index index) { return m.read(index); });
  perform(m, m.driver->start(now_, m.disk));
}

void raft_cluster::crash(member& m) {
  m.driver = nullptr;
  ++m.life;
  ++report_.crashes;
}

void raft_cluster::perform(member& m, raft_effects effects) {
  for (auto& job : effects.store)
    m.disk_queue.push_back(std::move(job));
  work_disk(m);
  for (auto& message : effects.send)
    transmit(message);
  if (effects.restore)
    restore(m, *effects.restore);
  for (auto& committed : effects.apply)
    apply(m, committed);
  if (effects.wake_at) {
    m.wake_at = *effects.wake_at;
    happen(std::max(m.wake_at, now_ + 1), kind::timer, m);
  }
  if (effects.role_changed && m.driver->is_leader()) {
    ++report_.elections;
    auto [known, first] = leaders_.emplace(m.driver->term(), m.id);
    if (!first && known->second != m.id)
      violated("two leaders in one term");
  }
}

void raft_cluster::apply(member& m, const committed_entry& committed) {
  m.state_hash = chained(m.state_hash, committed.entry);
  auto now = std::pair{committed.entry.term, m.state_hash};
  auto [before, first] = history_.emplace(committed.index, now);
  if (!first && before->second != now)
    violated("index " + std::to_string(committed.index)
             + " differs between members");
}

void raft_cluster::restore(member& m, const log_snapshot& snapshot) {
  m.state_hash = std::stoull(snapshot.state);
  auto known = history_.find(snapshot.index);
  if (known != history_.end() && known->second.second != m.state_hash)
    violated("a snapshot differs from the history");
}

void raft_cluster::transmit(const peer_message& message) {
  auto link = std::pair{message.from, message.to};
  if (cut_.contains(link) || chance(options_.drop))
    return;
  for (int copies = chance(options_.duplicate) ? 2 : 1; copies > 0; --copies) {
    auto at = now_ + 1 + below(15) + (chance(0.01) ? below(300) : 0);
    if (!options_.reorder)
      at = last_arrival_[link] = std::max(at, last_arrival_[link]);
    happen(at, kind::message, *members_[message.to - 1],
           std::make_shared<peer_message>(message));
  }
}

void raft_cluster::work_disk(member& m) {
  if (m.disk_busy || m.disk_queue.empty())
    return;
  m.disk_busy = true;
  happen(now_ + 1 + below(options_.disk_ms_max), kind::disk, m);
}

void raft_cluster::finish_disk(member& m) {
  auto job = std::move(m.disk_queue.front());
  m.disk_queue.pop_front();
  m.disk_busy = false;
  if (job.state)
    m.disk.state = *job.state;
  if (job.install) {
    m.disk.snapshot = job.install;
    m.disk.first = job.install->index + 1;
    m.disk.entries.clear();
    ++report_.installs;
  }
  if (job.first != 0) {
    auto keep = job.first - m.disk.first;
    if (job.first < m.disk.first || keep > m.disk.entries.size())
      return violated("a gap in a stored log");
    m.disk.entries.resize(keep);
    m.disk.entries.insert(m.disk.entries.end(), job.entries.begin(),
                          job.entries.end());
  }
  perform(m, m.driver->stored(now_));
  work_disk(m);
}

void raft_cluster::compact(member& m) {
  auto& d = *m.driver;
  auto index = d.applied();
  if (!d.idle() || !m.read(index)
      || (m.disk.snapshot && m.disk.snapshot->index >= index))
    return;
  auto snapshot = std::make_shared<log_snapshot>(d.describe_applied());
  if (snapshot->configuration_index == 0
      || snapshot->configuration_index > index)
    return;
  snapshot->state = std::to_string(m.state_hash);
  m.disk.snapshot = snapshot;
  perform(m, d.compacted(now_, snapshot, options_.trailing));
  ++report_.compactions;
  if (index <= options_.trailing + m.disk.first)
    return;
  auto first = index - options_.trailing + 1;
  m.disk.entries.erase(m.disk.entries.begin(),
                       m.disk.entries.begin() + long(first - m.disk.first));
  m.disk.first = first;
}

void raft_cluster::submit() {
  for (auto& m : members_)
    if (m->driver && m->driver->is_leader() && chance(0.7)) {
      std::vector<log_entry> entries(1 + below(4));
      for (auto& e : entries)
        e.payload = std::make_shared<const std::string>(
          "command " + std::to_string(++submitted_));
      if (auto done = m->driver->submit(now_, std::move(entries)))
        perform(*m, std::move(*done));
    }
}

void raft_cluster::chaos() {
  happen(now_ + 5 + below(20), kind::chaos, *members_[0]);
  submit();
  if (now_ > quiet_from_)
    heal();
  else
    break_something();
}

void raft_cluster::heal() {
  options_.drop = options_.duplicate = 0;
  options_.reorder = false;
  cut_.clear();
  for (auto& m : members_)
    if (!m->driver)
      boot(*m);
}

void raft_cluster::break_something() {
  auto any = [&]() -> member& { return *members_[below(options_.members)]; };
  if (options_.crash && chance(0.01)) {
    if (auto& m = any(); m.driver)
      crash(m);
  }
  for (auto& m : members_)
    if (!m->driver && chance(0.02))
      boot(*m);
  if (options_.partition && chance(0.01)) {
    auto from = any().id;
    for (auto& m : members_)
      if (m->id != from && chance(0.6)) {
        cut_.insert({from, m->id});
        if (chance(0.7)) // else only one direction is cut
          cut_.insert({m->id, from});
      }
  }
  if (chance(0.01))
    cut_.clear();
  if (options_.compact && chance(0.02)) {
    if (auto& m = any(); m.driver)
      compact(m);
  }
}

void raft_cluster::check_end() {
  entry_index most = 0;
  entry_index least = ~entry_index{0};
  bool leader = false;
  for (auto& m : members_) {
    most = std::max(most, m->driver->applied());
    least = std::min(least, m->driver->applied());
    leader = leader || m->driver->is_leader();
  }
  if (!leader)
    violated("no leader after 12 s without faults");
  else if (most - least > 200)
    violated("a member stays behind: " + std::to_string(least) + " of "
             + std::to_string(most));
}

void raft_cluster::violated(const std::string& what) {
  if (report_.violation.empty())
    report_.violation = what;
}

} // namespace callboard::test
