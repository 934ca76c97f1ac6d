// Messages between members as bytes: what a frame of kind 1 holds.
#pragma once

#include "actors/core/error.hpp"
#include "actors/replication/raft_types.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// The message as bytes: a version, its type, then its fields, integers as
/// LEB128 varints, payloads with their length in front. `message` is one that a
/// driver wants sent.
std::string encode(const peer_message& message);

/// The message again, as `raft_driver::receive` takes it; payloads are copies.
/// Errors: `unknown_format` for another version, `corrupt` for bytes that
/// `encode` never wrote. Reads nothing outside of them, allocates no more than
/// they justify, and lets no configuration through that the engine, which does
/// not check, would read beyond.
result<peer_message> decode_message(std::string_view bytes);

} // namespace callboard
