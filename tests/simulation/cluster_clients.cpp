// Who publishes and consumes what in a simulated cluster.
#include "tests/simulation/cluster_clients.hpp"

#include "actors/core/topics.hpp"
#include "tests/replication/raft_cluster.hpp"

namespace callboard::test {

namespace {

const std::string readers = "readers";
const std::vector<std::string> topics = {"orders", "bills"};

group_settings settings_of(std::int32_t timeout_ms, std::int32_t retries,
                           std::vector<std::uint32_t> delays = {}) {
  group_settings out;
  out.message_timeout_ms = timeout_ms;
  out.max_retry_count = retries;
  out.retries.delays_ms = std::move(delays);
  return out;
}

} // namespace

cluster_clients::cluster_clients(client_access& cluster, ledger& log,
                                 const ring& placement,
                                 std::mt19937_64& choices)
    : world_{cluster, log, placement, choices} {
  std::vector<std::string> parts;
  for (auto& topic : topics)
    for (std::size_t p = 0; p < placement.partitions(); ++p)
      parts.push_back(topic_stream(placement, topic, {p}));
  publishers_.emplace_back(world_, "p1", std::vector<std::string>{"s1", "s2"},
                           false);
  publishers_.emplace_back(world_, "p2", std::vector<std::string>{"s1"}, false);
  publishers_.emplace_back(world_, "p3", parts, false);
  publishers_.emplace_back(world_, "p4", parts, false);
  publishers_.emplace_back(world_, "p5", std::vector<std::string>{"unread"},
                           true);
  groups_.emplace_back(world_, group_key{"s1", "a"}, settings_of(400, 2));
  groups_.emplace_back(world_, group_key{"s1", "b"},
                       settings_of(900, 1, {200, 700}));
  groups_.emplace_back(world_, group_key{"s2", "c"}, settings_of(600, 0));
  groups_.emplace_back(world_, group_key{topics[0], "d"},
                       settings_of(1'500, 3, {100}));
  consumers_.emplace_back(world_, consumer_key{"x"}, readers,
                          std::vector{topics[0]});
  consumers_.emplace_back(world_, consumer_key{"y"}, readers, topics);
  consumers_.emplace_back(world_, consumer_key{"z", readers}, readers, topics);
}

void cluster_clients::act(raft_ms now, bool calm) {
  world_.now = now;
  world_.calm = calm;
  for (auto& one : publishers_)
    one.act();
  for (auto& one : groups_)
    one.act();
  for (auto& one : consumers_)
    one.act();
}

void cluster_clients::check_end() const {
  for (auto& one : publishers_)
    one.check_end();
  for (auto& one : groups_)
    one.check_end();
  for (auto& topic : topics)
    for (std::size_t p = 0; p < world_.placement.partitions(); ++p) {
      auto part = topic_stream(world_.placement, topic, {p});
      for (event_number n; world_.log.rows({p}).find(part, n); n = n + 1)
        if (!world_.log.was_handed(readers, part, n))
          throw violation(
            "record " + std::to_string(n.value) + " of " + part
            + " was never handed out; committed up to "
            + std::to_string(world_.log.position_of({p}, readers, part).value));
    }
}

} // namespace callboard::test
