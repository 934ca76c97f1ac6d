// Events packed into values of one page, in the order of their stream.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/event.hpp"
#include "persistence/database.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// A block holds consecutive events of one stream, the key says from which
/// number on: `version 1, checksum of the key 4, { length, event, checksum 4
/// }...`, at most 4080 bytes. The last block of a stream is filled up in place.
/// An event that is longer than a block lies alone in pieces: piece 0 is
/// `version 2, checksum of the key, length` and the first bytes, the others are
/// `version 3, checksum of the key` and bytes. An event's checksum (XXH3, 32 of
/// its bits) covers its block's key, its number and itself. All are checked
/// whenever a block is read.
namespace blocks {

/// Appends events of one stream, which follow each other, to `table::events`.
/// A last block that is damaged is left as it is. Errors: as `put_new`
/// (corrupt: another block lost its place and lies there).
result<void> append(write_transaction& into, partition_id p, stream_id s,
                    const std::vector<event_ptr>& events);

/// Reads events [from, end) in order into `out`, until `bytes_max` is reached
/// (after at least one event). Numbers that are not stored are skipped over.
/// Errors: corrupt (a wrong checksum, a gap inside a block), storage_failed.
result<void> read(const transaction& view, partition_id p, stream_id s,
                  event_number from, event_number end, std::size_t bytes_max,
                  std::vector<event_ptr>& out);

/// Whether a row was written under its key; its events may be damaged.
bool in_place(const row_view& row);

/// Erases blocks whose events all lie below `first`; at most `count` rows, from
/// the oldest on, over those that are damaged. Returns how many; fewer than
/// `count`: nothing is left.
result<std::size_t> trim(write_transaction& from, partition_id p, stream_id s,
                         event_number first, std::size_t count);

} // namespace blocks

/// 32 bits of XXH3 over some bytes.
std::uint32_t checksum(std::string_view bytes, std::uint64_t seed) noexcept;

} // namespace callboard
