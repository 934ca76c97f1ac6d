// Entries that followers lack and memory does not have any more.
#pragma once

#include "actors/core/error.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/raft_types.hpp"

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <vector>

namespace callboard {

/// Reads stored entries, some at a time: a follower that lags gets one after
/// the other. Those are kept for the next calls, `catch_up_bytes_max` together,
/// so that several followers may be at different places. Its owner serialises
/// calls.
class log_reader {
public:
  /// Entries from an index on, that one at least. May block.
  using source = std::function<result<std::vector<log_entry>>(entry_index)>;

  explicit log_reader(source read,
                      std::size_t bytes_max = limits::catch_up_bytes_max)
      : read_(std::move(read)), bytes_max_(bytes_max) {}

  /// Nothing: it is not stored any more, or cannot be read.
  std::optional<log_entry> find(entry_index index);

  /// Entries from `from` on are replaced.
  void forget(entry_index from);

  /// Nobody lags: lets go of what was read.
  void clear();

  std::size_t bytes() const noexcept { return bytes_; }

private:
  struct run {
    entry_index first = 0;
    std::vector<log_entry> entries;
    std::size_t bytes = 0;
  };

  source read_;
  std::size_t bytes_max_;
  std::list<run> runs_; // used last first
  std::size_t bytes_ = 0;
};

} // namespace callboard
