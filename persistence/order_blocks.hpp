// The order of all events of a partition, packed into values of one page.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/log_position.hpp"
#include "persistence/database.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace callboard {

/// A block holds consecutive runs of one partition; no run of it lies before
/// the position in its key: `version 1, next 16, { time, index, (offset),
/// stream, number, count }...`, time and index as differences from the run
/// before (the first: from the key). At most 4080 bytes, the checksum included;
/// the last block is filled up in place. Runs whose events are all invisible
/// are dropped, and with the last of them the block: keys and order of the
/// others stay.
///
/// `next` is the key of the block that follows, 0: none. The first block of a
/// partition has the key 0 and is never dropped. So a block that is not found,
/// because its own key is damaged, is missed by the one before it.
namespace order_blocks {

/// Appends runs that lie behind all stored ones; if the last block is damaged
/// or hidden, in a block of their own. Returns how many were written. Errors:
/// as `put_new`.
result<std::size_t> append(write_transaction& into, partition_id p,
                           const std::vector<ordered_run>& runs);

/// Runs that reach into [from, to), at most `count` and a few more of the same
/// block, in the order asked for. Runs on the border are whole. Errors: corrupt
/// (a wrong checksum, a block that is not there).
result<std::vector<ordered_run>> read(const transaction& view, partition_id p,
                                      log_position from, log_position to,
                                      std::size_t count, reading_order order);

/// Examines up to `blocks` blocks from `from` on and drops the runs that
/// `is_dead` says so of. A damaged block is passed over. Returns where to go
/// on, or nothing at the end.
result<std::optional<log_position>>
sweep(write_transaction& in, partition_id p, log_position from,
      std::size_t blocks,
      const std::function<result<bool>(const ordered_run&)>& is_dead);

} // namespace order_blocks

} // namespace callboard
