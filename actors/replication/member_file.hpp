// What a member of a cluster must never forget, besides its log: `DIR/member`.
#pragma once

#include "actors/core/error.hpp"
#include "actors/replication/raft_types.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace callboard {

/// A node's part in the consensus, as its disk has it.
struct member_state {
  raft_id self = 0;
  /// Its disk lost something that it may have acknowledged: it must not vote
  /// before it has caught up with a leader.
  bool recovering = false;
  std::uint64_t starts = 0; // grows with each: the session of its messages
  hard_state vote;
  /// Everything up to here is in LMDB; the log begins behind it. Its `state` is
  /// empty. Index 0: it does not know where its cluster's log begins, nor who
  /// belongs to it; it gets a leader's base, with the store.
  log_snapshot base;
};

/// Nothing: there is no such file. Errors: corrupt, unknown_format,
/// storage_failed.
result<std::optional<member_state>>
load_member(const std::filesystem::path& file);

/// Durable when it returns: the new state or, after an error, the old one.
/// Errors: storage_full, storage_failed.
result<void> save_member(const std::filesystem::path& file,
                         const member_state& state);

} // namespace callboard
