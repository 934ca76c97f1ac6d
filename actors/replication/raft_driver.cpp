// The order of work around raft_step.
#include "actors/replication/raft_driver.hpp"

#include "actors/replication/raft_engine.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <new>
#include <stdexcept>
#include <utility>

namespace callboard {

using namespace engine;

raft_driver::raft_driver(const raft_options& options, entry_reader read)
    : options_(options), read_(std::move(read)) {
  auto address = address_of(options_.self);
  if (raft_init(&engine_, nullptr, nullptr, options_.self, address.c_str())
      != 0)
    throw std::bad_alloc{};
  // The default tracer formats every message into a static buffer, read or not:
  // 2.5 times the CPU, and a data race between groups.
  engine_.tracer = nullptr;
  raft_seed(&engine_, options_.seed);
  raft_set_pre_vote(&engine_, true);
  raft_set_election_timeout(&engine_, options_.election_timeout_ms);
  raft_set_heartbeat_timeout(&engine_, options_.heartbeat_ms);
  raft_set_max_inflight_entries(&engine_, options_.in_flight_entries_max);
}

raft_driver::~raft_driver() {
  raft_close(&engine_, nullptr);
}

raft_effects raft_driver::start(raft_ms now, const stored_log& log) {
  auto event = event_at(now, RAFT_START);
  raft_snapshot_metadata metadata{};
  if (log.snapshot) {
    metadata = metadata_of(*log.snapshot);
    event.start.metadata = &metadata;
    applied_ = log.snapshot->index;
  }
  snapshot_ = log.snapshot;
  last_ = log.first + log.entries.size() - 1;
  tail_first_ = last_ + 1;
  auto entries = to_engine(log.entries, nullptr);
  event.start.term = log.state.term;
  event.start.voted_for = log.state.vote;
  event.start.start_index = log.first;
  event.start.entries = entries.empty() ? nullptr : entries.data();
  event.start.n_entries = unsigned(entries.size());
  raft_effects out;
  step(event, out);
  out.wake_at = raft_timeout(&engine_);
  return out;
}

result<raft_effects> raft_driver::submit(raft_ms now,
                                         std::vector<log_entry> entries) {
  if (last_ + entries.size()
      > raft_commit_index(&engine_) + options_.uncommitted_entries_max)
    return errc::too_many_in_flight;
  for (auto& e : entries)
    e.term = term();
  auto* batch = raft_malloc(1);
  auto raw = to_engine(entries, batch);
  auto event = event_at(now, RAFT_SUBMIT);
  event.submit.entries = raw.data();
  event.submit.n = unsigned(raw.size());
  incoming_ = entries;
  incoming_raw_ = raw.data();
  raft_effects out;
  auto failed = try_step(event, out);
  incoming_ = {};
  if (failed == 0)
    return out;
  raft_free(batch);
  return errc::unavailable;
}

raft_effects raft_driver::timeout(raft_ms now) {
  auto event = event_at(now, RAFT_TIMEOUT);
  raft_effects out;
  step(event, out);
  if (!out.wake_at)
    out.wake_at = std::max<raft_ms>(raft_timeout(&engine_), now + 1);
  return out;
}

raft_effects raft_driver::stored(raft_ms now) {
  assert(!unfinished_.empty());
  auto done = std::move(unfinished_.front());
  unfinished_.pop_front();
  raft_effects out;
  if (done.has_state && --unstored_states_ == 0)
    out.send = std::exchange(deferred_, {});
  if (done.install) {
    snapshot_ = done.install;
    applied_ = last_ = done.install->index;
    out.restore = done.install;
    auto event = event_at(now, RAFT_PERSISTED_SNAPSHOT);
    event.persisted_snapshot.metadata = metadata_of(*done.install);
    event.persisted_snapshot.last = true;
    step(event, out);
  } else if (done.first != 0 && done.last >= done.first
             && done.last > engine_.last_stored
             && !engine_.snapshot.installing) {
    auto event = event_at(now, RAFT_PERSISTED_ENTRIES);
    event.persisted_entries.index = done.last;
    step(event, out);
  }
  trim_tail();
  return out;
}

raft_effects raft_driver::compacted(raft_ms now, snapshot_ptr snapshot,
                                    unsigned trailing) {
  auto event = event_at(now, RAFT_SNAPSHOT);
  event.snapshot.metadata = metadata_of(*snapshot);
  event.snapshot.trailing = trailing;
  snapshot_ = std::move(snapshot);
  raft_effects out;
  step(event, out);
  return out;
}

void raft_driver::step(raft_event& event, raft_effects& out) {
  if (auto failed = try_step(event, out))
    throw std::runtime_error(std::string{"raft: "} + raft_strerror(failed));
}

int raft_driver::try_step(raft_event& event, raft_effects& out) {
  raft_update update{};
  if (auto failed = raft_step(&engine_, &event, &update))
    return failed;
  // 1. What must be durable, before 2. what says so to others.
  collect_storage(update, out);
  if (update.flags & RAFT_UPDATE_MESSAGES)
    for (unsigned i = 0; i < update.messages.n; ++i)
      send(update.messages.batch[i], out);
  if (update.flags & RAFT_UPDATE_STATE)
    out.role_changed = true;
  if (update.flags & (RAFT_UPDATE_TIMEOUT | RAFT_UPDATE_STATE))
    out.wake_at = raft_timeout(&engine_);
  if (update.flags & RAFT_UPDATE_COMMIT_INDEX)
    apply_committed(event.time, out);
  return 0;
}

void raft_driver::collect_storage(const raft_update& update,
                                  raft_effects& out) {
  storage_step job;
  unfinished_step pending;
  if (update.flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR)) {
    job.state = {raft_current_term(&engine_), raft_voted_for(&engine_)};
    pending.has_state = true;
    ++unstored_states_;
  }
  if (update.flags & RAFT_UPDATE_SNAPSHOT) {
    for (auto& older : unfinished_)
      older.first = 0;
    job.install = pending.install = incoming_snapshot_;
    tail_.clear();
    tail_first_ = job.install->index + 1;
    raft_free(update.snapshot.chunk.base);
    auto taken = update.snapshot.metadata.configuration;
    raft_configuration_close(&taken);
  }
  if (update.flags & RAFT_UPDATE_ENTRIES) {
    collect_entries(update, job);
    pending.first = job.first;
    pending.last = last_ = job.first + job.entries.size() - 1;
  }
  if (!job.state && !job.install && job.entries.empty())
    return;
  unfinished_.push_back(std::move(pending));
  out.store.push_back(std::move(job));
}

void raft_driver::collect_entries(const raft_update& update,
                                  storage_step& job) {
  auto* batch = update.entries.batch;
  // The batch is a part of the array that came in, unless it is an entry of the
  // engine's own: the barrier of a new leader.
  const log_entry* ours = nullptr;
  std::less<const raft_entry*> before;
  if (!incoming_.empty() && !before(batch, incoming_raw_)
      && before(batch, incoming_raw_ + incoming_.size()))
    ours = &incoming_[std::size_t(batch - incoming_raw_)];
  job.first = update.entries.index;
  for (unsigned i = 0; i < update.entries.n; ++i) {
    auto& raw = batch[i];
    if (ours != nullptr)
      job.entries.push_back({raw.term, ours[i].kind, ours[i].payload});
    else
      job.entries.push_back(
        {raw.term, static_cast<entry_kind>(raw.type),
         std::make_shared<const std::string>(
           static_cast<const char*>(raw.buf.base), raw.buf.len)});
  }
  raft_free(batch[0].batch);
  // A write that these entries replace must not be reported as theirs.
  for (auto& older : unfinished_)
    older.last = std::min(older.last, job.first - 1);
  append_to_tail(job);
}

void raft_driver::append_to_tail(const storage_step& job) {
  while (!tail_.empty() && tail_first_ + tail_.size() > job.first)
    tail_.pop_back();
  if (tail_.empty())
    tail_first_ = job.first;
  tail_.insert(tail_.end(), job.entries.begin(), job.entries.end());
}

void raft_driver::trim_tail() {
  // What is in memory only, or not yet applied, stays.
  auto needed = std::min<entry_index>(engine_.last_stored, applied_);
  while (tail_.size() > options_.tail_entries_max && tail_first_ <= needed) {
    tail_.pop_front();
    ++tail_first_;
  }
}

log_entry raft_driver::entry(entry_index index) const {
  if (index >= tail_first_ && index < tail_first_ + tail_.size())
    return tail_[index - tail_first_];
  if (auto stored = read_(index))
    return std::move(*stored);
  throw std::runtime_error("raft: entry " + std::to_string(index) + " is gone");
}

void raft_driver::apply_committed(raft_ms now, raft_effects& out) {
  if (engine_.snapshot.installing)
    return;
  auto end = std::min<entry_index>(raft_commit_index(&engine_), last_);
  while (applied_ < end) { // the engine's commit index may step back
    auto committed = entry(applied_ + 1);
    ++applied_;
    out.apply.push_back({applied_, committed});
    if (committed.kind != entry_kind::configuration)
      continue;
    auto event = event_at(now, RAFT_CONFIGURATION);
    event.configuration.index = applied_;
    event.configuration.conf = decode(*committed.payload);
    step(event, out);
  }
}

bool raft_driver::is_leader() const noexcept {
  return engine_.state == RAFT_LEADER;
}

entry_term raft_driver::term() const noexcept {
  return engine_.current_term;
}

bool raft_driver::idle() const noexcept {
  return unfinished_.empty() && !engine_.snapshot.installing;
}

log_snapshot raft_driver::describe_applied() const {
  auto term = applied_ == 0 ? 0
              : snapshot_ && snapshot_->index == applied_
                ? snapshot_->term
                : entry(applied_).term;
  return {applied_,
          term,
          engine_.configuration_committed_index,
          encode(engine_.configuration_committed),
          {}};
}

} // namespace callboard
