// Some journals in one process: real threads and disks, a network of calls.
#pragma once

#include "actors/replication/replicated_journal.hpp"
#include "actors/replication/snapshot_exchange.hpp"
#include "tests/support/temporary_folder.hpp"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace callboard::test {

/// Polls until `holds`, or false when the time is over.
bool eventually(const std::function<bool()>& holds);

class journal_cluster;

/// What is not as a broker has it.
struct journal_limits {
  std::size_t wal_file_bytes = limits::wal_file_bytes;
  std::uint64_t wal_keep_bytes = limits::wal_keep_bytes;
  std::size_t tail_entries_max = limits::tail_entries_max;
  std::size_t tail_bytes_max = limits::tail_bytes_max;
  unsigned election_timeout_ms = 200;
  std::uint64_t disk_bytes_max = 0;
  bool restarts_fetched = true; // false: the test does
};

/// A node: its directory stays when it is stopped. While it leads, a stand-in
/// for its actors appends records, and applies them once they are flushed.
class journal_node {
public:
  /// `joins`: it knows nothing of the others when its disk is empty.
  journal_node(journal_cluster& cluster, raft_id id, bool joins = false)
      : cluster_(cluster), id_(id), joins_(joins) {}

  ~journal_node() { stop(); }

  void start();
  void stop();
  void lose_disk();

  bool leads() const { return leads_; }

  group_view view() const;

  /// Appends a record that puts a user, and others of so many bytes that are
  /// always the same; returns its index, nothing if the node does not lead.
  std::optional<log_index> append(const std::string& login,
                                  std::size_t bytes = 0);

  /// Whether it is committed; nothing: not known yet. False: it may be lost.
  std::optional<bool> outcome(log_index index);

  bool has_user(const std::string& login) const;
  std::size_t users() const;

  /// Time that its journal's thread has worked, once it has led.
  std::chrono::nanoseconds worked() const;

  /// Of its log's files that are in use.
  std::size_t wal_files() const;

  /// How often it asked for a leader's store, and whether it has got it: then
  /// it must be stopped and started.
  int snapshots_wanted() const { return snapshots_wanted_; }

  bool must_restart() const { return must_restart_; }

  temporary_folder folder;
  std::unique_ptr<store> db;
  std::unique_ptr<replicated_journal> log;
  std::unique_ptr<snapshot_exchange> copies;

private:
  member_state first_state() const;
  replication_outlets outlets();
  snapshot_outlets copy_outlets();
  void role(bool leads);
  void flushed(log_index index);
  void failed();

  journal_cluster& cluster_;
  raft_id id_;
  bool joins_;
  std::uint64_t starts_ = 0;
  std::atomic<bool> leads_{false};
  std::atomic<pthread_t> thread_{};
  std::atomic<int> snapshots_wanted_{0};
  std::atomic<bool> must_restart_{false};
  mutable std::mutex mutex_; // what follows
  group_view view_;
  std::map<log_index, record> pending_;
  log_index last_;
  log_index flushed_;
  std::set<log_index> failed_;
};

class journal_cluster {
public:
  explicit journal_cluster(std::size_t nodes, journal_limits limits = {});
  ~journal_cluster();

  journal_node& node(raft_id id) { return *nodes_[id - 1]; }

  /// One more node, which nobody knows yet.
  journal_node& join();

  /// Starts those anew that have fetched a store. Call it while waiting.
  void restart_fetched();

  /// Asks whoever leads until it is done; the last answer, if it never is.
  change_answer change(change_request request);

  /// Of the nodes that there are from the beginning.
  std::vector<raft_id> voters() const;

  /// Waits for a node that leads; null if there is none for long.
  journal_node* leader();

  /// Appends until it is committed somewhere, on whoever leads.
  bool publish(const std::string& login, std::size_t bytes = 0);

  void cut(raft_id id, bool is_cut);
  void deliver(raft_id from, raft_id to, std::string message);
  bool deliver(raft_id from, raft_id to, snapshot_frame kind,
               std::string bytes);

  /// Null: nothing is delivered to it.
  void reach(raft_id id, journal_node* at);

  const journal_limits& limits() const { return limits_; }

private:
  journal_node* at(raft_id from, raft_id to);

  std::mutex mutex_; // what follows but the nodes and limits
  std::set<raft_id> cut_;
  std::map<raft_id, journal_node*> reachable_;
  const journal_limits limits_;
  const std::size_t first_nodes_;

  std::vector<std::unique_ptr<journal_node>> nodes_;
};

} // namespace callboard::test
