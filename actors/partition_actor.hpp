// Shell of core/stream_heads: one partition's order, its groups, its waiters.
#pragma once

#include "actors/core/stream_heads.hpp"
#include "actors/core/user_accounts.hpp"
#include "actors/node.hpp"
#include "actors/record_pipeline.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace callboard {

/// Who waits for a stream to grow.
struct stream_waiter {
  event_number number;
  std::uint64_t session = 0;
  wall_time until;
  caf::typed_response_promise<event_number> promise;
};

/// A group of this partition; its actor is spawned when the group is created,
/// and after a restart when it is first needed.
struct group_entry {
  group_id id;
  group_actor actor;   // null: not needed yet, or it ended
  bool ending = false; // it ended, and records of it are on their way
};

/// A consumer group of this partition; its actor is spawned when it is needed.
struct consumer_group_entry {
  consumer_group_actor actor; // null: it ended
  bool ending = false;        // and records of it are on their way
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
  caf::result<bool> visible(wall_time until);
  void wake(std::uint64_t generation);
  void arm(wall_time due);

  // partition_groups.cpp: groups and delayed messages
  caf::result<group_info> command(group_command& what);
  caf::result<group_info> create_group(group_command& what);
  caf::result<delivery_batch_ptr> fetch(fetch_request& what);
  caf::result<settle_reply> settle(settle_request& what);
  caf::result<group_info> info(const group_key& key);
  void cancel(const group_key& key, std::uint64_t session);
  void release(const group_key& key, lease_id lease);
  caf::result<log_index> propose(proposal& what);
  caf::result<bool> fired(const delayed_message& message);
  caf::result<bool> sweep(const delayed_message& message);
  caf::result<bool> taken_over(record todo);
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

  // partition_consumers.cpp
  caf::result<bool> open(open_readers& what);
  caf::result<slice_reply_ptr> poll(slice_poll& what);
  caf::result<bool> commit(group_reader& who);
  void release(const group_reader& who);
  void end_consumer_groups();
  void consumer_group_ended(caf::actor_id who);
  /// The actor of a consumer group, spawned if need be. Errors: unavailable.
  result<consumer_group_actor> consuming(const std::string& group);

  // partition_users.cpp
  caf::result<user_reply> change_user(const user_command& what);
  caf::result<user_infos> users(std::string login);
  errc load_accounts();

  // shared
  /// Why nothing can be decided now, or none. Publishing stops earlier than
  /// what makes room (deletes, metadata, settling).
  enum class effort : std::uint8_t { publishing, making_room };
  errc refusal(effort what) const noexcept;
  errc begin();
  errc load_heads(const std::vector<std::string>& names);
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
  std::optional<record_pipeline> pipeline;
  std::optional<user_accounts> accounts; // from the first change of a user on
  bool rebuilding = false;

  // By stream, then group name.
  std::unordered_map<std::string, std::map<std::string, group_entry>> groups;
  std::set<group_key> being_created;
  std::unordered_map<caf::actor_id, group_key> group_of_actor;
  std::unordered_map<std::string, consumer_group_entry> consumer_groups;
  std::unordered_map<caf::actor_id, std::string> consumer_group_of_actor;
  std::vector<group_restart> restarts;
  std::unordered_map<std::string, std::vector<stream_waiter>> waiters;
  std::uint64_t last_group = 0;
  std::uint64_t next_reader = 0;

  // What the records applied in one flush changed, told once at its end.
  std::map<std::string, stream_row> grown;
  wall_time appended; // the time of the newest events
  delayed_changes timers;
  std::unordered_map<std::string, wall_time> sweeps; // $maxAge, when next

  wall_time armed; // 0: no wake-up is armed
  std::uint64_t armed_generation = 0;
};

/// Serves partition `id` from what is stored. The store must have applied all
/// of the wal.
partition_actor::behavior_type
partition_behavior(partition_actor::stateful_pointer<partition_state> self,
                   partition_id id, node_ptr node, node_actors others);

} // namespace callboard
