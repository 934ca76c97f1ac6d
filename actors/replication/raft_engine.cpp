// Conversions; each allocation here is freed as the table in the header says.
#include "actors/replication/raft_engine.hpp"

#include "actors/core/bytes.hpp"
#include "actors/replication/cluster_limits.hpp"

#include <new>
#include <set>
#include <stdexcept>

namespace callboard::engine {

namespace {

raft_entry to_engine(const log_entry& e, void* batch) {
  raft_entry out{};
  out.term = e.term;
  out.type = static_cast<raft_entry_type>(e.kind);
  out.batch = batch;
  if (e.payload) {
    out.buf.base = const_cast<char*>(e.payload->data());
    out.buf.len = e.payload->size();
  }
  return out;
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t out = 0;
  for (auto at = bytes.size(); at > 0; --at)
    out = out << 8 | std::uint8_t(bytes[at - 1]);
  return out;
}

} // namespace

std::vector<raft_entry> to_engine(std::span<const log_entry> entries,
                                  void* batch) {
  std::vector<raft_entry> out;
  out.reserve(entries.size());
  for (auto& e : entries)
    out.push_back(to_engine(e, batch));
  return out;
}

bool is_configuration(std::string_view bytes) {
  byte_reader in{bytes};
  if (in.byte() != 1) // the engine's version of the encoding
    return false;
  std::set<raft_id> ids;
  std::set<std::string_view> addresses;
  auto servers = little_endian(in.take(8));
  if (servers > limits::cluster_nodes_max)
    return false;
  for (; servers > 0; --servers) {
    auto id = little_endian(in.take(8));
    auto left = bytes.substr(bytes.size() - in.left());
    auto address = in.take(left.find('\0'));
    in.byte(); // its zero
    auto role = in.byte();
    if (!in.good() || id == 0 || !ids.insert(id).second
        || address.size() > limits::member_address_bytes_max
        || !addresses.insert(address).second || role > RAFT_SPARE)
      return false;
  }
  return in.good();
}

raft_configuration decode(const std::string& bytes) {
  raft_configuration out;
  raft_configuration_init(&out);
  raft_buffer buffer{const_cast<char*>(bytes.data()), bytes.size()};
  if (!is_configuration(bytes) || raft_configuration_decode(&buffer, &out) != 0)
    throw std::runtime_error("raft: configuration cannot be decoded");
  return out;
}

std::string encode(const raft_configuration& configuration) {
  raft_buffer buffer{};
  if (raft_configuration_encode(&configuration, &buffer) != 0)
    throw std::bad_alloc{};
  std::string out{static_cast<char*>(buffer.base), buffer.len};
  raft_free(buffer.base);
  return out;
}

std::vector<raft_member> members_of(const raft_configuration& configuration) {
  std::vector<raft_member> out;
  for (unsigned i = 0; i < configuration.n; ++i)
    out.push_back({configuration.servers[i].id,
                   static_cast<member_role>(configuration.servers[i].role),
                   configuration.servers[i].address});
  return out;
}

std::string encode(std::span<const raft_member> members) {
  raft_configuration configuration;
  raft_configuration_init(&configuration);
  for (auto& m : members) {
    auto address = m.address.empty() ? address_of(m.id) : m.address;
    if (raft_configuration_add(&configuration, m.id, address.c_str(),
                               int(m.role))
        != 0)
      throw std::bad_alloc{};
  }
  auto out = encode(configuration);
  raft_configuration_close(&configuration);
  return out;
}

raft_snapshot_metadata metadata_of(const log_snapshot& snapshot) {
  return {snapshot.index, snapshot.term, decode(snapshot.configuration),
          snapshot.configuration_index};
}

raft_event event_at(raft_ms now, raft_event_type type) {
  raft_event event{};
  event.time = now;
  event.type = type;
  return event;
}

std::string address_of(raft_id id) {
  return "member-" + std::to_string(id);
}

} // namespace callboard::engine
