// When memory moves into LMDB, as a function of what there is.
#pragma once

#include <chrono>
#include <cstddef>

namespace callboard {

/// What a flush would write, and what it is bounded by.
struct flush_need {
  std::size_t bytes = 0;     // in memory, not in LMDB
  std::size_t streams = 0;   // that changed
  std::size_t bytes_max = 0; // then whatever else counts for nothing
  bool resting = false;      // after a slow flush
};

/// A small flush holds up the log's for a moment only, a large one for as long
/// as its pages take. But each writes a page of every stream that changed, so
/// with many of them it waits until that is worth it.
bool worth_flushing(const flush_need& need) noexcept;

/// How long a flush that took `spent` is followed by none but a full one: a
/// slow disk is the log's for the most part.
std::chrono::nanoseconds rest_after(std::chrono::nanoseconds spent,
                                    bool succeeded) noexcept;

} // namespace callboard
