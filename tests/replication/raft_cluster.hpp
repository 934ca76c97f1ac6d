// A raft group in one thread: its clock, network, disks and faults from a seed.
#pragma once

#include "actors/replication/raft_driver.hpp"

#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace callboard::test {

/// Faults are chances: of a message, or of each 5 to 25 ms.
struct cluster_options {
  unsigned members = 3;
  unsigned outsiders = 0;  // more nodes, which may become members
  raft_ms run_ms = 60'000; // of virtual time; the last 12 s without faults
  double drop = 0.02;
  double duplicate = 0.0;
  bool reorder = false;
  double crash = 0.01; // what was not stored is lost
  double partition = 0.01;
  double compact = 0.02;
  double pause = 0.0;      // nothing runs, then time jumps
  double clock_jump = 0.0; // of one node's clock, forward
  double full_disk = 0.0;  // no step finishes for a while
  double transfer = 0.0;
  double change = 0.0;    // of members
  double lose_disk = 0.0; // one at a time
  double gone = 0.0;      // storage lost entries that its snapshot covers
  bool install_ends = false; // who has a snapshot starts from it, as our nodes
  unsigned disk_ms_max = 8;
  std::size_t message_bytes_max = 64; // many small messages
  unsigned in_flight_entries = limits::in_flight_entries_max;
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
  unsigned transfers = 0;
  unsigned changes = 0;
  unsigned lost_disks = 0;
  unsigned recovered = 0;
  unsigned pauses = 0;
  unsigned full_disks = 0;
};

/// Thrown by an application that finds a promise broken.
struct violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the members apply their log to, and who submits to it. Calls come one
/// at a time, in order of virtual time.
class cluster_application {
public:
  virtual ~cluster_application() = default;

  /// Nothing of the member is left but what it stored; or not even that.
  virtual void crashed(raft_id id) = 0;
  virtual void disk_lost(raft_id id) = 0;

  /// The member's log begins behind `base` (null: with its first entry); what
  /// it stored on its own may be ahead of that.
  virtual void started(raft_id id, const log_snapshot* base) = 0;

  /// From now on the member's state is the one of this snapshot.
  virtual void restored(raft_id id, const log_snapshot& from) = 0;
  virtual void applied(raft_id id, const committed_entry& what) = 0;

  /// After each turn of a member: it may lead now, or lead no more.
  virtual void turned(raft_id id) = 0;

  /// What stands for its state with everything applied, durably; nothing if
  /// that cannot be had at the moment.
  virtual std::optional<std::string> state(raft_id id) = 0;

  /// Some milliseconds have passed: submits, if it likes.
  virtual void time_passed() = 0;
  virtual void ended() = 0;
};

/// Checks while it runs: each index commits with one term and one content on
/// every member; one leader a term; what a leader says is committed is stored
/// by a majority; logs with the same entry are the same before it. And at the
/// end: there is a leader, it commits, and all members have applied the same.
class raft_cluster {
public:
  /// Without an application its members apply commands without a meaning.
  raft_cluster(const cluster_options& options, std::uint64_t seed,
               cluster_application* application = nullptr);
  ~raft_cluster();
  cluster_report run();

  // -- for the application ----------------------------------------------------

  raft_ms now() const { return now_; }

  /// Faults are over.
  bool quiet() const { return now_ > quiet_from_; }

  /// A node's own, which never goes back.
  raft_ms clock(raft_id id) const { return clock(*nodes_[id - 1]); }

  std::size_t nodes() const { return nodes_.size(); }

  /// Null while the node is down.
  const raft_driver* driver(raft_id id) const {
    return nodes_[id - 1]->driver.get();
  }

  bool paused(raft_id id) const { return nodes_[id - 1]->paused_until > now_; }

  /// False if the member does not take it: it does not lead, or not alone.
  bool submit(raft_id id, std::shared_ptr<const std::string> payload);

  std::mt19937_64& random() { return random_; }

private:
  /// Survives a crash: `disk`, `recovering`, `caught_up_at`. Lost: the rest.
  struct node {
    raft_id id = 0;
    stored_log disk;
    bool recovering = false;
    entry_index caught_up_at = 0;        // 0: no leader has heard it yet
    std::unique_ptr<raft_driver> driver; // null while it is down
    unsigned life = 0;
    raft_ms clock_ahead = 0;
    raft_ms wake_at = 0; // by its own clock
    raft_ms paused_until = 0;
    raft_ms disk_full_until = 0;
    std::deque<storage_step> disk_queue;
    std::size_t disk_busy_with = 0; // of those, with one flush
    std::size_t state_hash = 0;
    bool snapshot_needed = false;
    entry_index unreadable_below = 0;

    std::optional<log_entry> read(entry_index index) const;
    entry_term durable_term(entry_index index) const; // 0: not there
  };

  enum class kind : std::uint8_t { message, disk, timer, chaos };

  struct happening {
    raft_ms at = 0;
    std::uint64_t order = 0;
    kind what = kind::chaos;
    raft_id to = 0;
    unsigned life = 0;
    std::shared_ptr<peer_message> message;

    bool operator>(const happening& other) const {
      return std::pair{at, order} > std::pair{other.at, other.order};
    }
  };

  // The world: raft_cluster.cpp
  raft_ms clock(const node& n) const { return now_ + n.clock_ahead; }

  void boot(node& n);
  void perform(node& n, raft_effects effects);
  void transmit(const peer_message& message);
  void deliver(node& n, const peer_message& message);
  void work_disk(node& n);
  void finish_disk(node& n);
  void store(node& n, const storage_step& job);
  void happen(raft_ms at, kind what, node& n,
              std::shared_ptr<peer_message> message = nullptr);
  void dispatch(const happening& h);

  // What goes wrong in it: raft_cluster_faults.cpp
  void chaos();
  void break_something();
  void break_node(node& n);
  void heal();
  void crash(node& n);
  void lose_disk(node& n);
  void partition();
  void compact(node& n);
  void submit_commands();
  void change_members(node& leader);

  // What must hold: raft_cluster_checks.cpp
  void apply(node& n, const committed_entry& committed);
  void restore(node& n, const log_snapshot& snapshot);
  void check_leader(node& n);
  void check_stored_by_majority(const node& leader, const committed_entry& c);
  void check_logs();
  void check_logs(const node& a, const node& b);
  void check_recovery(node& n);
  void check_end();
  void violated(const std::string& what);
  std::string describe(const node& n) const;

  bool chance(double p) { return below(1'000'000) < unsigned(p * 1e6); }

  unsigned below(unsigned n) { return unsigned(random_() % n); }

  node& any() { return *nodes_[below(unsigned(nodes_.size()))]; }

  cluster_options options_;
  cluster_application* application_;
  std::mt19937_64 random_;
  raft_ms now_ = 1000;
  raft_ms quiet_from_;
  std::uint64_t happenings_ = 0;
  std::vector<std::unique_ptr<node>> nodes_;
  std::priority_queue<happening, std::vector<happening>, std::greater<>> queue_;
  std::set<std::pair<raft_id, raft_id>> cut_;
  std::map<std::pair<raft_id, raft_id>, raft_ms> last_arrival_;
  std::map<entry_index, std::pair<entry_term, std::size_t>> history_;
  std::map<entry_term, raft_id> leaders_;
  std::optional<entry_index> committed_late_; // some time before the end
  unsigned submitted_ = 0;
  cluster_report report_;
};

} // namespace callboard::test
