// The simulated world of a raft group: clocks, network, disks.
#include "tests/replication/raft_cluster.hpp"

#include "actors/replication/message_codec.hpp"

#include <algorithm>
#include <functional>

namespace callboard::test {

std::optional<log_entry> raft_cluster::node::read(entry_index index) const {
  if (index < unreadable_below || index < disk.first
      || index >= disk.first + disk.entries.size())
    return std::nullopt;
  return disk.entries[index - disk.first];
}

raft_cluster::raft_cluster(const cluster_options& options, std::uint64_t seed,
                           cluster_application* application)
    : options_(options), application_(application), random_(seed),
      quiet_from_(now_ + options.run_ms - 12'000) {
  std::vector<raft_id> voters;
  for (raft_id id = 1; id <= options.members; ++id)
    voters.push_back(id);
  auto first = std::make_shared<const std::string>(encode_voters(voters));
  for (raft_id id = 1; id <= options.members + options.outsiders; ++id) {
    auto& n = *nodes_.emplace_back(std::make_unique<node>());
    n.id = id;
    if (id > options.members)
      continue;
    n.disk.state = {1, 0};
    n.disk.entries = {{1, entry_kind::configuration, first}};
  }
}

raft_cluster::~raft_cluster() = default;

cluster_report raft_cluster::run() {
  auto end = now_ + options_.run_ms;
  for (auto& n : nodes_)
    boot(*n);
  happen(now_ + 50, kind::chaos, *nodes_[0]);
  try {
    while (report_.violation.empty() && queue_.top().at <= end) {
      auto next = queue_.top();
      queue_.pop();
      now_ = next.at;
      dispatch(next);
    }
    if (report_.violation.empty())
      check_end();
    if (report_.violation.empty() && application_)
      application_->ended();
  } catch (const violation& found) {
    violated(found.what());
  } catch (const std::exception& broken) {
    violated(std::string{"a driver gave up: "} + broken.what());
  }
  report_.committed = history_.size();
  return report_;
}

void raft_cluster::dispatch(const happening& h) {
  auto& n = *nodes_[h.to - 1];
  if (h.what == kind::chaos)
    return chaos();
  if (!n.driver)
    return;
  if (n.paused_until > now_) { // whatever comes waits, in its order
    auto later = h;
    later.at = n.paused_until;
    later.order = happenings_++;
    return queue_.push(std::move(later));
  }
  if (h.what == kind::message)
    return deliver(n, *h.message);
  if (h.life != n.life) // of a life before a crash
    return;
  if (h.what == kind::disk)
    finish_disk(n);
  else if (n.wake_at <= clock(n))
    perform(n, n.driver->timeout(clock(n)));
}

void raft_cluster::happen(raft_ms at, kind what, node& n,
                          std::shared_ptr<peer_message> message) {
  queue_.push({at, happenings_++, what, n.id, n.life, std::move(message)});
}

void raft_cluster::boot(node& n) {
  ++n.life;
  n.disk_queue.clear();
  n.disk_busy_with = 0;
  n.paused_until = 0;
  n.unreadable_below = 0;
  n.state_hash = n.disk.snapshot ? std::stoull(n.disk.snapshot->state) : 0;
  n.disk.state = state_for_start(n.id, n.disk);
  n.driver = std::make_unique<raft_driver>(
    raft_options{.self = n.id,
                 .seed = unsigned(random_()),
                 .session = n.life,
                 .in_flight_entries_max = options_.in_flight_entries,
                 .uncommitted_entries_max = 64,
                 .close_entries_max = 8,
                 .message_bytes_max = options_.message_bytes_max,
                 .tail_entries_max = 16, // and reads from the disk
                 .tail_bytes_max = 200},
    [&n](entry_index index) { return n.read(index); });
  n.driver->set_recovering(n.recovering);
  if (application_)
    application_->started(n.id, n.disk.snapshot.get());
  perform(n, n.driver->start(clock(n), n.disk));
}

void raft_cluster::perform(node& n, raft_effects effects) {
  for (auto& job : effects.store)
    n.disk_queue.push_back(std::move(job));
  work_disk(n);
  for (auto& message : effects.send)
    transmit(message);
  if (effects.restore)
    restore(n, *effects.restore);
  for (auto& committed : effects.apply)
    apply(n, committed);
  if (effects.wake_at) {
    n.wake_at = *effects.wake_at;
    auto at = n.wake_at > n.clock_ahead ? n.wake_at - n.clock_ahead : 0;
    happen(std::max(at, now_ + 1), kind::timer, n);
  }
  n.snapshot_needed = n.snapshot_needed || effects.snapshot_needed;
  if (effects.role_changed)
    check_leader(n);
  if (n.recovering)
    check_recovery(n);
  if (application_)
    application_->turned(n.id);
}

bool raft_cluster::submit(raft_id id,
                          std::shared_ptr<const std::string> payload) {
  auto& n = *nodes_[id - 1];
  auto done =
    n.driver->submit(clock(n), {{0, entry_kind::command, std::move(payload)}});
  if (done)
    perform(n, std::move(*done));
  return bool(done);
}

void raft_cluster::transmit(const peer_message& message) {
  auto link = std::pair{message.from, message.to};
  if (cut_.contains(link) || chance(options_.drop))
    return;
  for (int copies = chance(options_.duplicate) ? 2 : 1; copies > 0; --copies) {
    auto at = now_ + 1 + below(15) + (chance(0.01) ? below(300) : 0);
    if (!options_.reorder)
      at = last_arrival_[link] = std::max(at, last_arrival_[link]);
    happen(
      at, kind::message, *nodes_[message.to - 1],
      std::make_shared<peer_message>(decode_message(encode(message)).value()));
  }
}

void raft_cluster::deliver(node& n, const peer_message& message) {
  if (cut_.contains({message.from, n.id}))
    return;
  perform(n, n.driver->receive(clock(n), message));
  // A leader that hears a recovering member: what it may have said before it
  // lost its disk can no longer arrive, and is in this leader's log.
  auto& from = *nodes_[message.from - 1];
  if (from.recovering && from.caught_up_at == 0 && message.session == from.life
      && n.driver->is_leader())
    from.caught_up_at = n.driver->last_index();
}

void raft_cluster::work_disk(node& n) {
  if (n.disk_busy_with > 0 || n.disk_queue.empty())
    return;
  n.disk_busy_with = 1 + below(unsigned(n.disk_queue.size()));
  happen(std::max(now_, n.disk_full_until) + 1 + below(options_.disk_ms_max),
         kind::disk, n);
}

void raft_cluster::finish_disk(node& n) {
  auto done = n.disk_full_until > now_ ? 0 : n.disk_busy_with;
  for (std::size_t i = 0; i < done; ++i) {
    bool installed = n.disk_queue.front().install != nullptr;
    store(n, n.disk_queue.front());
    n.disk_queue.pop_front();
    if (installed && options_.install_ends) {
      crash(n);
      return boot(n);
    }
    perform(n, n.driver->stored(clock(n)));
  }
  n.disk_busy_with = 0;
  work_disk(n);
}

void raft_cluster::store(node& n, const storage_step& job) {
  auto& disk = n.disk;
  if (job.state)
    disk.state = *job.state;
  if (job.install) {
    disk.snapshot = job.install;
    disk.first = job.install->index + 1;
    disk.entries.clear();
    ++report_.installs;
  }
  if (job.first == 0)
    return;
  auto keep = job.first - disk.first;
  if (job.first < disk.first || keep > disk.entries.size())
    return violated("a gap in a stored log");
  disk.entries.resize(keep);
  disk.entries.insert(disk.entries.end(), job.entries.begin(),
                      job.entries.end());
}

} // namespace callboard::test
