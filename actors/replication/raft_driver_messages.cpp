// Messages of the driver: what is let in, and how what goes out is filled.
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/raft_engine.hpp"

namespace callboard {

using namespace engine;

bool raft_driver::accept(const peer_message& message) {
  // The engine assumes links that neither reorder nor repeat. Without this a
  // stale answer makes its next index fall below the match index.
  auto& heard = heard_[message.from];
  if (message.session < heard.session
      || (message.session == heard.session
          && message.sequence <= heard.sequence))
    return false;
  heard = {message.session, message.sequence};
  // Otherwise the engine reads the wrong member of a union.
  if (message.header.type == RAFT_REQUEST_VOTE_RESULT)
    return raft_state(&engine_) == RAFT_CANDIDATE;
  if (message.header.type == RAFT_INSTALL_SNAPSHOT)
    return !engine_.snapshot.installing;
  return true;
}

raft_effects raft_driver::receive(raft_ms now, const peer_message& message) {
  raft_effects out;
  if (!accept(message))
    return out;
  auto raw = message.header;
  auto from = address_of(message.from);
  raw.server_id = message.from;
  raw.server_address = from.c_str();
  std::vector<raft_entry> entries;
  if (raw.type == RAFT_APPEND_ENTRIES) {
    auto* batch = message.entries.empty() ? nullptr : raft_malloc(1);
    entries = to_engine(message.entries, batch);
    raw.append_entries.entries = entries.empty() ? nullptr : entries.data();
    raw.append_entries.n_entries = unsigned(entries.size());
  } else if (raw.type == RAFT_INSTALL_SNAPSHOT) {
    raw.install_snapshot.conf = decode(message.snapshot->configuration);
    raw.install_snapshot.data = {raft_malloc(1), 1};
  }
  auto event = event_at(now, RAFT_RECEIVE);
  event.receive.message = &raw;
  incoming_ = message.entries;
  incoming_raw_ = entries.data();
  incoming_snapshot_ = message.snapshot;
  step(event, out);
  incoming_ = {};
  incoming_snapshot_ = nullptr;
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
  if (message.type == RAFT_INSTALL_SNAPSHOT) {
    if (!snapshot_)
      return; // comes again at the next heartbeat
    auto& install = ours.header.install_snapshot;
    install.last_index = snapshot_->index;
    install.last_term = snapshot_->term;
    install.conf_index = snapshot_->configuration_index;
    install.conf = {};
    install.data = {};
    ours.snapshot = snapshot_;
  }
  emit(std::move(ours), out);
}

void raft_driver::send_entries(peer_message whole, raft_effects& out) {
  auto& header = whole.header.append_entries;
  auto count = std::exchange(header.n_entries, 0);
  auto next = header.prev_log_index + 1;
  header.entries = nullptr;
  auto part = whole;
  std::size_t bytes = 0;
  auto finish = [&] {
    part.header.append_entries.n_entries = unsigned(part.entries.size());
    emit(std::move(part), out);
  };
  for (unsigned i = 0; i < count; ++i, ++next) {
    auto e = entry(next);
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
    part.entries.push_back(std::move(e));
  }
  finish(); // without entries it is a heartbeat
}

void raft_driver::emit(peer_message message, raft_effects& out) {
  message.session = options_.session;
  message.sequence = ++sent_[message.to];
  // No message leaves before the term or vote that it speaks of is durable.
  auto& queue = unstored_states_ > 0 ? deferred_ : out.send;
  queue.push_back(std::move(message));
}

} // namespace callboard
