// Shell of core/stream_heads: one partition's order, its groups, its waiters.
#pragma once

#include "actors/core/limits.hpp"
#include "actors/core/pending_counts.hpp"
#include "actors/core/schedules.hpp"
#include "actors/core/stream_heads.hpp"
#include "actors/core/user_accounts.hpp"
#include "actors/guarded.hpp"
#include "actors/log_limit.hpp"
#include "actors/node.hpp"
#include "actors/record_pipeline.hpp"
#include "actors/wall_ahead.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace callboard {

/// Who waits for a stream to grow.
struct stream_waiter {
  event_number number;
  wall_time until;
  caf::typed_response_promise<event_number> promise;
};

/// Those of one stream, by session: thousands of consumers may wait for the
/// same one, and leave one by one.
using stream_waiters = std::multimap<std::uint64_t, stream_waiter>;

/// A group of this partition; its actor is spawned when the group is created,
/// and after a restart when it is first needed.
struct group_entry {
  group_id id;
  group_actor actor;   // null: not needed yet, or it ended
  bool ending = false; // it ended, and records of it are on their way
};

/// Who of a stream's groups is told of what is published, and what they know.
struct watched_stream {
  std::set<std::string> awaiting; // by name
  event_number first;             // they were told that nothing is below
};

/// A consumer group of this partition; its actor is spawned when it is needed.
struct consumer_group_entry {
  consumer_group_actor actor; // null: it ended
  bool ending = false;        // and records of it are on their way
  std::uint64_t used = 0;     // grows: who was asked last
};

/// A step of a job that moves retries: what its groups have not done yet.
struct retries_step {
  uuid of;
  bulk_job job;
  std::set<delayed_id> asked;
};

/// Who waits until the actors that ran when he asked have ended.
struct group_restart {
  std::set<caf::actor_id> actors;
  caf::typed_response_promise<bool> promise;
};

/// State of one partition actor. It never ends by itself: when something cannot
/// be recorded it forgets what it had only proposed and begins again from its
/// rows (`rebuild`); until its queue is empty it answers `unavailable`.
struct partition_state {
  static inline const char* name = "partition";

  // partition_actor.cpp: streams
  caf::result<append_reply> append(append_request& what);
  caf::result<append_reply> remove(const delete_request& what);
  caf::result<event_page_ptr> read(read_request& what);
  caf::result<stream_description> describe(const std::string& stream);
  void flushed(log_index index);
  void failed(errc why);
  void crashed(const std::exception& error);
  void rebuild();

  // partition_waiting.cpp
  event_number next_of(const std::string& stream) const;
  caf::result<event_number> await(const std::string& stream,
                                  event_number number, std::uint64_t session,
                                  std::uint64_t wait_ms);
  void await(const group_key& key, event_number end);
  void offer(const record& what);
  template <class Tell>
  void each_awaiting(const std::string& stream, Tell tell);
  void tell_groups(const std::string& stream, const stream_row& row);
  caf::result<bool> visible(wall_time until);
  void wake(std::uint64_t generation);
  void arm(wall_time due);

  // partition_groups.cpp: groups and delayed messages
  caf::result<group_info> command(group_command& what);
  caf::result<group_info> create_group(group_command& what);

  /// Hands a request on to the actor of its group.
  template <class Reply, class Atom, class Request>
  caf::result<Reply> to_group(Atom atom, const group_key& key, Request& what) {
    return guarded(
      [&]() -> caf::result<Reply> {
        auto actor = serving(key);
        if (!actor)
          return caf::make_error(actor.error());
        return self->delegate(*actor, atom, std::move(what));
      },
      [this](const std::exception& error) { crashed(error); });
  }

  void cancel(const group_key& key, std::uint64_t session);
  void release(const group_key& key, lease_id lease);
  caf::result<log_index> propose(proposal& what);
  caf::result<bool> fired(const delayed_message& message);
  caf::result<bool> sweep(const delayed_message& message);
  result<event_number> first_younger(const stream_row& head,
                                     wall_time oldest) const;
  caf::result<bool> taken_over(record todo);
  static record_pipeline::done taken_over(caf::typed_response_promise<bool> to);
  void group_applied(const put_group& change);
  void group_erased(const group_key& key);
  group_entry* find(const group_key& key);
  /// The actor of a group, spawned if need be. Errors: not_found, unavailable.
  result<group_actor> serving(const group_key& key);
  void schedule_sweeps(record& what);
  static void absorb(record&& part, record& into);

  // partition_group_actors.cpp: all groups at once
  /// All groups if `stream` is empty.
  caf::result<group_infos> groups_of(const std::string& stream, bool measures);
  caf::result<bool> restart_groups();
  void group_ended(caf::actor_id who);
  bool comes_of_the_let_go() const;

  // partition_consumers.cpp
  caf::result<bool> open(open_readers& what);
  caf::result<slice_reply_ptr> poll(slice_poll& what);
  caf::result<bool> commit(group_reader& who);
  void release(const group_reader& who);
  void end_consumer_groups();
  void end_idlest_consumer_group();
  void end(const consumer_group_entry& entry);
  void consumer_group_ended(caf::actor_id who);
  /// The actor of a consumer group, spawned if need be. Errors: unavailable.
  result<consumer_group_actor> consuming(const std::string& group);

  // partition_schedule.cpp
  caf::result<schedule_reply> schedule(schedule_request& what);
  caf::result<schedule_reply> change_scheduled(const delayed_command& what);
  caf::result<bool> fire_publish(const delayed_message& message);
  /// Replies once what was decided before, and `todo`, is on disk.
  caf::result<schedule_reply> scheduled(record todo, schedule_reply reply);
  /// In the broker's clock. Errors: too_large.
  result<wall_time> due_of(const due_time& when) const;
  wall_time wall_of(wall_time due) const;
  errc load_scheduled(const uuid& of);
  errc load_scheduled(const uuid& of, std::optional<scheduled_row>&& row);
  errc load_scheduled(const schedule_request& what);
  bool takes_effect(const uuid& of, const delayed_message& message);
  /// What a due message is about, with all that deciding needs in memory;
  /// nothing: it has no effect any more. An error: not now; what has to keep
  /// its turn is held.
  result<std::optional<scheduled_body>>
  due_body(const delayed_message& message);
  result<scheduled_event> event_of(const delayed_message& message,
                                   std::uint32_t pieces) const;
  caf::result<bool> fired_in_vain(const delayed_message& message);
  /// Why this one cannot be published now, or none; order is kept.
  errc hold_back(const delayed_message& message);
  /// Returns `why`.
  errc hold(const delayed_message& message, const uuid& of, errc why);
  caf::result<bool> fired_for_good(const delayed_message& message, record todo);

  // partition_recurring.cpp
  caf::result<schedule_reply> schedule(recurring_request& what);
  caf::result<bool> fire_recurring(const delayed_message& message);
  errc without_zone(const delayed_message& message, const scheduled_body& body,
                    const std::string& zone);

  struct recurring_plan {
    occurrence what;
    wall_time due; // of `what.next`; 0: this was the last one
  };

  recurring_plan plan_recurring(const delayed_message& message,
                                const recurrence& rule, std::uint64_t fired,
                                const time_zone& zone) const;

  // partition_bulk.cpp
  caf::result<schedule_reply> begin_bulk(bulk_command& what);
  caf::result<bool> fire_bulk(const delayed_message& message);
  bool change_in_bulk(const bulk_job& job, delayed_id by,
                      const delayed_message& row, record& into);
  /// One job at a time: the oldest that is not finished. Errors: overloaded.
  errc await_turn(delayed_id job);
  /// A row that is there at `now`.
  void note_job(const delayed_message& row, wall_time now);
  /// What was applied, in a record of `now`.
  void note_job(const change& what, wall_time now);
  /// Says how far the job is by now, and when its next step comes.
  void end_bulk_step(bulk_job& job, const uuid& of,
                     const delayed_message& message,
                     const delayed_rows& looked_at, record& into);
  errc give_up_job(const delayed_message& message, const uuid& of, errc why);

  // partition_retries.cpp: jobs that move retries
  caf::result<bool> ask_groups(const delayed_message& message, const uuid& of,
                               bulk_job job, delayed_rows looked_at);
  void groups_answered(const delayed_message& message,
                       const delayed_rows& looked_at, errc worst,
                       caf::typed_response_promise<bool> to);
  /// A group's record that moves what a job asked for also says how many.
  void count_moved(record& what);

  // partition_pending.cpp: how much is waiting, for metrics
  void count_some();
  void tell_pending(const pending_counts::counts& before) const;
  /// The node's counts outlive the partition: what it added is taken back.
  void forget_pending();

  // partition_notices.cpp
  /// Has them told by `$callboard-events`, once `into` is recorded.
  void announce(std::vector<notice>&& what, record& into);
  caf::result<bool> publish_notices(const delayed_message& message);
  void append_notices(const partition_actor& home,
                      const delayed_message& message,
                      caf::typed_response_promise<bool> to);

  // partition_users.cpp
  caf::result<user_reply> change_user(const user_command& what);
  caf::result<user_infos> users(std::string login);
  errc load_accounts();

  // shared
  /// Why nothing can be decided now, or none. Publishing stops earlier than
  /// what makes room (deletes, metadata with bounds, settling).
  enum class effort : std::uint8_t { publishing, making_room };

  static effort effort_of(const append_request& what) noexcept {
    return stream_heads::makes_room(what) ? effort::making_room
                                          : effort::publishing;
  }

  errc refusal(effort what) const noexcept;
  errc begin();
  errc load_heads(const std::vector<std::string>& names);

  /// What refused requests have loaded goes too: no record follows them. Call
  /// it before a decision begins: it would forget what that has loaded.
  void bound_heads() {
    if (pipeline->idle() && heads->heads() > limits::stream_heads_max)
      heads->forget_heads();
  }

  /// The last thing that a handler does: what cannot be recorded is forgotten
  /// at once, by a rebuild.
  void record_or_wait(record what, record_pipeline::done then);
  caf::result<log_index> recorded(record what);
  record_pipeline::done deliver(caf::typed_response_promise<append_reply> to,
                                append_reply reply);
  void applied(const record& what);
  void tell_streams();
  void tell_waiters(const std::string& stream, event_number next, bool gone);

  partition_actor::pointer self = nullptr;
  partition_id id;
  node_ptr node;
  node_actors others;
  std::optional<stream_heads> heads;
  std::optional<schedules> agenda;
  std::optional<record_pipeline> pipeline;
  std::optional<user_accounts> accounts; // from the first change of a user on
  bool rebuilding = false;

  // By stream, then group name.
  std::unordered_map<std::string, std::map<std::string, group_entry>> groups;
  std::unordered_map<std::string, watched_stream> watched;
  std::set<group_key> being_created;
  std::unordered_map<caf::actor_id, group_key> group_of_actor;
  /// Told to end: what they decide may stand on what was never recorded.
  std::set<caf::actor_id> let_go_of;
  std::unordered_map<std::string, consumer_group_entry> consumer_groups;
  std::unordered_map<caf::actor_id, std::string> consumer_group_of_actor;
  std::uint64_t consumer_groups_used = 0; // so often
  std::vector<group_restart> restarts;
  std::unordered_map<std::string, stream_waiters> waiters;
  std::uint64_t last_group = 0;
  std::uint64_t last_notice = 0; // sequence number of its message
  bool notices_bounded = false;  // `$callboard-events` has its policy
  std::uint64_t next_reader = 0;

  // What the records applied in one flush changed, told once at its end.
  std::map<std::string, stream_row> grown;
  wall_time appended; // the time of the newest events
  delayed_changes timers;
  pending_counts pending;
  mutable wall_ahead clocks;
  log_limit log;
  // Events whose publishing was refused: later ones wait for them.
  std::set<std::pair<wall_time, delayed_id>> held_back;
  std::unordered_map<std::string, wall_time> sweeps; // $maxAge, when next
  std::map<delayed_id, retries_step> retry_steps;    // by the job's message
  // By their messages; those that `pending` has come past.
  std::map<delayed_id, uuid> unfinished_jobs;
  delayed_id awaited_job; // told of last

  wall_time armed; // 0: no wake-up is armed
  std::uint64_t armed_generation = 0;
};

/// Serves partition `id` from what is stored. The store must have applied all
/// of the wal.
partition_actor::behavior_type
partition_behavior(partition_actor::stateful_pointer<partition_state> self,
                   partition_id id, node_ptr node, node_actors others);

} // namespace callboard
