// Our types to the engine's and back, and who frees what (version 0.22.1).
//
//   SUBMIT, APPEND_ENTRIES     all entries share one `batch`; the engine frees
//                              it if it ignores them; if it returns ENTRIES, we
//                              do; if SUBMIT fails, we do
//   payload of commands        never read: a 1-byte batch stands for it
//   configurations in events   the engine takes them
//   INSTALL_SNAPSHOT           taken, but leaked if one is being installed
#pragma once

#include "actors/replication/raft_types.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace callboard::engine {

/// Entries that share `batch`. Valid while `entries` is.
std::vector<raft_entry> to_engine(std::span<const log_entry> entries,
                                  void* batch);

/// True for what `raft_configuration_decode` reads without error and without
/// leaving `bytes`, within the limits of a cluster: it checks no bounds itself.
bool is_configuration(std::string_view bytes);

/// The caller owns the result. Throws `std::runtime_error` on damaged bytes.
raft_configuration decode(const std::string& bytes);

std::string encode(const raft_configuration& configuration);

std::vector<raft_member> members_of(const raft_configuration& configuration);

/// Bytes that `decode` reads. `members` is not empty.
std::string encode(std::span<const raft_member> members);

/// The caller owns the configuration in it.
raft_snapshot_metadata metadata_of(const log_snapshot& snapshot);

raft_event event_at(raft_ms now, raft_event_type type);

/// The address under which the engine knows the sender of a message, and of a
/// member that has none. Only ids matter to it.
std::string address_of(raft_id id);

} // namespace callboard::engine
