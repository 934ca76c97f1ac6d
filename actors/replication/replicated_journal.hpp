// The journal of a member of a cluster: what is flushed is on a majority.
#pragma once

#include "actors/replication/log_batch.hpp"
#include "actors/replication/log_disk.hpp"
#include "actors/replication/log_positions.hpp"
#include "actors/replication/log_reader.hpp"
#include "actors/replication/member_change.hpp"
#include "actors/replication/member_patience.hpp"
#include "actors/replication/raft_driver.hpp"
#include "persistence/store.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace callboard {

/// What a member knows of the cluster; from one moment.
struct replication_status {
  raft_id self = 0;
  bool leads = false;      // and its actors serve, or soon will
  bool recovering = false; // see `member_state`
  raft_id leader = 0;      // 0: none is known
  entry_term term = 0;
  entry_index committed = 0;
  entry_index applied = 0;
  entry_index last = 0;
  /// Since its start it led, or got all that was committed when it first heard
  /// a leader.
  bool caught_up = false;
  bool drained = false; // shall not lead
  /// The one of its log, though it may refuse.
  bool disk_answers = true;
  change_status change;
  std::vector<peer_state> peers;
};

/// Who belongs to the group, by the newest configuration that this member has.
struct group_view {
  std::vector<raft_member> members; // none: it does not know yet
  entry_index index = 0;            // of that configuration
  bool settled = false;             // it is committed
  bool recovering = false;          // it may lack newer ones

  friend bool operator==(const group_view&, const group_view&) = default;
};

/// Told once, on the journal's thread; must not block.
using change_told = std::function<void(change_answer)>;

/// Whom the journal tells; all on its own thread, none may block.
struct replication_outlets {
  /// Of this node's actors, while it leads.
  journal_events actors;
  /// To another member; what cannot be sent is lost, and that is fine.
  std::function<void(raft_id to, std::string message)> send;
  /// It leads: everything committed is in the store, which from now on only
  /// the actors apply to. Or it does not any more: end them, then call
  /// `actors_ended`. Also called when a follower hears of another leader.
  std::function<void(bool leads, raft_id leader)> role;
  /// This member lags behind what its leader still has of the log. Until it
  /// starts anew, with the leader's store, it only hears who leads.
  std::function<void()> snapshot_wanted;
  /// Also when it starts. May be missing.
  std::function<void(const group_view&)> members_changed{};
};

/// A raft group of one log for all partitions. A leader's actors append; what
/// waits becomes one entry of the log, and `flushed` is told once that is
/// committed. A follower applies what is committed to the store itself.
///
/// A leader that loses its leadership fails what waits: its outcome is unknown.
class replicated_journal : public journal {
public:
  /// `db` has everything up to `from.state.base`, and outlives the journal. At
  /// most `wal_keep_bytes` of files are kept for others while it leads.
  replicated_journal(stored_member from, std::filesystem::path member_file,
                     raft_options options, store& db,
                     replication_outlets outlets,
                     std::uint64_t wal_keep_bytes = limits::wal_keep_bytes);

  ~replicated_journal() override; // stops

  /// Begins. Call it once; `outlets` are called from now on.
  void start();

  void append(journal_entry entry) override;
  errc refusal() const noexcept override;
  errc publishing_refusal() const noexcept override;

  std::size_t waiting_bytes() const noexcept override { return waiting_; }

  journal_counts counts() const noexcept override { return disk_->counts(); }

  // --- any thread ------------------------------------------------------------

  /// Lets the journal take what was appended: see `journal_events`.
  void wake() { wake_.notify_one(); }

  /// What another member sent.
  void received(std::string message);

  /// A link to or from another member stands anew. If it came from there, what
  /// was received by now is all that an earlier process there sent.
  void connected(raft_id peer);

  /// Whether the actors that are to serve while it leads could be started. If
  /// not, another node shall lead.
  void actors_started(bool well);

  /// The actors that served while it led have ended.
  void actors_ended();

  /// LMDB has everything up to these indexes (by partition number). Also
  /// recycles the wal. On the flusher's thread.
  void release(const std::vector<log_index>& flushed);

  /// Hands leadership over, if it leads; to any that is close if `to` is 0.
  /// `then` hears whether it did; before the actors end. It may be missing.
  void transfer(raft_id to, change_told then = {});

  /// Lets a node in, or out; see `member_change`. `then` hears whether that is
  /// done, under way or refused.
  void change(change_request request, change_told then);

  /// From now on it hands over whenever it leads, as soon as another voter can
  /// lead; or not any more. Forgotten with a restart.
  void drain(bool on);

  replication_status status() const;

  /// What a member that gets the store from here can begin behind: LMDB has
  /// everything up to it.
  log_snapshot base() const;

  /// Ends the threads; what waits is not committed.
  void stop();

private:
  using clock = std::chrono::steady_clock;

  struct input {
    std::vector<std::string> messages;
    std::vector<std::function<void()>> commands;
    std::size_t steps_done = 0;
    bool stopping = false;
  };

  struct submitted {
    entry_index index = 0;
    std::size_t bytes = 0;
  };

  struct hand_over {
    change_told then;
    raft_ms until = 0;
  };

  void run();
  bool has_work() const;
  bool may_submit() const;
  void turn(input in);
  void command(std::function<void()> what);
  void take_message(const std::string& bytes);
  void steps_done(std::size_t count);
  void perform(raft_effects effects);
  void committed(const committed_entry& what);
  void tell_actors();
  void apply_left_over();
  void apply(entry_index at, const std::vector<batch_entry>& entries);
  void submit();
  std::shared_ptr<const std::string> take_batch();
  void fail_waiting();
  void watch_role();
  void begin_leading();
  void watch_hand_over();
  void watch_drain();
  bool hand_to_next();
  void watch_members();
  void note_recovery(const peer_message& message);
  void watch_recovery();
  void watch_start();
  void begin_recovery();
  std::optional<log_entry> stored(entry_index index);
  unsigned readable_before(entry_index base) const;
  void watch_followers();
  void unload(entry_index from, entry_index up_to);
  const char* complaint() const;
  void watch_patience();
  bool base_lacks_members() const;
  void watch_base();
  void advance_base(const std::vector<log_index>& flushed);
  void publish_status();
  raft_ms now() const;

  raft_options options_;
  store& db_;
  replication_outlets outlets_;
  std::unique_ptr<log_disk> disk_;

  // Of the journal's thread.
  stored_log from_;               // the start's: `loaded_` then
  std::vector<log_entry> loaded_; // what the disk had behind `loaded_after_`
  entry_index loaded_after_ = 0;
  log_reader reader_; // of the disk, for what is neither there nor in memory
  std::optional<raft_driver> driver_;
  std::optional<raft_ms> wake_at_;
  std::deque<std::optional<log_snapshot>> steps_; // unfinished; a base's, or
                                                  // the driver's
  bool leads_ = false;
  bool actors_own_store_ = false;
  entry_term barrier_term_ = 0; // a leader's own, once it is applied
  raft_id told_leader_ = 0;
  std::vector<log_index> last_; // submitted; by partition
  std::map<partition_id, log_index> to_tell_;

  /// What the actors have to apply: kept until they have.
  struct unapplied_entry {
    committed_entry what;
    log_positions::partition_ends ends;
  };

  std::deque<unapplied_entry> unapplied_;
  std::shared_ptr<const std::string> refused_batch_; // comes again
  std::deque<submitted> in_flight_;
  std::size_t in_flight_bytes_ = 0;
  log_positions positions_;
  entry_index recovered_at_ = 0;
  std::optional<entry_index> caught_up_at_; // once a leader was heard
  bool caught_up_ = false;
  bool recovering_ = false;
  bool fresh_ = false;      // see `stored_member`; until it knows better
  bool installing_ = false; // what comes now needs a store that is fetched

  bool snapshot_needed_ = false; // a member lacks what cannot be read
  bool actors_failed_ = false;   // when they were started last
  bool actors_starting_ = false; // that is not known of this lead yet
  member_patience patience_;
  member_change change_;
  std::optional<hand_over> hand_over_;
  bool drained_ = false;
  raft_ms drain_at_ = 0;
  raft_ms drain_wait_ = 0; // after the next try
  raft_id handed_to_ = 0;
  std::optional<group_view> told_view_; // without the members

  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> serving_{false}; // = leads_

  mutable std::mutex status_mutex_;
  replication_status status_;
  log_snapshot base_;

  std::mutex mutex_; // what follows
  std::condition_variable wake_;
  std::deque<journal_entry> queue_;
  input input_;
  std::thread thread_;
};

} // namespace callboard
