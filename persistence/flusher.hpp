// How what was applied gets into LMDB: one sorted transaction for all of it.
#pragma once

#include "persistence/database.hpp"
#include "persistence/order_sweep.hpp"
#include "persistence/recent.hpp"
#include "persistence/rows.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace callboard {

/// A partition's part of a flush: what to write, and what LMDB said before.
struct flush_part {
  partition_id partition;
  std::shared_ptr<const generation> what; // null: nothing new
  applied_row row;   // in: before; out: after
  order_sweep sweep; // the same
};

/// Writes all parts and their `applied` rows in one transaction, erases blocks
/// that retention made invisible (as many as were written, and a few more),
/// sweeps the order of events in the same measure, and commits. Nothing of it
/// is there after an error: storage_full, storage_failed, corrupt. Returns
/// whether something to erase or to sweep is left.
result<bool> flush(database& db, std::vector<flush_part>& parts);

/// Erases a slice of the invisible blocks in a transaction of its own. Returns
/// whether blocks to erase are left.
result<bool> trim_slice(database& db);

/// A slice of the sweep of a partition's order, in a transaction of its own.
result<void> sweep_slice(database& db, partition_id p, order_sweep& how_far);

} // namespace callboard
