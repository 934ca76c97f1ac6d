// What a simulated cluster has committed: what clients are told is held
// against it.
#pragma once

#include "actors/core/subscription.hpp"
#include "actors/replication/log_batch.hpp"
#include "actors/replication/raft_types.hpp"
#include "tests/simulation/stored_rows.hpp"

#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace callboard::test {

/// Applies each entry once, when the first member does, and checks each record
/// by itself, without the cores: events are numbered and never there twice;
/// attempts count by one and end at 1 + `max_retry_count`; what is settled is
/// not leased, nor is what waits; positions of readers do not go back, and
/// pass over nothing that was not handed out. Throws `violation`.
class ledger {
public:
  explicit ledger(std::size_t partitions) : rows_(partitions) {}

  entry_index at() const { return at_; }

  /// The entry behind the last one; nothing in it if it is no command.
  void committed(entry_index index, std::span<const batch_entry> entries);

  const stored_rows& rows(partition_id p) const { return rows_[p.value]; }

  /// Compares a replica that has applied everything up to `index`.
  void compare(entry_index index, raft_id who,
               const std::vector<stored_rows>& replica) const;

  /// The event is in the stream, as this number.
  void require_stored(partition_id p, const std::string& stream,
                      event_number number, const uuid& id) const;

  /// The lease is recorded, with this attempt.
  void require_leased(partition_id p, group_id group,
                      const leased_event& what) const;

  /// Whether the event will never be delivered again from this position.
  bool settled(partition_id p, const group_key& key, const position& at) const;

  /// A reader got these, and nothing before them is left out: their commit may
  /// follow.
  void handed(const std::string& group, const std::string& stream,
              number_range numbers);

  bool was_handed(const std::string& group, const std::string& stream,
                  event_number n) const;

  /// Where the group reads on by what is committed; 0 if it never did.
  event_number position_of(partition_id p, const std::string& group,
                           const std::string& stream) const;

private:
  void check(partition_id p, const record& what);
  void check_event(partition_id p, const appended_event& what);
  void check_lease(partition_id p, const record& whole, const put_run& what);
  void check_position(partition_id p, const put_position& what);

  std::vector<stored_rows> rows_;
  entry_index at_ = 0;
  std::map<entry_index, std::size_t> digests_;
  std::set<std::tuple<std::uint64_t, std::uint64_t, uuid>> ids_;
  std::set<std::tuple<std::uint64_t, std::uint64_t, position, std::uint32_t,
                      lease_id>>
    leases_; // by partition and group
  std::map<std::pair<std::string, std::string>, std::set<std::uint64_t>>
    handed_; // by consumer group and stream
};

} // namespace callboard::test
