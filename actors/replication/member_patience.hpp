// When a leader that cannot do its work looks for another one.
#pragma once

#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/raft_types.hpp"

#include <algorithm>
#include <optional>

namespace callboard {

/// How long a leader bears with itself: after each try to hand over twice as
/// long, because what ails it may ail all members, and the lead would go round
/// and round. Begins anew once it was well, leading or not. No clock: times are
/// the caller's.
class member_patience {
public:
  /// Whether it is time to try. `ails`: it leads and cannot do its work; who
  /// follows may be neither well nor ailing. Call it now and then.
  bool is_over(bool well, bool ails, raft_ms now) {
    if (well)
      wait_ = shortest;
    if (well || !ails) {
      since_.reset();
      return false;
    }
    if (!since_)
      since_ = now;
    return now - *since_ >= wait_;
  }

  void tried(raft_ms now) {
    since_ = now;
    wait_ = std::min(2 * wait_, longest);
  }

private:
  static constexpr raft_ms shortest = limits::lead_patience_min.count();
  static constexpr raft_ms longest = limits::lead_patience_max.count();

  raft_ms wait_ = shortest;
  std::optional<raft_ms> since_; // it ails
};

} // namespace callboard
