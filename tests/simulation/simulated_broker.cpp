// Cores of both dialects over rows; their clock and their timer.
#include "tests/simulation/simulated_broker.hpp"

#include "actors/core/names.hpp"
#include "actors/replication/log_batch.hpp"
#include "tests/replication/raft_cluster.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace callboard::test {

namespace {

broker_clock::steady steady(raft_ms at) {
  return broker_clock::steady{std::chrono::milliseconds{at}};
}

wall_time last_time(const std::vector<stored_rows>& rows) {
  wall_time out;
  for (auto& one : rows)
    out = std::max(out, one.last_time);
  return out;
}

} // namespace

simulated_broker::simulated_broker(entry_term term,
                                   std::vector<stored_rows>& rows,
                                   const ring& placement,
                                   std::mt19937_64& choices, raft_ms monotonic,
                                   wall_time wall)
    : placement_(placement), random_(choices), term_(term),
      clock_(last_time(rows), wall, steady(monotonic)) {
  for (std::size_t p = 0; p < rows.size(); ++p)
    partitions_.push_back(std::make_unique<replicated_partition>(
      partition_id{p}, rows[p], choices, journal_));
  set_time(monotonic);
  consumers_.emplace(partitions_, placement_, partitions_.front()->now);
}

void simulated_broker::set_time(raft_ms monotonic) {
  for (auto& p : partitions_)
    p->now = clock_.now(steady(monotonic));
}

void simulated_broker::fire_due() {
  for (auto& p : partitions_) {
    auto due = p->on_disk.delayed; // firing changes it
    for (auto& [key, message] : due) {
      auto& not_before = not_before_[{p->id(), message.id}];
      if (std::max(message.due, not_before) > p->now)
        continue;
      not_before = p->now + 1'000;
      for (auto times = 1 + random_() % 2; times > 0; --times) {
        if (message.kind == delayed_kind::session_end)
          consumers_->fire(message);
        else
          p->fire(message);
      }
    }
  }
}

std::shared_ptr<const std::string> simulated_broker::take_batch() {
  if (journal_.empty())
    return nullptr;
  std::vector<journal_entry> all(std::make_move_iterator(journal_.begin()),
                                 std::make_move_iterator(journal_.end()));
  journal_.clear();
  return std::make_shared<const std::string>(encode_batch(all));
}

void simulated_broker::check() const {
  for (auto& p : partitions_)
    for (auto& [key, core] : p->groups())
      if (core.end().value
          != core.row().settled + core.parked() + core.in_flight()
               + core.waiting() + core.ready())
        throw violation(key.group + ": published "
                        + std::to_string(core.end().value) + ", settled "
                        + std::to_string(core.row().settled) + ", parked "
                        + std::to_string(core.parked()) + ", leased "
                        + std::to_string(core.in_flight()) + ", waiting "
                        + std::to_string(core.waiting()) + ", ready "
                        + std::to_string(core.ready()));
}

void simulated_broker::check_drained() const {
  for (auto& p : partitions_) {
    for (auto& [key, message] : p->on_disk.delayed)
      if (message.kind == delayed_kind::lease_end
          || message.kind == delayed_kind::retry_due)
        throw violation("a delayed message is left of " + message.group);
    for (auto& [key, core] : p->groups()) {
      if (core.in_flight() + core.retrying() + core.ready() > 0)
        throw violation(key.group + " is not drained");
      std::set<std::string> parked;
      auto name = parked_stream(key.stream, key.group);
      for (auto n = core.row().replay_end; auto link = p->committed(name, n);
           n = n + 1)
        if (!parked.insert(link->data).second)
          throw violation(key.group
                          + " has parked an event twice: " + link->data);
      if (parked.size() != core.parked())
        throw violation(key.group + " has lost a parked event");
    }
  }
}

} // namespace callboard::test
