// Dropping from the order of all events what nobody can see any more.
#pragma once

#include "actors/core/record.hpp"
#include "persistence/order_blocks.hpp"

#include <cstddef>

namespace callboard {

/// How far a partition's order has been swept. A pass goes from the oldest
/// block to the newest, some blocks a transaction; it begins when events became
/// invisible, and again at its end if more did meanwhile. Kept in memory: what
/// a restart leaves behind is swept with the next cut, or by `scavenge`.
struct order_sweep {
  bool running = false;
  bool again = false;
  log_position next;

  void events_were_cut() noexcept {
    if (running)
      again = true;
    else
      *this = {true, false, {}};
  }
};

/// Sweeps up to so many blocks on.
result<void> sweep_order(write_transaction& in, partition_id p,
                         order_sweep& how_far, std::size_t blocks);

/// The name of a stream, and its row. Nothing: not known.
result<std::optional<std::string>> stored_name(const transaction& view,
                                               partition_id p, stream_id s);
result<std::optional<stream_row>> stored_stream(const transaction& view,
                                                partition_id p, stream_id s);

} // namespace callboard
