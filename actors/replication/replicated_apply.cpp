// What is committed, and who applies it; leading and following.
#include "actors/core/limits.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/replicated_journal.hpp"
#include "persistence/codec.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace callboard {

namespace {

/// The views point into the entry. Of what is no command: none.
std::vector<batch_entry> entries_of(const committed_entry& what) {
  if (what.entry.kind != entry_kind::command)
    return {};
  auto entries = decode_batch(*what.entry.payload);
  if (!entries)
    throw std::runtime_error("entry " + std::to_string(what.index)
                             + " of the log cannot be read");
  return std::move(*entries);
}

log_positions::partition_ends ends_of(const std::vector<batch_entry>& entries) {
  log_positions::partition_ends out;
  for (auto& one : entries) {
    if (!out.empty() && out.back().first == one.partition)
      out.back().second = one.index;
    else
      out.emplace_back(one.partition, one.index);
  }
  return out;
}

} // namespace

void replicated_journal::committed(const committed_entry& what) {
  auto entries = entries_of(what);
  auto ends = ends_of(entries);
  while (!in_flight_.empty() && in_flight_.front().index <= what.index) {
    in_flight_bytes_ -= in_flight_.front().bytes;
    in_flight_.pop_front();
  }
  if (what.entry.kind == entry_kind::barrier && driver_->is_leader()
      && what.entry.term == driver_->term())
    barrier_term_ = what.entry.term;
  if (!actors_own_store_)
    apply(what.index, entries);
  else if (!ends.empty()) {
    unapplied_.push_back({what, ends});
    for (auto& [partition, index] : ends)
      if (leads_)
        to_tell_[partition] = index;
  }
  auto bytes = what.entry.payload ? what.entry.payload->size() : 0;
  positions_.add(what.index, what.entry.term, bytes, std::move(ends));
}

void replicated_journal::tell_actors() {
  for (auto& [partition, index] : std::exchange(to_tell_, {}))
    outlets_.actors.flushed(partition, index);
  // What the actors were told of is theirs to apply, until they have.
  auto has = [this](auto& end) { return db_.applied(end.first) >= end.second; };
  while (!unapplied_.empty()
         && std::ranges::all_of(unapplied_.front().ends, has))
    unapplied_.pop_front();
}

void replicated_journal::apply(entry_index at,
                               const std::vector<batch_entry>& entries) {
  for (auto& one : entries) {
    auto applied = db_.applied(one.partition);
    if (one.index <= applied)
      continue; // LMDB was ahead of the log's base, or an actor was here
    if (one.index.value != applied.value + 1)
      throw std::runtime_error(
        "records of partition " + std::to_string(one.partition.value)
        + " are missing before entry " + std::to_string(at));
    auto record = decode(one.body);
    if (!record)
      throw std::runtime_error("a record in entry " + std::to_string(at)
                               + " cannot be read");
    db_.apply(one.partition, one.index, *record, one.body.size());
  }
}

void replicated_journal::apply_left_over() {
  for (auto& one : std::exchange(unapplied_, {}))
    apply(one.what.index, entries_of(one.what));
}

bool replicated_journal::may_submit() const {
  // While a flush runs what comes waits for the next one, all together.
  return steps_.size() < 2 && in_flight_bytes_ < limits::in_flight_bytes_max
         && in_flight_.size() < limits::uncommitted_entries_max;
}

void replicated_journal::submit() {
  while (may_submit()) {
    if (!refused_batch_)
      refused_batch_ = take_batch();
    auto payload = std::exchange(refused_batch_, nullptr);
    if (!payload)
      return;
    auto effects = driver_->submit(now(), {{0, entry_kind::command, payload}});
    if (!effects) {
      // It is handing its leadership over, or is about to hear that it lost it.
      // What was submitted before may be committed all the same, so nothing may
      // fail yet.
      refused_batch_ = std::move(payload);
      return;
    }
    in_flight_.push_back({driver_->last_index(), payload->size()});
    in_flight_bytes_ += payload->size();
    perform(std::move(*effects));
  }
}

/// What follows on what was submitted; the rest was decided on top of what was
/// lost. Null: nothing waits.
std::shared_ptr<const std::string> replicated_journal::take_batch() {
  std::vector<journal_entry> out;
  std::size_t bytes = 0;
  std::size_t taken = 0;
  std::lock_guard lock{mutex_};
  while (
    !queue_.empty()
    && (out.empty()
        || bytes + queue_.front().body.size() <= limits::batch_bytes_max)) {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    taken += next.body.size();
    auto& last = last_[next.partition.value];
    if (next.index.value != last.value + 1)
      continue;
    last = next.index;
    bytes += next.body.size();
    out.push_back(std::move(next));
  }
  waiting_ -= taken;
  return out.empty() ? nullptr
                     : std::make_shared<const std::string>(encode_batch(out));
}

void replicated_journal::fail_waiting() {
  std::set<partition_id> touched;
  {
    std::lock_guard lock{mutex_};
    for (auto& one : std::exchange(queue_, {})) {
      touched.insert(one.partition);
      waiting_ -= one.body.size();
    }
  }
  for (auto partition : touched)
    outlets_.actors.failed(partition, errc::unavailable);
}

void replicated_journal::watch_role() {
  bool leads = driver_->is_leader() && barrier_term_ == driver_->term();
  if (leads_ && !leads) {
    spdlog::info("leads no more term={}", driver_->term());
    leads_ = serving_ = false;
    in_flight_.clear();
    in_flight_bytes_ = 0;
    refused_batch_ = nullptr;
    to_tell_.clear();
    for (std::size_t p = 0; p < last_.size(); ++p)
      outlets_.actors.failed({p}, errc::unavailable);
    told_leader_ = driver_->leader();
    outlets_.role(false, told_leader_);
  } else if (!leads_ && leads && !actors_own_store_)
    begin_leading();
  else if (auto leader = driver_->leader();
           !leads_ && leader != told_leader_ && leader != status_.self) {
    told_leader_ = leader;
    spdlog::info("follows leader={} term={}", leader, driver_->term());
    outlets_.role(false, leader);
  }
}

void replicated_journal::begin_leading() {
  spdlog::info("leads term={}", driver_->term());
  // What the actors of an earlier lead appended last: its numbers are those
  // that the new ones will give to something else.
  fail_waiting();
  last_.clear();
  for (std::size_t p = 0; p < db_.partitions(); ++p)
    last_.push_back(db_.applied({p}));
  leads_ = serving_ = actors_own_store_ = actors_starting_ = true;
  told_leader_ = status_.self;
  publish_status(); // whoever hears of it asks in which term
  outlets_.role(true, told_leader_);
}

/// A member that has stored nothing yet, and whose peers remember more than the
/// beginning of a log, may have lost what it had: entries, and a vote.
void replicated_journal::begin_recovery() {
  spdlog::warn("this node knows nothing of what the others remember: it does "
               "not vote before it has caught up");
  recovering_ = true;
  driver_->set_recovering(true);
  steps_.push_back(log_snapshot{});
  disk_->put({.recovering = true});
}

/// Whether this node must recover, and what it lacks: all that its leader has
/// when it is first heard.
void replicated_journal::note_recovery(const peer_message& message) {
  auto& header = message.header;
  if (fresh_ && !recovering_) {
    // Whom it gave a vote knew of nothing either. If that one leads, and both
    // start again before this one has an entry, it needs that vote once more.
    fresh_ = driver_->last_index() <= 1 && !driver_->has_voted();
    auto leads = header.type == RAFT_APPEND_ENTRIES;
    bool others_know = (leads && header.append_entries.prev_log_index > 1)
                       || (header.type == RAFT_REQUEST_VOTE
                           && header.request_vote.last_log_index > 1);
    if (fresh_ && others_know)
      begin_recovery();
    // A leader that knows of nothing before this is the first of its group, so
    // there was nothing to forget.
    else if (leads && header.append_entries.leader_commit <= 1)
      fresh_ = false;
  }
  if (!caught_up_at_ && header.type == RAFT_APPEND_ENTRIES)
    caught_up_at_ = header.append_entries.leader_commit;
  if (recovering_ && recovered_at_ == 0 && header.type == RAFT_APPEND_ENTRIES) {
    auto& append = header.append_entries;
    recovered_at_ =
      std::max<entry_index>({append.prev_log_index + message.entries.size(),
                             append.leader_commit, 1});
  }
}

/// Not by what is committed alone, which may be ahead of this node's disk: a
/// crash would then leave a voter without what it said it had.
void replicated_journal::watch_recovery() {
  if (!recovering_ || recovered_at_ == 0
      || driver_->commit_index() < recovered_at_
      || driver_->stored_index() < recovered_at_)
    return;
  spdlog::info("has caught up, and votes again index={}", recovered_at_);
  recovering_ = false;
  driver_->set_recovering(false);
  steps_.push_back(log_snapshot{});
  disk_->put({.recovering = false});
}

/// Only what is committed counts: it comes for sure, whoever leads next, and a
/// group that starts as a whole has nothing to wait for.
void replicated_journal::watch_start() {
  caught_up_ = caught_up_ || leads_
               || (caught_up_at_ && driver_->commit_index() >= *caught_up_at_
                   && driver_->stored_index() >= *caught_up_at_);
}

/// Who belongs to the group must be known if the log is damaged: whether others
/// have what it had.
bool replicated_journal::base_lacks_members() const {
  return driver_->settled()
         && driver_->configuration_index() > base_.configuration_index;
}

void replicated_journal::watch_base() {
  if (!base_lacks_members() && !snapshot_needed_)
    return;
  std::vector<log_index> flushed;
  for (std::size_t p = 0; p < db_.partitions(); ++p)
    flushed.push_back(db_.flushed({p}));
  advance_base(flushed);
}

void replicated_journal::advance_base(const std::vector<log_index>& flushed) {
  positions_.flushed(flushed);
  bool needed = snapshot_needed_ && positions_.index() > base_.index;
  if (positions_.bytes() < limits::base_bytes_min && !base_lacks_members()
      && !needed)
    return;
  if (driver_->settled() && driver_->configuration_index() > positions_.index())
    return;                                // a moment later
  auto next = driver_->describe_applied(); // its configuration
  if (next.configuration_index > positions_.index())
    return;
  positions_.forget_bytes();
  snapshot_needed_ = false; // or it is said again
  next.index = positions_.index();
  next.term = positions_.term();
  {
    std::lock_guard lock{status_mutex_};
    base_ = next;
  }
  steps_.push_back(next);
  disk_->put({.base = std::move(next)});
}

} // namespace callboard
