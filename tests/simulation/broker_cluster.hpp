// A cluster of brokers in one thread: the log is replicated by the simulated
// raft group, who leads decides, all others apply.
#pragma once

#include "tests/replication/raft_cluster.hpp"
#include "tests/simulation/cluster_clients.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/simulated_broker.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callboard::test {

/// What the broker did in a run, besides what the log went through.
struct broker_report {
  cluster_report log;
  std::size_t leads = 0;     // actors were started
  std::size_t left_over = 0; // entries that actors were told of, and left
  std::size_t images = 0;    // the store, for a member that lagged behind
  client_counts clients;
};

/// Does what `replicated_journal`, the store and `cluster_member` do.
class broker_cluster : private cluster_application, private client_access {
public:
  broker_cluster(const cluster_options& options, std::uint64_t seed);

  broker_report run();

private:
  using rows = std::vector<stored_rows>;

  struct member {
    rows now;
    rows flushed; // what LMDB has: survives a crash
    entry_index flushed_at = 0;
    entry_index at = 0;          // applied, or known to the actors
    entry_term barrier_term = 0; // a leader's own, once it is applied
    std::unique_ptr<simulated_broker> broker;   // while it leads
    std::deque<committed_entry> unapplied;      // that its actors were told of
    std::map<partition_id, log_index> to_tell;  // at the end of this turn
    std::map<partition_id, log_index> told;     // and not yet heard
    std::shared_ptr<const std::string> refused; // comes again
    std::deque<std::function<void()>> mailbox;  // came while it was paused
    std::uint64_t wall_ahead = 0;
  };

  // What the log says.
  void crashed(raft_id id) override;
  void disk_lost(raft_id id) override;
  void started(raft_id id, const log_snapshot* base) override;
  void restored(raft_id id, const log_snapshot& from) override;
  void applied(raft_id id, const committed_entry& what) override;
  void turned(raft_id id) override;
  std::optional<std::string> state(raft_id id) override;
  void time_passed() override;
  void ended() override;

  // What clients ask.
  void request(std::function<void(simulated_broker&)> what) override;
  bool leads_newest(entry_term term) const override;

  void apply(member& m, const committed_entry& what);
  void begin_leading(raft_id id);
  void end_leading(raft_id id);
  void tell_actors(member& m);
  void work(raft_id id);
  void submit(raft_id id);
  void flush(member& m);
  bool reachable(raft_id id) const;

  member& of(raft_id id) { return members_[id - 1]; }

  bool one_in(unsigned n) { return raft_.random()() % n == 0; }

  ring placement_;
  raft_cluster raft_;
  std::vector<member> members_;
  std::map<std::string, std::pair<entry_index, rows>> images_; // of snapshots
  ledger ledger_;
  cluster_clients clients_;
  entry_term newest_term_ = 0; // of all that led
  broker_report report_;
};

} // namespace callboard::test
