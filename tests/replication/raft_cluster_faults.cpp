// What goes wrong in a simulated raft group, and what is done in it meanwhile.
#include "tests/replication/raft_cluster.hpp"

#include <algorithm>

namespace callboard::test {

void raft_cluster::chaos() {
  happen(now_ + 5 + below(20), kind::chaos, *nodes_[0]);
  if (application_)
    application_->time_passed();
  else
    submit_commands();
  if (now_ > quiet_from_)
    heal();
  else
    break_something();
  for (auto& n : nodes_)
    if (n->driver && n->snapshot_needed && n->paused_until <= now_)
      compact(*n);
  if (chance(0.01))
    check_logs();
  if (now_ > quiet_from_ + 8'000 && !committed_late_)
    committed_late_ = history_.empty() ? 0 : history_.rbegin()->first;
}

void raft_cluster::submit_commands() {
  for (auto& n : nodes_)
    if (n->driver && n->driver->is_leader() && n->paused_until <= now_
        && chance(0.7)) {
      std::vector<log_entry> entries(1 + below(4));
      for (auto& e : entries)
        e.payload = std::make_shared<const std::string>(
          "command " + std::to_string(++submitted_));
      if (auto done = n->driver->submit(clock(*n), std::move(entries)))
        perform(*n, std::move(*done));
    }
}

void raft_cluster::heal() {
  options_.drop = options_.duplicate = 0;
  options_.reorder = false;
  cut_.clear();
  for (auto& n : nodes_) {
    n->paused_until = std::min(n->paused_until, now_ + 1);
    n->disk_full_until = 0;
    if (!n->driver)
      boot(*n);
    work_disk(*n);
  }
}

void raft_cluster::break_something() {
  if (auto& n = any(); n.driver && n.paused_until <= now_)
    break_node(n);
  for (auto& n : nodes_)
    if (!n->driver && chance(0.02))
      boot(*n);
  if (chance(options_.partition))
    partition();
  if (chance(0.01))
    cut_.clear();
  if (auto& n = any(); chance(options_.lose_disk))
    lose_disk(n);
}

void raft_cluster::break_node(node& n) {
  if (chance(options_.compact))
    compact(n);
  if (n.driver->is_leader() && chance(options_.transfer)) {
    auto to = chance(0.5) ? 0 : any().id;
    if (auto done = n.driver->transfer(clock(n), to)) {
      ++report_.transfers;
      perform(n, std::move(*done));
    }
  }
  if (n.driver->is_leader() && chance(options_.change))
    change_members(n);
  if (chance(options_.gone) && n.disk.snapshot)
    n.unreadable_below = n.disk.snapshot->index;
  if (chance(options_.full_disk)) {
    n.disk_full_until = now_ + below(5'000);
    ++report_.full_disks;
  }
  if (chance(options_.clock_jump)) {
    n.clock_ahead += below(3'000);
    happen(now_ + 1, kind::timer, n);
  }
  if (chance(options_.pause)) {
    n.paused_until = now_ + below(4'000);
    ++report_.pauses;
  }
  if (chance(options_.crash))
    crash(n);
}

void raft_cluster::crash(node& n) {
  if (application_ && n.driver)
    application_->crashed(n.id);
  n.driver = nullptr;
  ++n.life;
  ++report_.crashes;
}

void raft_cluster::lose_disk(node& n) {
  // It asks all others for their terms before it starts.
  entry_term highest = 0;
  for (auto& other : nodes_) {
    if (other->recovering || !other->driver || other->paused_until > now_)
      return;
    if (other->id != n.id)
      highest = std::max(highest, other->driver->term());
  }
  crash(n);
  if (application_)
    application_->disk_lost(n.id);
  n.disk = {};
  n.disk.state = state_after_loss(n.id, highest);
  n.recovering = true;
  n.caught_up_at = 0;
  ++report_.lost_disks;
  boot(n);
}

void raft_cluster::partition() {
  auto from = any().id;
  for (auto& n : nodes_)
    if (n->id != from && chance(0.6)) {
      cut_.insert({from, n->id});
      if (chance(0.7)) // else only one direction is cut
        cut_.insert({n->id, from});
    }
}

void raft_cluster::compact(node& n) {
  auto& d = *n.driver;
  auto index = d.applied();
  if (!d.idle() || (n.disk.snapshot && n.disk.snapshot->index >= index))
    return;
  auto snapshot = std::make_shared<log_snapshot>(d.describe_applied());
  if (snapshot->configuration_index == 0
      || snapshot->configuration_index > index)
    return;
  snapshot->state = std::to_string(n.state_hash);
  if (application_) {
    auto state = application_->state(n.id);
    if (!state)
      return;
    snapshot->state += " " + *state;
  }
  n.disk.snapshot = snapshot;
  n.snapshot_needed = false;
  perform(n, d.compacted(clock(n), snapshot, options_.trailing));
  ++report_.compactions;
  auto gone =
    std::min(d.first_kept() - n.disk.first, entry_index{n.disk.entries.size()});
  n.disk.entries.erase(n.disk.entries.begin(),
                       n.disk.entries.begin() + long(gone));
  n.disk.first += gone;
}

void raft_cluster::change_members(node& leader) {
  auto& d = *leader.driver;
  auto now = clock(leader);
  auto id = any().id;
  auto members = d.peers(now);
  auto known = std::ranges::find(members, id, &peer_state::id);
  auto attempt = [&]() -> result<raft_effects> {
    if (known == members.end())
      return d.add(now, id);
    if (known->role == member_role::voter)
      return chance(0.7) ? d.demote(now, id) : d.remove(now, id);
    if (chance(0.2))
      return d.catch_up(now, id);
    return chance(0.7) ? d.promote(now, id) : d.remove(now, id);
  };
  if (auto done = attempt()) {
    ++report_.changes;
    perform(leader, std::move(*done));
  }
}

} // namespace callboard::test
