// Messages of the driver: what is let in, and how what goes out is filled.
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/raft_engine.hpp"

#include <algorithm>

namespace callboard {

using namespace engine;

namespace {

/// The term in which the sender says that it leads.
std::optional<entry_term> leader_of(const raft_message& header) {
  if (header.type == RAFT_APPEND_ENTRIES)
    return header.append_entries.term;
  if (header.type == RAFT_INSTALL_SNAPSHOT)
    return header.install_snapshot.term;
  return std::nullopt;
}

} // namespace

bool raft_driver::accept(raft_ms now, const peer_message& message) {
  // The engine assumes links that neither reorder nor repeat. Without this a
  // stale answer makes its next index fall below the match index.
  auto& from = peers_[message.from];
  if (message.session < from.session
      || (message.session == from.session && message.sequence <= from.sequence))
    return false;
  from.session = message.session;
  from.sequence = message.sequence;
  from.heard_at = now;
  return unfinished_.size() < limits::storage_steps_max
         && accept(message.header);
}

void raft_driver::forget_session(raft_id id) {
  if (auto known = peers_.find(id); known != peers_.end())
    known->second.session = known->second.sequence = 0;
}

bool raft_driver::accept(const raft_message& header) const {
  switch (header.type) {
    case RAFT_REQUEST_VOTE: return !recovering_;
    case RAFT_TIMEOUT_NOW: return !recovering_;
    case RAFT_REQUEST_VOTE_RESULT:
      // Otherwise the engine reads the wrong member of a union.
      return engine_.state == RAFT_CANDIDATE && !recovering_;
    case RAFT_INSTALL_SNAPSHOT: return !engine_.snapshot.installing; // it leaks
    case RAFT_APPEND_ENTRIES:
    case RAFT_APPEND_ENTRIES_RESULT: break;
  }
  return true;
}

/// A log sent from its beginning fits any other for the engine, which then
/// takes entries that it has compacted for new ones. What a snapshot covers is
/// committed, so every leader has the same.
std::span<const log_entry>
raft_driver::without_compacted(raft_append_entries& header,
                               std::span<const log_entry> entries) const {
  auto& covered = engine_.trail.snapshot;
  if (header.prev_log_index > 0 || entries.empty() || covered.index == 0)
    return entries;
  header.prev_log_index = covered.index;
  header.prev_log_term = covered.term;
  return entries.subspan(std::min<std::size_t>(covered.index, entries.size()));
}

raft_effects raft_driver::receive(raft_ms now, const peer_message& message) {
  raft_effects out;
  if (!accept(now, message))
    return out;
  auto raw = message.header;
  auto from = address_of(message.from);
  raw.server_id = message.from;
  raw.server_address = from.c_str();
  std::vector<raft_entry> entries;
  std::span<const log_entry> sent = message.entries;
  if (raw.type == RAFT_APPEND_ENTRIES) {
    sent = without_compacted(raw.append_entries, sent);
    if (!sent.empty())
      entries = to_engine(sent, raft_malloc(1));
    raw.append_entries.entries = entries.empty() ? nullptr : entries.data();
    raw.append_entries.n_entries = unsigned(entries.size());
  } else if (raw.type == RAFT_INSTALL_SNAPSHOT) {
    raw.install_snapshot.conf = decode(message.snapshot->configuration);
    raw.install_snapshot.data = {raft_malloc(1), 1};
  }
  if (raw.type == RAFT_APPEND_ENTRIES_RESULT && is_leader())
    judge_refusal(message.from, raw.append_entries_result, out);
  auto event = event_at(now, RAFT_RECEIVE);
  event.receive.message = &raw;
  incoming_ = sent;
  incoming_raw_ = entries.data();
  incoming_snapshot_ = message.snapshot;
  auto told = leader_of(message.header);
  incoming_is_stale_ = told && *told < term();
  auto failed = raw.type == RAFT_REQUEST_VOTE ? step_with_vote(event, out)
                                              : try_step(event, out);
  if (failed != 0)
    throw std::runtime_error(std::string{"raft: "} + raft_strerror(failed));
  incoming_ = {};
  incoming_snapshot_ = nullptr;
  incoming_is_stale_ = false;
  if (told && *told == term()) {
    leader_ = message.from;
    leader_term_ = term();
  }
  notice_loss(now, message, out);
  continue_transfer(now, out);
  return out;
}

void raft_driver::send(const raft_message& message, raft_effects& out) {
  peer_message ours;
  ours.from = options_.self;
  ours.to = message.server_id;
  ours.header = message;
  ours.header.server_address = nullptr;
  if (message.type == RAFT_APPEND_ENTRIES)
    return send_entries(std::move(ours), out);
  if (message.type == RAFT_REQUEST_VOTE_RESULT) {
    // The engine repeats the candidate's term when it refuses a pre-vote. One
    // that has most, in an older term, would ask in that term for ever.
    auto& vote = ours.header.request_vote_result;
    if (!vote.vote_granted)
      vote.term = std::max(vote.term, engine_.current_term);
  }
  if (message.type == RAFT_APPEND_ENTRIES_RESULT && incoming_is_stale_) {
    // It is to tell of the newer term. The engine leaves the rest as it was in
    // memory, and the receiver may lead in that very term by now.
    auto& answer = ours.header.append_entries_result;
    answer.rejected = answer.last_log_index = 0;
  }
  if (message.type == RAFT_INSTALL_SNAPSHOT) {
    if (!snapshot_)
      return; // comes again at the next heartbeat
    peers_[ours.to].installs = message.install_snapshot.last_index;
    describe_snapshot(ours);
  }
  emit(std::move(ours), out);
}

void raft_driver::describe_snapshot(peer_message& message) const {
  auto& install = message.header.install_snapshot;
  install.last_index = snapshot_->index;
  install.last_term = snapshot_->term;
  install.conf_index = snapshot_->configuration_index;
  install.conf = {};
  install.data = {};
  message.snapshot = snapshot_;
}

void raft_driver::send_entries(peer_message whole, raft_effects& out) {
  auto& header = whole.header.append_entries;
  auto count = std::exchange(header.n_entries, 0);
  auto next = header.prev_log_index + 1;
  header.entries = nullptr;
  // The engine takes the first entry for one that it has if a snapshot ends
  // with it, finds nothing to send, and tries that for ever.
  if (count == 0 && next == 1 && snapshot_)
    return send_snapshot_instead(std::move(whole), out);
  auto part = whole;
  std::size_t bytes = 0;
  std::size_t all_bytes = 0;
  auto finish = [&] {
    part.header.append_entries.n_entries = unsigned(part.entries.size());
    emit(std::move(part), out);
  };
  for (unsigned i = 0; i < count; ++i, ++next) {
    auto found = find(next);
    if (!found && i == 0)
      return send_snapshot_instead(std::move(whole), out);
    if (!found || all_bytes > limits::catch_up_burst_bytes_max)
      break; // it begins with this one when the follower has those before
    auto& e = *found;
    auto size = e.payload ? e.payload->size() : 0;
    // A configuration that is not first gets a wrong index on the follower.
    bool full = bytes + size > options_.message_bytes_max
                || part.entries.size() == limits::in_flight_entries_max
                || e.kind == entry_kind::configuration;
    if (full && !part.entries.empty()) {
      auto last_term = part.entries.back().term;
      finish();
      part = whole;
      part.header.append_entries.prev_log_index = next - 1;
      part.header.append_entries.prev_log_term = last_term;
      bytes = 0;
    }
    bytes += size;
    all_bytes += size;
    fit_in_flight(size);
    part.entries.push_back(std::move(e));
  }
  finish(); // without entries it is a heartbeat
  peers_[whole.to].next = next;
}

/// The engine counts entries. One that did not leave with those before it
/// costs a refusal, and sending all that is in flight again.
void raft_driver::fit_in_flight(std::size_t sent_bytes) {
  constexpr std::size_t memory = 16; // entries
  entry_bytes_ += sent_bytes / memory;
  entry_bytes_ -= entry_bytes_ / memory;
  auto fit = limits::catch_up_burst_bytes_max / 2
             / std::max<std::size_t>(entry_bytes_, 1);
  auto most = std::size_t{options_.in_flight_entries_max};
  raft_set_max_inflight_entries(
    &engine_, unsigned(std::clamp(fit, std::min<std::size_t>(2, most), most)));
}

/// While a member installs, the engine asks it for the entry of its newest
/// snapshot, and takes a refusal for one only if that is still the snapshot
/// which the member was told of. Our members end when they have a snapshot, and
/// start from it, which may take long: the engine would ask in vain for ever.
void raft_driver::judge_refusal(raft_id from,
                                raft_append_entries_result& answer,
                                raft_effects& out) {
  auto& installs = peers_[from].installs;
  if (installs == 0 || answer.term != term())
    return;
  if (answer.rejected == 0) {
    if (answer.last_log_index >= installs)
      installs = 0;
    return;
  }
  auto last = std::min(answer.last_log_index, answer.rejected - 1);
  // If it has what it was told of, and what follows is still in the log, it
  // only has to say so: it is asked for its last entry. If that is another one,
  // it says that it has those before it, down to what it was told of.
  auto same =
    last >= installs && last >= first_kept() ? find(last) : std::nullopt;
  if (!same) { // it is told again
    answer.rejected = std::exchange(installs, 0);
    answer.last_log_index = std::min(last, answer.rejected - 1);
    return;
  }
  peer_message question;
  question.from = options_.self;
  question.to = from;
  question.header.type = RAFT_APPEND_ENTRIES;
  auto& asked = question.header.append_entries;
  asked.term = term();
  asked.prev_log_index = last;
  asked.prev_log_term = same->term;
  asked.leader_commit = raft_commit_index(&engine_);
  emit(std::move(question), out);
}

void raft_driver::send_snapshot_instead(peer_message message,
                                        raft_effects& out) {
  // The engine believes that the entry is there: it knows only terms. So it
  // goes on asking for it until the follower says that it has a later one.
  auto gone = message.header.append_entries.prev_log_index + 1;
  if (!snapshot_ || snapshot_->index < gone) {
    out.snapshot_needed = true;
    // It takes a while to make; the follower must hear that there is a leader.
    return emit(std::move(message), out);
  }
  auto& sent_at = peers_[message.to].install_sent_at;
  if (sent_at && engine_.now - *sent_at < options_.election_timeout_ms) {
    // Installing may take long; the follower must hear that there is a leader.
    auto& header = message.header.append_entries;
    header.prev_log_index = snapshot_->index;
    header.prev_log_term = snapshot_->term;
    return emit(std::move(message), out);
  }
  sent_at = engine_.now;
  auto term = message.header.append_entries.term;
  message.header.type = RAFT_INSTALL_SNAPSHOT;
  message.header.install_snapshot = {};
  message.header.install_snapshot.term = term;
  describe_snapshot(message);
  emit(std::move(message), out);
}

void raft_driver::emit(peer_message message, raft_effects& out) {
  message.session = options_.session;
  message.sequence = ++peers_[message.to].sent;
  // No message leaves before the term or vote that it speaks of is durable.
  if (unstored_states_ == 0)
    return out.send.push_back(std::move(message));
  deferred_.push_back(std::move(message));
  if (deferred_.size() > limits::deferred_messages_max)
    deferred_.pop_front(); // as if it was lost
}

} // namespace callboard
