// The order of work around raft_step.
#include "actors/replication/raft_driver.hpp"

#include "actors/replication/raft_engine.hpp"

#include <algorithm>
#include <cassert>
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
  raft_set_install_snapshot_timeout(&engine_,
                                    unsigned(limits::install_timeout.count()));
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
    applied_term_ = log.snapshot->term;
  }
  snapshot_ = log.snapshot;
  auto first = log.first;
  auto entries = to_engine(log.entries, nullptr);
  last_ = first + entries.size() - 1;
  if (log.snapshot && last_ < log.snapshot->index) {
    // Entries may be applied, and be in the state that is stored, before this
    // member's own log has them.
    entries.clear();
    last_ = log.snapshot->index;
    first = last_ + 1;
  }
  tail_first_ = last_ + 1;
  event.start.term = log.state.term;
  event.start.voted_for = log.state.vote;
  event.start.start_index = first;
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
  // The others may commit without this member's disk, as long as they like.
  if (unfinished_.size() >= limits::storage_steps_max)
    return errc::too_many_in_flight;
  raft_effects out;
  if (handing_over_ || append(now, std::move(entries), out) != 0)
    return errc::unavailable;
  return out;
}

int raft_driver::append(raft_ms now, std::vector<log_entry> entries,
                        raft_effects& out) {
  for (auto& e : entries)
    e.term = term();
  auto* batch = raft_malloc(1);
  auto raw = to_engine(entries, batch);
  auto event = event_at(now, RAFT_SUBMIT);
  event.submit.entries = raw.data();
  event.submit.n = unsigned(raw.size());
  incoming_ = entries;
  incoming_raw_ = raw.data();
  auto failed = try_step(event, out);
  incoming_ = {};
  if (failed != 0)
    raft_free(batch);
  return failed;
}

void raft_driver::begin_lead(raft_ms now, bool appended, raft_effects& out) {
  for (auto& [id, p] : peers_) {
    p.lost = false;
    p.installs = 0;
  }
  // The engine begins its term with an entry only if some may be uncommitted.
  // One is needed always: only it shows that an earlier leader's configuration
  // cannot come back, and that all committed entries have been applied.
  if (!appended
      && append(now,
                {{0, entry_kind::barrier, std::make_shared<std::string>()}},
                out)
           != 0)
    throw std::runtime_error("raft: a new leader cannot append");
}

raft_effects raft_driver::timeout(raft_ms now) {
  raft_effects out;
  continue_transfer(now, out);
  // Who has forgotten its vote asks for none, and who cannot store one does not
  // raise its term again and again.
  if (!is_leader() && (recovering_ || unstored_states_ > 0)) {
    out.wake_at = now + options_.election_timeout_ms;
    return out;
  }
  if (elects_itself(now))
    claim_term(out);
  if (engine_.state == RAFT_FOLLOWER && now >= raft_timeout(&engine_))
    forget_leader();
  auto event = event_at(now, RAFT_TIMEOUT);
  step(event, out);
  if (!out.wake_at)
    out.wake_at = std::max<raft_ms>(raft_timeout(&engine_), now + 1);
  return out;
}

void raft_driver::forget_leader() {
  // The engine forgets it only by asking for votes itself, and gives no vote
  // to others while it knows one: a standby would for ever.
  auto& leader = engine_.follower_state.current_leader;
  raft_free(leader.address);
  leader.address = nullptr;
  leader.id = 0;
}

bool raft_driver::elects_itself(raft_ms now) const {
  return engine_.state == RAFT_FOLLOWER && only_voter()
         && now >= raft_timeout(&engine_) && !engine_.snapshot.installing
         && engine_.last_stored == last_;
}

void raft_driver::claim_term(raft_effects& out) {
  // The engine lets the only voter lead at once, in the term it is in, which
  // may have had another leader: as `state_for_start`.
  ++engine_.current_term;
  engine_.voted_for = options_.self;
  storage_step job;
  job.state = {engine_.current_term, engine_.voted_for};
  unfinished_step pending;
  pending.has_state = true;
  ++unstored_states_;
  unfinished_.push_back(std::move(pending));
  out.store.push_back(std::move(job));
}

raft_effects raft_driver::stored(raft_ms now) {
  assert(!unfinished_.empty());
  auto done = std::move(unfinished_.front());
  unfinished_.pop_front();
  raft_effects out;
  if (done.has_state && --unstored_states_ == 0) {
    out.send.assign(deferred_.begin(), deferred_.end());
    deferred_.clear();
  }
  if (done.install) {
    snapshot_ = done.install;
    applied_ = last_ = done.install->index;
    applied_term_ = done.install->term;
    out.restore = done.install;
    auto event = event_at(now, RAFT_PERSISTED_SNAPSHOT);
    event.persisted_snapshot.metadata = metadata_of(*done.install);
    event.persisted_snapshot.last = true;
    step(event, out);
  } else if (done.first != 0 && done.last >= done.first
             && done.last > engine_.last_stored) {
    auto event = event_at(now, RAFT_PERSISTED_ENTRIES);
    event.persisted_entries.index = done.last;
    step(event, out);
  }
  trim_tail();
  continue_transfer(now, out);
  return out;
}

raft_effects raft_driver::compacted(raft_ms now, snapshot_ptr snapshot,
                                    unsigned trailing) {
  raft_effects out;
  if (engine_.snapshot.installing || snapshot->index > applied_
      || snapshot->index <= engine_.trail.snapshot.index)
    return out;
  auto event = event_at(now, RAFT_SNAPSHOT);
  event.snapshot.metadata = metadata_of(*snapshot);
  // A follower must not compact what the leader does not know that it has.
  event.snapshot.trailing =
    std::max(trailing, options_.in_flight_entries_max + 1);
  snapshot_ = std::move(snapshot);
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
  committed_ = std::max<entry_index>(committed_, raft_commit_index(&engine_));
  // 1. What must be durable, before 2. what says so to others.
  collect_storage(update, out);
  if (update.flags & RAFT_UPDATE_MESSAGES)
    for (unsigned i = 0; i < update.messages.n; ++i)
      send(update.messages.batch[i], out);
  if (update.flags & RAFT_UPDATE_STATE)
    out.role_changed = true;
  bool begins = (update.flags & RAFT_UPDATE_STATE) && is_leader();
  bool has_begun = update.flags & RAFT_UPDATE_ENTRIES;
  if (update.flags & (RAFT_UPDATE_TIMEOUT | RAFT_UPDATE_STATE))
    out.wake_at = raft_timeout(&engine_);
  if (update.flags & RAFT_UPDATE_COMMIT_INDEX)
    apply_committed(event.time, out);
  if (begins && is_leader())
    begin_lead(event.time, has_begun, out);
  return 0;
}

void raft_driver::apply_committed(raft_ms now, raft_effects& out) {
  if (engine_.snapshot.installing)
    return;
  auto end = std::min<entry_index>(raft_commit_index(&engine_), last_);
  while (applied_ < end) { // the engine's commit index may step back
    auto committed = entry(applied_ + 1);
    ++applied_;
    applied_term_ = committed.term;
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

entry_index raft_driver::commit_index() const noexcept {
  return committed_;
}

entry_index raft_driver::first_kept() const noexcept {
  return engine_.trail.offset + 1;
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
