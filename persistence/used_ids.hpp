// Ids that must not be given again.
#pragma once

#include "actors/core/record.hpp"

namespace callboard {

/// The highest ids ever used in a partition.
struct used_ids {
  stream_id stream;
  group_id group;
  std::uint64_t schedules = 0; // sequence numbers, see `delayed_ids`
  std::uint64_t notices = 0;

  /// Takes in those that a record uses, or that others used.
  void raise(const record& what) noexcept;
  void raise(const used_ids& others) noexcept;
  void raise(delayed_id id) noexcept;

  friend bool operator==(const used_ids&, const used_ids&) = default;
};

} // namespace callboard
