// A raft group in one thread: its clock, network, disks and faults from a seed.
#pragma once

#include "actors/replication/raft_driver.hpp"

#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace callboard::test {

struct cluster_options {
  unsigned members = 3;
  raft_ms run_ms = 60'000; // of virtual time; the last 12 s without faults
  double drop = 0.02;
  double duplicate = 0.0;
  bool reorder = false;
  bool crash = true;
  bool partition = true;
  bool compact = true;
  unsigned disk_ms_max = 8;
  unsigned trailing = 300; // more than the entries in flight
};

/// What happened in a run; `violation` is empty if all was well.
struct cluster_report {
  std::string violation;
  std::uint64_t committed = 0;
  unsigned elections = 0;
  unsigned crashes = 0;
  unsigned compactions = 0;
  unsigned installs = 0;
};

/// Checks while it runs: each index commits with one term and one content on
/// every member; one leader a term. And at the end: there is a leader, and all
/// members have applied the same.
class raft_cluster {
public:
  raft_cluster(const cluster_options& options, std::uint64_t seed);
  ~raft_cluster();
  cluster_report run();

private:
  struct member;
  struct happening; // something that will happen at a time

  enum class kind : std::uint8_t { message, disk, timer, chaos };

  void boot(member& m);
  void crash(member& m);
  void perform(member& m, raft_effects effects);
  void apply(member& m, const committed_entry& committed);
  void restore(member& m, const log_snapshot& snapshot);
  void transmit(const peer_message& message);
  void work_disk(member& m);
  void finish_disk(member& m);
  void compact(member& m);
  void chaos();
  void break_something();
  void heal();
  void submit();
  void check_end();
  void happen(raft_ms at, kind what, member& m,
              std::shared_ptr<peer_message> message = nullptr);
  void dispatch(const happening& h);
  void violated(const std::string& what);

  bool chance(double p) { return below(1'000'000) < unsigned(p * 1e6); }

  unsigned below(unsigned n) { return unsigned(random_() % n); }

  cluster_options options_;
  std::mt19937_64 random_;
  raft_ms now_ = 1000;
  raft_ms quiet_from_;
  std::uint64_t happenings_ = 0;
  std::vector<std::unique_ptr<member>> members_;
  std::priority_queue<happening, std::vector<happening>, std::greater<>> queue_;
  std::set<std::pair<raft_id, raft_id>> cut_;
  std::map<std::pair<raft_id, raft_id>, raft_ms> last_arrival_;
  std::map<entry_index, std::pair<entry_term, std::size_t>> history_;
  std::map<entry_term, raft_id> leaders_;
  unsigned submitted_ = 0;
  cluster_report report_;
};

} // namespace callboard::test
