// A version byte, a type, who to whom, then the fields of the type.
#include "actors/replication/message_codec.hpp"

#include "actors/core/bytes.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/raft_engine.hpp"

#include <cassert>

namespace callboard {

namespace {

constexpr std::uint8_t format_version = 1;

// Fields in the order in which they are written; each `write` has its `read`.
// The engine's own version of a message travels too: it decides which of its
// fields a receiver looks at.

void write(byte_writer& out, const raft_request_vote& x) {
  out.byte(x.version);
  out.varint(x.term);
  out.varint(x.candidate_id);
  out.varint(x.last_log_index);
  out.varint(x.last_log_term);
  out.byte(std::uint8_t(x.disrupt_leader | x.pre_vote << 1));
}

void read(byte_reader& in, raft_request_vote& x) {
  x.version = in.byte();
  x.term = in.varint();
  x.candidate_id = in.varint();
  x.last_log_index = in.varint();
  x.last_log_term = in.varint();
  auto flags = in.byte();
  x.disrupt_leader = flags & 1;
  x.pre_vote = flags & 2;
}

void write(byte_writer& out, const raft_request_vote_result& x) {
  out.byte(x.version);
  out.varint(x.term);
  out.byte(std::uint8_t(x.vote_granted | x.pre_vote << 1));
  out.varint(x.features);
  out.varint(x.capacity);
}

void read(byte_reader& in, raft_request_vote_result& x) {
  x.version = in.byte();
  x.term = in.varint();
  auto flags = in.byte();
  x.vote_granted = flags & 1;
  x.pre_vote = flags & 2;
  x.features = std::uint16_t(in.varint());
  x.capacity = std::uint16_t(in.varint());
}

void write(byte_writer& out, const raft_append_entries& x) {
  out.byte(x.version);
  out.varint(x.term);
  out.varint(x.prev_log_index);
  out.varint(x.prev_log_term);
  out.varint(x.leader_commit);
}

void read(byte_reader& in, raft_append_entries& x) {
  x.version = in.byte();
  x.term = in.varint();
  x.prev_log_index = in.varint();
  x.prev_log_term = in.varint();
  x.leader_commit = in.varint();
}

void write(byte_writer& out, const raft_append_entries_result& x) {
  out.byte(x.version);
  out.varint(x.term);
  out.varint(x.rejected);
  out.varint(x.last_log_index);
  out.varint(x.features);
  out.varint(x.capacity);
}

void read(byte_reader& in, raft_append_entries_result& x) {
  x.version = in.byte();
  x.term = in.varint();
  x.rejected = in.varint();
  x.last_log_index = in.varint();
  x.features = std::uint16_t(in.varint());
  x.capacity = std::uint16_t(in.varint());
}

void write(byte_writer& out, const raft_timeout_now& x) {
  out.byte(x.version);
  out.varint(x.term);
  out.varint(x.last_log_index);
  out.varint(x.last_log_term);
}

void read(byte_reader& in, raft_timeout_now& x) {
  x.version = in.byte();
  x.term = in.varint();
  x.last_log_index = in.varint();
  x.last_log_term = in.varint();
}

void write(byte_writer& out, const std::vector<log_entry>& entries) {
  out.varint(entries.size());
  for (auto& e : entries) {
    out.varint(e.term);
    out.byte(std::uint8_t(e.kind));
    out.text(e.payload ? std::string_view{*e.payload} : std::string_view{});
  }
}

bool valid(const log_entry& e) {
  switch (e.kind) {
    case entry_kind::command:
    case entry_kind::barrier: return true;
    case entry_kind::configuration: return engine::is_configuration(*e.payload);
  }
  return false;
}

bool read(byte_reader& in, std::vector<log_entry>& entries) {
  auto count = in.count();
  if (count > limits::in_flight_entries_max)
    return false;
  entries.reserve(count);
  while (in.good() && entries.size() < count) {
    log_entry e;
    e.term = in.varint();
    e.kind = entry_kind(in.byte());
    e.payload = std::make_shared<const std::string>(in.text());
    if (!valid(e))
      return false;
    entries.push_back(std::move(e));
  }
  return true;
}

void write(byte_writer& out, const log_snapshot& x) {
  out.varint(x.index);
  out.varint(x.term);
  out.varint(x.configuration_index);
  out.text(x.configuration);
  out.text(x.state);
}

bool read(byte_reader& in, log_snapshot& x) {
  x.index = in.varint();
  x.term = in.varint();
  x.configuration_index = in.varint();
  x.configuration = in.text();
  x.state = in.text();
  return engine::is_configuration(x.configuration);
}

bool read_install(byte_reader& in, peer_message& message) {
  auto& header = message.header.install_snapshot;
  header.version = in.byte();
  header.term = in.varint();
  auto snapshot = std::make_shared<log_snapshot>();
  if (!read(in, *snapshot))
    return false;
  header.last_index = snapshot->index;
  header.last_term = snapshot->term;
  header.conf_index = snapshot->configuration_index;
  message.snapshot = std::move(snapshot);
  return true;
}

bool read_body(byte_reader& in, peer_message& message) {
  auto& header = message.header;
  switch (header.type) {
    case RAFT_APPEND_ENTRIES:
      read(in, header.append_entries);
      if (!read(in, message.entries))
        return false;
      header.append_entries.n_entries = unsigned(message.entries.size());
      return true;
    case RAFT_APPEND_ENTRIES_RESULT:
      return read(in, header.append_entries_result), true;
    case RAFT_REQUEST_VOTE: return read(in, header.request_vote), true;
    case RAFT_REQUEST_VOTE_RESULT:
      return read(in, header.request_vote_result), true;
    case RAFT_INSTALL_SNAPSHOT: return read_install(in, message);
    case RAFT_TIMEOUT_NOW: return read(in, header.timeout_now), true;
  }
  return false;
}

} // namespace

std::string encode(const peer_message& message) {
  std::string bytes;
  byte_writer out{bytes};
  out.byte(format_version);
  out.byte(std::uint8_t(message.header.type));
  out.varint(message.from);
  out.varint(message.to);
  out.varint(message.session);
  out.varint(message.sequence);
  auto& header = message.header;
  switch (header.type) {
    case RAFT_APPEND_ENTRIES:
      write(out, header.append_entries);
      write(out, message.entries);
      break;
    case RAFT_APPEND_ENTRIES_RESULT:
      write(out, header.append_entries_result);
      break;
    case RAFT_REQUEST_VOTE: write(out, header.request_vote); break;
    case RAFT_REQUEST_VOTE_RESULT:
      write(out, header.request_vote_result);
      break;
    case RAFT_INSTALL_SNAPSHOT:
      assert(message.snapshot);
      out.byte(header.install_snapshot.version);
      out.varint(header.install_snapshot.term);
      write(out, *message.snapshot);
      break;
    case RAFT_TIMEOUT_NOW: write(out, header.timeout_now); break;
  }
  return bytes;
}

result<peer_message> decode_message(std::string_view bytes) {
  byte_reader in{bytes};
  if (in.byte() != format_version)
    return in.good() ? errc::unknown_format : errc::corrupt;
  peer_message message;
  auto type = in.byte();
  if (type < RAFT_APPEND_ENTRIES || type > RAFT_TIMEOUT_NOW)
    return errc::corrupt;
  message.header.type = raft_message_type(type);
  message.from = in.varint();
  message.to = in.varint();
  message.session = in.varint();
  message.sequence = in.varint();
  message.header.server_id = message.to;
  if (message.from == 0 || message.to == 0)
    return errc::corrupt;
  if (!read_body(in, message) || !in.good() || !in.at_end())
    return errc::corrupt;
  return message;
}

} // namespace callboard
