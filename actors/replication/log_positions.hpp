// Which entries of the replicated log LMDB has.
#pragma once

#include "actors/core/ids.hpp"
#include "actors/replication/raft_types.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

namespace callboard {

/// LMDB says how far it is by partition; the log is one for all. Remembers what
/// each entry brought to which partition until LMDB has all of it.
class log_positions {
public:
  using partition_ends = std::vector<std::pair<partition_id, log_index>>;

  /// The next entry; `ends` is the last index it has of each partition.
  void add(entry_index index, entry_term term, std::size_t bytes,
           partition_ends ends) {
    waiting_.push_back({index, term, bytes, std::move(ends)});
  }

  /// LMDB has everything up to these indexes, by partition number.
  void flushed(const std::vector<log_index>& indexes) {
    auto there = [&](auto& end) {
      return end.second <= indexes[end.first.value];
    };
    while (!waiting_.empty()) {
      auto& next = waiting_.front();
      if (!std::all_of(next.ends.begin(), next.ends.end(), there))
        return;
      index_ = next.index;
      term_ = next.term;
      bytes_ += next.bytes;
      waiting_.pop_front();
    }
  }

  /// The last entry that LMDB has, with all before it; 0: none since the start.
  entry_index index() const noexcept { return index_; }

  entry_term term() const noexcept { return term_; }

  /// Of the entries since the last call.
  std::size_t bytes() const noexcept { return bytes_; }

  void forget_bytes() noexcept { bytes_ = 0; }

private:
  struct position {
    entry_index index = 0;
    entry_term term = 0;
    std::size_t bytes = 0;
    partition_ends ends;
  };

  std::deque<position> waiting_;
  entry_index index_ = 0;
  entry_term term_ = 0;
  std::size_t bytes_ = 0;
};

} // namespace callboard
