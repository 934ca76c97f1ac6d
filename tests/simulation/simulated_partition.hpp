// A partition without CAF and disks: the cores and rows; where its records go,
// and when they are there, is for others to say.
#pragma once

#include "actors/core/stream_heads.hpp"
#include "actors/core/subscription.hpp"
#include "tests/simulation/stored_rows.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

/// Decides like `partition_actor` and `group_actor`, in one thread. A callback
/// runs when its record, and all before it, are recorded and applied; never if
/// they are lost.
class simulated_partition {
public:
  using done = std::function<void()>;
  using deliveries = std::vector<std::pair<leased_event, event_ptr>>;

  /// Begins with what the rows say, once `restart` is called.
  simulated_partition(stored_rows& rows, std::mt19937_64& choices)
      : on_disk(rows), random(choices) {}

  virtual ~simulated_partition() = default;

  append_reply append(append_request what,
                      std::function<void(append_reply)> then);

  void create(const group_key& key, const group_settings& settings, done then);

  bool has(const group_key& key) const { return groups_.contains(key); }

  subscription& group(const group_key& key) { return groups_.at(key); }

  const std::map<group_key, subscription>& groups() const { return groups_; }

  /// Leases what `peek` says, up to `count`; `then` gets what was delivered.
  void fetch(const group_key& key, std::size_t count,
             std::function<void(const deliveries&)> then);

  /// What `peek` says, as far as it is on disk.
  std::vector<leasable> readable(const group_key& key, std::size_t count,
                                 std::map<position, event_ptr>& found);

  /// Records what a group decided. `applied` runs when the record is on disk,
  /// also if a crash follows and nobody is told.
  void perform(const group_key& key, group_effects todo, done then,
               done applied = {});

  /// A delayed message for one of the groups is due.
  void fire(const delayed_message& message);

  static leasable as_leasable(const position& at, const event& e) {
    return {at, e.id, is_link(e) ? e.data : "", e.give_up_at};
  }

  const stream_row* head(const std::string& name);

  event_ptr committed(const std::string& stream, event_number n) const {
    return on_disk.find(stream, n);
  }

  uuid new_id();

  stored_rows& on_disk;
  std::mt19937_64& random;
  wall_time now{1'000'000};

protected:
  /// An empty record waits for those before it.
  virtual void propose(record what, done then, done applied = {}) = 0;

  /// Forgets what is not in the rows.
  void restart();

private:
  void load(const std::string& name);
  void tell_groups(const std::string& stream);
  void load(const group_key& key, const group_row& row);

  std::optional<stream_heads> heads_;
  std::map<group_key, subscription> groups_;
  std::uint64_t last_group_ = 0;
};

} // namespace callboard::test
