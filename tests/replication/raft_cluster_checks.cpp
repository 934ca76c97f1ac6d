// What must hold in a simulated raft group, whatever goes wrong.
#include "tests/replication/raft_cluster.hpp"

#include <algorithm>
#include <functional>

namespace callboard::test {

namespace {

std::string text_of(const log_entry& e) {
  return e.payload ? *e.payload : std::string{};
}

/// Chains the state machine's hash: equal hashes mean equal histories.
std::size_t chained(std::size_t hash, const log_entry& e) {
  return (hash * 31 + e.term * 7 + std::size_t(e.kind))
         ^ std::hash<std::string>{}(text_of(e));
}

} // namespace

entry_term raft_cluster::node::durable_term(entry_index index) const {
  if (index >= disk.first && index < disk.first + disk.entries.size())
    return disk.entries[index - disk.first].term;
  return 0;
}

void raft_cluster::apply(node& n, const committed_entry& committed) {
  n.state_hash = chained(n.state_hash, committed.entry);
  auto now = std::pair{committed.entry.term, n.state_hash};
  auto [before, first] = history_.emplace(committed.index, now);
  if (!first && before->second != now)
    violated("index " + std::to_string(committed.index)
             + " differs between members");
  if (n.driver->is_leader())
    check_stored_by_majority(n, committed);
  if (application_)
    application_->applied(n.id, committed);
}

void raft_cluster::restore(node& n, const log_snapshot& snapshot) {
  n.state_hash = std::stoull(snapshot.state);
  auto known = history_.find(snapshot.index);
  if (known != history_.end() && known->second.second != n.state_hash)
    violated("a snapshot differs from the history");
  if (application_)
    application_->restored(n.id, snapshot);
}

void raft_cluster::check_leader(node& n) {
  if (!n.driver->is_leader())
    return;
  ++report_.elections;
  auto [known, first] = leaders_.emplace(n.driver->term(), n.id);
  if (!first && known->second != n.id)
    violated("two leaders in one term");
  if (n.recovering)
    violated("a member leads that has forgotten its vote");
}

void raft_cluster::check_stored_by_majority(const node& leader,
                                            const committed_entry& committed) {
  if (options_.change > 0) // by the configuration of which moment?
    return;
  unsigned copies = 0;
  for (auto& n : nodes_) {
    bool covered =
      n->disk.snapshot && n->disk.snapshot->index >= committed.index;
    // One that lost its disk counts as if it still had it: it votes for no one.
    if (covered || n->recovering
        || n->durable_term(committed.index) == committed.entry.term)
      ++copies;
  }
  if (copies <= options_.members / 2)
    violated("index " + std::to_string(committed.index) + " is committed on "
             + std::to_string(leader.id) + " and stored by "
             + std::to_string(copies));
}

void raft_cluster::check_logs() {
  for (auto& a : nodes_)
    for (auto& b : nodes_)
      if (a->id < b->id)
        check_logs(*a, *b);
}

void raft_cluster::check_logs(const node& a, const node& b) {
  auto end = [](const node& n) { return n.disk.first + n.disk.entries.size(); };
  auto first = std::max(a.disk.first, b.disk.first);
  auto at = std::min(end(a), end(b));
  while (at > first && a.durable_term(at - 1) != b.durable_term(at - 1))
    --at;
  for (; at > first; --at) {
    auto& x = a.disk.entries[at - 1 - a.disk.first];
    auto& y = b.disk.entries[at - 1 - b.disk.first];
    if (x.term != y.term || x.kind != y.kind || text_of(x) != text_of(y))
      return violated("logs of " + std::to_string(a.id) + " and "
                      + std::to_string(b.id) + " differ before a common entry");
  }
}

void raft_cluster::check_recovery(node& n) {
  if (n.caught_up_at == 0 || n.driver->applied() < n.caught_up_at
      || n.driver->stored_index() < n.caught_up_at)
    return;
  n.recovering = false;
  n.driver->set_recovering(false);
  ++report_.recovered;
}

void raft_cluster::check_end() {
  check_logs();
  auto leader = std::ranges::find_if(
    nodes_, [](auto& n) { return n->driver->is_leader(); });
  if (leader == nodes_.end())
    return violated("no leader after 12 s without faults");
  auto most = history_.empty() ? 0 : history_.rbegin()->first;
  for (auto& member : (*leader)->driver->peers(clock(**leader))) {
    auto& n = *nodes_[member.id - 1];
    if (n.driver->applied() + 200 < most)
      violated("member " + std::to_string(n.id)
               + " stays behind: " + std::to_string(n.driver->applied())
               + " of " + std::to_string(most));
    if (n.driver->leader() != (*leader)->id)
      violated("member " + std::to_string(n.id) + " follows another leader");
    if (n.recovering)
      violated("member " + std::to_string(n.id) + " does not recover");
  }
  if (most <= committed_late_)
    violated("nothing is committed any more");
}

void raft_cluster::violated(const std::string& what) {
  if (!report_.violation.empty())
    return;
  report_.violation = "at " + std::to_string(now_) + " ms: " + what;
  for (auto& n : nodes_)
    report_.violation += "\n" + describe(*n);
}

std::string raft_cluster::describe(const node& n) const {
  auto out = "node " + std::to_string(n.id) + ":";
  if (!n.driver)
    return out + " down";
  auto& d = *n.driver;
  out += " term " + std::to_string(d.term()) + ", leader "
         + std::to_string(d.leader()) + ", last "
         + std::to_string(d.last_index()) + ", committed "
         + std::to_string(d.commit_index()) + ", applied "
         + std::to_string(d.applied()) + ", kept from "
         + std::to_string(d.first_kept()) + (n.recovering ? ", recovering" : "")
         + (d.idle() ? "" : ", busy") + ", members";
  for (auto& p : d.peers(clock(n)))
    out += " " + std::to_string(p.id)
           + (p.role == member_role::voter ? "v" : "s")
           + (p.match == 0 ? "" : "@" + std::to_string(p.match));
  return out;
}

} // namespace callboard::test
