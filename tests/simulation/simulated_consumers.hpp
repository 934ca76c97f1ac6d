// Who is registered to consume topics at the node that leads, and their polls.
#pragma once

#include "actors/core/membership.hpp"
#include "actors/core/ring.hpp"
#include "tests/simulation/replicated_partition.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace callboard::test {

/// What a poll gave, by partition.
using poll_answer = std::map<partition_id, slice_answer>;

/// Decides like `membership_actor` and `consumer_actor`. A callback runs when
/// what it tells is recorded; never if that is lost.
class simulated_consumers {
public:
  using partitions = std::vector<std::unique_ptr<replicated_partition>>;

  simulated_consumers(partitions& all, const ring& placement, wall_time now);

  /// `then` hears which reader polls for the consumer from now on.
  void join(const join_request& what, std::function<void(reader_id)> then);

  /// Commits first what the reader was handed last.
  void leave(const consumer_key& key, reader_id reader,
             std::function<void()> then);

  /// Nothing: there is no such consumer.
  void poll(const consumer_key& key, reader_id reader,
            std::function<void(std::optional<poll_answer>)> then);
  void commit(const consumer_key& key, reader_id reader,
              std::function<void(std::optional<poll_answer>)> then);

  /// The reader's answer did not leave.
  void give_back(const consumer_key& key, reader_id reader);

  /// A session may be over.
  void fire(const delayed_message& message);

private:
  struct consumer {
    member_epoch epoch;
    std::map<partition_id, std::vector<std::string>> parts;
    std::map<reader_id, std::set<partition_id>> handed;
  };

  using told = std::function<void(std::optional<poll_answer>)>;

  wall_time now() const { return partitions_.front()->now; }

  void enqueue(std::function<void()> change);
  void next();
  void record(std::vector<change> what, std::function<void()> then);
  void open_all(const join_request& what, std::function<void()> then);
  void finish_join(const join_request& what,
                   const std::function<void(reader_id)>& then);
  void deal(const std::string& group);
  void ask(const consumer_key& key, reader_id reader, bool reads, told then);

  partitions& partitions_;
  const ring& placement_;
  membership core_;
  std::map<consumer_key, consumer> consumers_;
  member_epoch epoch_;
  std::deque<std::function<void()>> changes_;
};

} // namespace callboard::test
