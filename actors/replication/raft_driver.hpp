// One member of a raft group, without I/O: events in, effects out.
#pragma once

#include "actors/core/error.hpp"
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/raft_types.hpp"

#include <deque>
#include <functional>
#include <map>
#include <span>

namespace callboard {

struct raft_options {
  raft_id self = 0;
  unsigned seed = 0; // of the election timeouts; differs between members
  /// Grows with each start of the member; but see `forget_session`.
  std::uint64_t session = 0;
  unsigned election_timeout_ms = unsigned(limits::election_timeout.count());
  unsigned heartbeat_ms = unsigned(limits::heartbeat_interval.count());
  /// Per follower, without an answer.
  unsigned in_flight_entries_max = limits::in_flight_entries_max;
  /// A leader that lost its group keeps at most so many entries that nobody
  /// has. A follower's log is compared one entry a round trip, so such a
  /// leftover costs as many round trips when it comes back.
  unsigned uncommitted_entries_max = limits::uncommitted_entries_max;
  unsigned close_entries_max = limits::close_entries_max;
  std::size_t message_bytes_max = limits::replication_bytes_max;
  std::size_t tail_entries_max = limits::tail_entries_max;
  std::size_t tail_bytes_max = limits::tail_bytes_max;
};

/// What a member finds on its disk when it starts.
struct stored_log {
  hard_state state;
  snapshot_ptr snapshot;
  entry_index first = 1; // of `entries`
  /// Only terms and kinds are used, and the payload of configurations.
  std::vector<log_entry> entries;
};

/// Drives C-raft's `raft_step`. Deterministic: no clock, no disk, no network,
/// no threads; its owner, one actor a group, serialises calls. The engine holds
/// no payload: entries live in the owner's storage and the newest also here.
///
/// Times are monotonic and never go back. Calls throw `std::runtime_error` if
/// the engine reports a broken invariant: the owner then ends and starts again
/// from what is stored.
class raft_driver {
public:
  /// Reads a stored entry. Called only for indexes that were reported `stored`
  /// and are not below `first_kept()`. One that is gone nevertheless is no
  /// error: its follower gets the snapshot instead.
  using entry_reader = std::function<std::optional<log_entry>(entry_index)>;

  raft_driver(const raft_options& options, entry_reader read);
  raft_driver(const raft_driver&) = delete;
  raft_driver& operator=(const raft_driver&) = delete;
  ~raft_driver();

  /// Starts from what is stored. Before that, make `state_for_start` durable.
  raft_effects start(raft_ms now, const stored_log& log);

  /// Appends entries, if this member leads. They are committed when `apply`
  /// brings them back. Errors: `unavailable` if it does not lead, or hands its
  /// lead over; `too_many_in_flight` if too many wait to be committed, or for
  /// this member's own disk.
  result<raft_effects> submit(raft_ms now, std::vector<log_entry> entries);

  /// The time of `wake_at` has come.
  raft_effects timeout(raft_ms now);

  /// Takes a message in. Drops it silently if it is older than one before it,
  /// or if `storage_steps_max` steps are unfinished.
  raft_effects receive(raft_ms now, const peer_message& message);

  /// What comes from `id` from now on is of the process that runs there now.
  /// Its session may be lower than the last one's, if its disk and with it the
  /// count of its starts was lost.
  void forget_session(raft_id id);

  /// The oldest unfinished storage step is durable.
  raft_effects stored(raft_ms now);

  /// `snapshot` is durable. The log may lose its entries but the last
  /// `trailing`, and those that may be in flight: those below `first_kept()`.
  /// Does nothing if a newer snapshot was taken or came in meanwhile.
  raft_effects compacted(raft_ms now, snapshot_ptr snapshot, unsigned trailing);

  // -- the group: raft_driver_members.cpp -----------------------------------

  /// Hands the lead to a voter, 0: to the one that has most. Until that has
  /// happened, or the election timeout has passed, `submit` is refused. Errors:
  /// `unavailable` if this member does not lead, does so already, or no other
  /// voter is in contact; `not_found` if `to` is no other voter.
  result<raft_effects> transfer(raft_ms now, raft_id to);

  /// The changes below go one at a time: `too_many_in_flight` while one is not
  /// yet committed, while a member is caught up, or while those who must agree
  /// are not close to this member's log. `unavailable` if it does not lead or
  /// has not committed anything in its term yet, `not_found`, `already_exists`
  /// and `too_large` by the limits of a cluster.
  ///
  /// A node joins by `add`, `catch_up`, `promote`, each when the one before is
  /// done; it leaves by `transfer` if it leads, `demote`, `remove`.
  ///
  /// `add` makes it a standby; a member that is found elsewhere now gets its
  /// new address. Errors: also `already_exists` if another member has that.
  result<raft_effects> add(raft_ms now, raft_id id,
                           const std::string& address = {});
  result<raft_effects> promote(raft_ms now, raft_id id);

  /// Errors: also `invalid_argument` for the only voter, and for the leader: by
  /// the new configuration it has no vote and asks for none, but without its
  /// own nobody may win, if it is interrupted.
  result<raft_effects> demote(raft_ms now, raft_id id);
  result<raft_effects> remove(raft_ms now, raft_id id);

  /// Watches a standby until it is close enough to be promoted, in rounds.
  /// Aborted after some seconds without an end: call it again.
  result<raft_effects> catch_up(raft_ms now, raft_id id);
  catch_up_state caught_up(raft_ms now, raft_id id) const;

  /// All members of the newest configuration, this one too.
  std::vector<peer_state> peers(raft_ms now) const;
  std::vector<raft_member> members() const;

  /// The newest configuration is committed. Its index.
  bool settled() const noexcept;

  /// All entries up to here are on this node's disk. A commit index may be
  /// beyond: the leader has a majority without this node.
  entry_index stored_index() const noexcept { return engine_.last_stored; }

  entry_index configuration_index() const noexcept;

  /// For a member whose disk was lost, and with it its vote and entries that it
  /// said it had: it grants no vote and asks for none, but takes entries and
  /// snapshots. Begin with `state_after_loss`; set this before `start`, again
  /// after each restart, until it has applied all that a leader's log had when
  /// that leader first heard it after the loss: what it may have said before is
  /// in there, and can no longer arrive. One member at a time, and not the only
  /// voter. Its leader hands over, since the engine would take what it says for
  /// old; so it is caught up only while another voter is in contact.
  void set_recovering(bool on) noexcept { recovering_ = on; }

  /// This member if it leads, else who does in this term; 0: not known.
  raft_id leader() const noexcept;

  bool is_leader() const noexcept;
  entry_term term() const noexcept;

  /// In this term; once messages leave it is durable.
  bool has_voted() const noexcept { return engine_.voted_for != 0; }

  entry_index applied() const noexcept { return applied_; }

  entry_index last_index() const noexcept { return last_; }

  /// The newest entry known to be committed. Never decreases.
  entry_index commit_index() const noexcept;

  /// The oldest entry that the engine may ask for: storage keeps it and all
  /// later ones. Grows with `compacted` and with an installed snapshot.
  entry_index first_kept() const noexcept;

  /// A snapshot from its owner can only be taken now if this is true.
  bool idle() const noexcept;

  /// The configuration to store in a snapshot at `applied()`.
  log_snapshot describe_applied() const;

private:
  struct unfinished_step {
    entry_index first = 0; // 0: no entries, or superseded by a later step
    entry_index last = 0;
    bool has_state = false; // or a configuration: messages wait for it
    snapshot_ptr install;
  };

  struct peer {
    std::uint64_t session = 0; // of its newest message
    std::uint64_t sequence = 0;
    std::optional<raft_ms> heard_at;
    std::uint64_t sent = 0;
    entry_index next = 0;
    bool lost = false; // entries that it had, in this member's term as leader
    std::optional<raft_ms> install_sent_at; // instead of entries that are gone
    entry_index installs = 0; // the snapshot that the engine told it of
  };

  struct handing_over {
    raft_id to = 0;
    raft_ms until = 0;
  };

  void step(raft_event& event, raft_effects& out);
  int try_step(raft_event& event, raft_effects& out);
  int append(raft_ms now, std::vector<log_entry> entries, raft_effects& out);
  void forget_leader();
  int step_with_vote(raft_event& event, raft_effects& out);
  bool elects_itself(raft_ms now) const;
  void claim_term(raft_effects& out);
  void begin_lead(raft_ms now, bool appended, raft_effects& out);
  void collect_storage(const raft_update& update, raft_effects& out);
  void collect_entries(const raft_update& update, storage_step& job);
  void append_to_tail(const storage_step& job);
  void trim_tail();
  void apply_committed(raft_ms now, raft_effects& out);
  std::optional<log_entry> find(entry_index index) const;
  log_entry entry(entry_index index) const;

  bool accept(raft_ms now, const peer_message& message);
  bool accept(const raft_message& header) const;
  std::span<const log_entry>
  without_compacted(raft_append_entries& header,
                    std::span<const log_entry> entries) const;
  void send(const raft_message& message, raft_effects& out);
  void send_entries(peer_message whole, raft_effects& out);
  void fit_in_flight(std::size_t sent_bytes);
  void judge_refusal(raft_id from, raft_append_entries_result& answer,
                     raft_effects& out);
  void send_snapshot_instead(peer_message message, raft_effects& out);
  void describe_snapshot(peer_message& message) const;
  void emit(peer_message message, raft_effects& out);

  errc may_change() const;
  result<raft_effects> change(raft_ms now, std::vector<raft_member> members);
  result<raft_effects> leave(raft_ms now, raft_id id, bool stays);
  bool only_voter() const;
  entry_index match(raft_id id) const;
  bool in_contact(raft_ms now, raft_id id) const;
  bool close(raft_ms now, raft_id id) const;
  raft_id best_successor(raft_ms now) const;
  void continue_transfer(raft_ms now, raft_effects& out);
  void notice_loss(raft_ms now, const peer_message& message, raft_effects& out);

  raft_options options_;
  entry_reader read_;
  ::raft engine_{};
  entry_index applied_ = 0;   // these only grow; the engine's commit index
  entry_index committed_ = 0; // steps back when a snapshot is installed
  entry_term applied_term_ = 0;
  entry_index last_ = 0;
  snapshot_ptr snapshot_; // the newest durable one
  std::deque<log_entry> tail_;
  entry_index tail_first_ = 1;
  std::size_t tail_bytes_ = 0;
  std::deque<unfinished_step> unfinished_;
  unsigned unstored_states_ = 0;      // messages wait for these
  std::deque<peer_message> deferred_; // those messages
  std::map<raft_id, peer> peers_;
  std::optional<handing_over> handing_over_; // until the other has everything
  std::size_t entry_bytes_ = 0;              // about, of the entries sent last
  bool recovering_ = false;
  raft_id leader_ = 0;
  entry_term leader_term_ = 0;
  std::span<const log_entry> incoming_; // payloads of the event in progress
  const raft_entry* incoming_raw_ = nullptr;
  bool incoming_is_stale_ = false; // from a leader of an earlier term
  snapshot_ptr incoming_snapshot_;
};

/// The hard state to make durable before `start`. A member that is its group's
/// only voter must not reuse its term: the engine would lead again in the same
/// one, and a standby could then keep entries that this member lost.
hard_state state_for_start(raft_id self, const stored_log& log);

/// The hard state of a member whose disk was lost. `highest` is the highest
/// term that any other voter was in after this member came back: all of them
/// have to be asked, since the lost vote may be for any of them. The broker
/// does not ask them yet: the simulation does.
hard_state state_after_loss(raft_id self, entry_term highest);

/// A configuration, encoded: the payload of a log's first entry. Of voters
/// without addresses; or of any members, at least one.
std::string encode_voters(std::span<const raft_id> voters);
std::string encode_members(std::span<const raft_member> members);

/// Nothing: these bytes are none, or beyond the limits of a cluster.
std::optional<std::vector<raft_member>>
decode_members(const std::string& bytes);

} // namespace callboard
