// How a node that lags too far behind asks for the store, and gets it.
#pragma once

#include "actors/core/error.hpp"
#include "actors/replication/raft_types.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace callboard {

/// Kinds of a link's frames.
enum class snapshot_frame : std::uint8_t {
  ask = 9,   // the node that lags → the leader
  piece = 10 // the leader → the node that lags
};

/// Asks for the bytes from `offset` on of the copy `copy`. 0: for the beginning
/// of one whose base is behind the entry `offset`, the last of its log.
struct snapshot_ask {
  std::uint64_t copy = 0;
  std::uint64_t offset = 0;

  friend bool operator==(const snapshot_ask&, const snapshot_ask&) = default;
};

/// A part of a copy of LMDB's file, which has everything up to `base`. `copy`
/// 0: there is no such copy, or none can be made; ask again, later.
struct snapshot_piece {
  std::uint64_t copy = 0;
  std::uint64_t size = 0; // of the whole file
  std::uint64_t offset = 0;
  log_snapshot base; // its `state` is empty
  std::string bytes;
};

std::string encode(const snapshot_ask& what);
std::string encode(const snapshot_piece& what);

/// Errors: corrupt, unknown_format.
result<snapshot_ask> decode_snapshot_ask(std::string_view bytes);
result<snapshot_piece> decode_snapshot_piece(std::string_view bytes);

} // namespace callboard
