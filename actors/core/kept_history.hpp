// Which rows of history a group has, in few bytes: the oldest are to be
// forgotten.
#pragma once

#include "actors/core/group_effects.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace callboard {

/// A row of history. `due`: when it may be forgotten, to the minute.
/// `was_open`: when it could have been before, not all of it was settled.
struct kept_row {
  position first;
  lease_id lease;
  std::uint64_t count = 1;
  wall_time due;
  bool was_open = false;
};

/// Rows in order of `due`, 16 bytes each. Numbers below 2^47, leases below 2^40
/// and times within thirty years of the first are kept; counts up to 2^15 - 1,
/// more than a lease has.
class kept_history {
public:
  /// Precondition: not due before the last one, to the minute.
  void push(const kept_row& row);
  /// Precondition: not empty.
  kept_row pop();

  /// When the next one is due. Precondition: not empty.
  wall_time due() const { return unpacked(rows_.front()).due; }

  std::size_t size() const noexcept { return rows_.size(); }

  void clear() { rows_ = {}; }

  template <class Visit>
  void each(Visit visit) const {
    for (auto& row : rows_)
      visit(unpacked(row));
  }

private:
  struct packed {
    std::uint64_t what = 0;  // number 47, replay 1, count 15, was_open 1
    std::uint64_t lease = 0; // lease 40, due 24: minutes after `base_`
  };

  kept_row unpacked(const packed& row) const;

  wall_time base_;
  std::deque<packed> rows_;
};

} // namespace callboard
