// The actors of a node, from the beginning to the end of its lead.
#pragma once

#include "actors/core/clock.hpp"
#include "actors/replication/raft_types.hpp"
#include "tests/simulation/simulated_consumers.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

/// All partitions, built from a member's rows, and what they have to record.
class simulated_broker {
public:
  /// `monotonic` and `wall` are the node's clocks now.
  simulated_broker(entry_term term, std::vector<stored_rows>& rows,
                   const ring& placement, std::mt19937_64& choices,
                   raft_ms monotonic, wall_time wall);

  entry_term term() const { return term_; }

  simulated_partition& home_of(const std::string& stream) {
    return *partitions_[placement_.home_of(stream).value];
  }

  replicated_partition& partition(partition_id p) {
    return *partitions_[p.value];
  }

  simulated_consumers& consumers() { return *consumers_; }

  void set_time(raft_ms monotonic);

  /// Sends what is due where it belongs, as the timer does: from the rows,
  /// perhaps twice, and again if it is still there after a second.
  void fire_due();

  /// What waits to be recorded, as one entry of the log; null: nothing.
  std::shared_ptr<const std::string> take_batch();

  void flushed(partition_id p, log_index index) { partition(p).flushed(index); }

  /// published = settled + parked + leased + waiting + ready, for each group.
  void check() const;

  /// Everything was delivered and acked, or is parked, once.
  void check_drained() const;

private:
  const ring& placement_;
  std::mt19937_64& random_;
  entry_term term_;
  broker_clock clock_;
  std::deque<journal_entry> journal_;
  simulated_consumers::partitions partitions_;
  std::optional<simulated_consumers> consumers_;
  std::map<std::pair<partition_id, delayed_id>, wall_time> not_before_;
};

} // namespace callboard::test
