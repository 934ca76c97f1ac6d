// Records as they are committed, checked one by one.
#include "tests/simulation/ledger.hpp"

#include "persistence/codec.hpp"
#include "tests/replication/raft_cluster.hpp"

#include <algorithm>
#include <functional>

namespace callboard::test {

namespace {

/// Rows are compared at some indexes: it takes longer than to apply them.
constexpr entry_index compared_every = 32;

std::string text(const std::string& what, std::uint64_t number) {
  return what + " " + std::to_string(number);
}

std::size_t digest(const std::vector<stored_rows>& rows) {
  std::string all;
  for (auto& one : rows)
    all += std::to_string(one.applied.value) + encode(one.whole());
  return std::hash<std::string>{}(all);
}

} // namespace

void ledger::committed(entry_index index,
                       std::span<const batch_entry> entries) {
  for (auto& one : entries) {
    auto& rows = rows_[one.partition.value];
    auto what = decode(one.body);
    if (!what)
      throw violation("a committed record cannot be read");
    if (one.index.value != rows.applied.value + 1)
      throw violation(text("a record is committed twice, or out of order, in "
                           "partition",
                           one.partition.value));
    check(one.partition, *what);
    rows.apply(*what);
  }
  at_ = index;
  if (index % compared_every == 0)
    digests_[index] = digest(rows_);
}

void ledger::compare(entry_index index, raft_id who,
                     const std::vector<stored_rows>& replica) const {
  auto known = digests_.find(index);
  if (known != digests_.end() && known->second != digest(replica))
    throw violation(text("the rows at", index)
                    + text(" differ on member", who));
}

void ledger::check(partition_id p, const record& what) {
  auto& rows = rows_[p.value];
  if (what.at < rows.last_time)
    throw violation("the broker's clock went back");
  std::map<std::uint64_t, std::uint64_t> next; // by stream
  for (auto& e : what.events) {
    auto& all = rows.events[e.stream.value];
    auto number = next.try_emplace(e.stream.value, all.size()).first->second++;
    if (e.what->number.value != number)
      throw violation(text("an event has another number than", number));
    check_event(p, e);
  }
  for (auto& one : what.changes)
    if (auto* run = std::get_if<put_run>(&one)) {
      if (run->row.state == run_state::leased)
        check_lease(p, what, *run);
    } else if (auto* moved = std::get_if<put_position>(&one))
      check_position(p, *moved);
}

void ledger::check_event(partition_id p, const appended_event& what) {
  if (!ids_.emplace(p.value, what.stream.value, what.what->id).second)
    throw violation(text("an event is published twice, again as number",
                         what.what->number.value));
}

void ledger::check_lease(partition_id p, const record& whole,
                         const put_run& what) {
  auto& rows = rows_[p.value];
  auto group = std::ranges::find(rows.groups, what.group,
                                 [](auto& one) { return one.second.id; });
  if (group == rows.groups.end())
    throw violation("a group that does not exist leases");
  auto& run = what.row;
  auto& is = group->second;
  if (run.attempt > std::uint32_t(is.settings.max_retry_count) + 1)
    throw violation(text("delivered too often: attempt", run.attempt));
  for (auto n = run.first; n < run.first + run.count; n = n + 1) {
    auto about = text("event", n.value) + " of " + group->first.group;
    auto* was = rows.run_of(what.group, run.in, n);
    bool same = was && was->state == run_state::leased;
    if (same && (was->lease != run.lease || was->attempt != run.attempt))
      throw violation(about + " is leased twice at once");
    if (same)
      continue;
    auto checkpoint =
      run.in == lane::source ? is.source_checkpoint : is.replay_checkpoint;
    if (n < checkpoint || (was && was->state == run_state::settled))
      throw violation(about + " is leased although it is settled");
    if (run.attempt != (was ? was->attempt : 0) + 1)
      throw violation(about + " is leased with attempt "
                      + std::to_string(run.attempt) + " after "
                      + std::to_string(was ? was->attempt : 0));
    if (was && was->due > whole.at)
      throw violation(about + " is retried before its time");
    if (run.due != whole.at + std::uint64_t(is.settings.message_timeout_ms))
      throw violation(about + " has a lease with another end");
    leases_.emplace(p.value, what.group.value, position{run.in, n}, run.attempt,
                    run.lease);
  }
}

void ledger::check_position(partition_id p, const put_position& what) {
  auto& rows = rows_[p.value];
  auto known = rows.positions.find({what.group, what.stream});
  if (known == rows.positions.end())
    return;
  if (what.next < known->second)
    throw violation("a reader's position goes back in " + what.stream);
  auto& handed = handed_[{what.group, what.stream}];
  for (auto n = known->second; n < what.next; n = n + 1)
    if (!handed.contains(n.value))
      throw violation(text("committed, but never handed out: record", n.value)
                      + " of " + what.stream);
}

void ledger::require_stored(partition_id p, const std::string& stream,
                            event_number number, const uuid& id) const {
  auto e = rows(p).find(stream, number);
  if (!e || e->id != id)
    throw violation(text("acknowledged, but not committed: event", number.value)
                    + " of " + stream);
}

void ledger::require_leased(partition_id p, group_id group,
                            const leased_event& what) const {
  if (!leases_.contains(
        {p.value, group.value, what.at, what.attempt, what.lease}))
    throw violation(
      text("delivered without a lease on record: event", what.at.number.value)
      + text(", attempt", what.attempt));
}

bool ledger::settled(partition_id p, const group_key& key,
                     const position& at) const {
  auto& group = rows(p).groups.at(key);
  if (at.number < (at.in == lane::source ? group.source_checkpoint
                                         : group.replay_checkpoint))
    return true;
  auto* run = rows(p).run_of(group.id, at.in, at.number);
  return run && run->state == run_state::settled;
}

void ledger::handed(const std::string& group, const std::string& stream,
                    number_range numbers) {
  auto before = numbers.first.value;
  if (before > 0 && !was_handed(group, stream, {before - 1}))
    throw violation(text("handed out before what precedes it: record", before)
                    + " of " + stream);
  for (auto n = numbers.first; n < numbers.end(); n = n + 1)
    handed_[{group, stream}].insert(n.value);
}

bool ledger::was_handed(const std::string& group, const std::string& stream,
                        event_number n) const {
  auto found = handed_.find({group, stream});
  return found != handed_.end() && found->second.contains(n.value);
}

event_number ledger::position_of(partition_id p, const std::string& group,
                                 const std::string& stream) const {
  auto found = rows(p).positions.find({group, stream});
  return found == rows(p).positions.end() ? event_number{} : found->second;
}

} // namespace callboard::test
