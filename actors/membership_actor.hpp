// Shell of core/membership: one change after the other; consumers' actors.
#pragma once

#include "actors/consumer_connections.hpp"
#include "actors/core/consumer_requests.hpp"
#include "actors/node.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace callboard {

/// The partitions, once they are there; empty when they are not any more.
using partition_table = std::function<std::vector<partition_actor>()>;

/// Who asked for a poll that may wait.
using waiting_asker =
  std::shared_ptr<caf::typed_response_promise<poll_reply_ptr>>;

/// State of the membership actor. Changes of members are recorded one after the
/// other; polls are handed on at once. It hears when one that may wait is
/// answered, since until then its consumer is not silent. When a change cannot
/// be recorded it begins again from the rows.
struct membership_state {
  static inline const char* name = "membership";

  caf::result<join_reply> join(join_request& what);
  caf::result<bool> leave(consumer_ref& who, bool commit);
  caf::result<bool> fired(const delayed_message& message);
  caf::result<poll_reply_ptr> poll(poll_request& what);
  caf::result<poll_reply_ptr> begin_wait(const consumer_actor& actor,
                                         poll_request& what);
  caf::result<bool> commit(const consumer_ref& who);
  caf::result<bool> touch(const consumer_key& key);
  void cancel(const consumer_key& key, std::uint64_t session);
  void stop();

  /// Builds `core` from the rows, if it is not there.
  errc begin();

  // Changes; each calls `next` when it has ended.
  bool enqueue(std::function<void()> run);
  void next();
  void open_then(const join_request& what, std::function<void(errc)> then);
  void record(std::vector<change> changes, std::function<void(errc)> then);
  void finish_join(const join_request& what, join_outcome outcome,
                   caf::typed_response_promise<join_reply> to);
  /// The member goes with its last connection (barco-http.md 8, case 67).
  void remove(const consumer_ref& who, caf::typed_response_promise<bool> to);
  void lost(errc why);

  /// The actor of a registered consumer; null if it is not registered.
  consumer_actor serving(const consumer_key& key);
  void deal(const std::string& group);
  void start(const consumer_key& key, const std::string& group,
             reader_id reader);
  reader_id new_reader() const;
  void ended(const caf::actor_addr& who);
  void end(const consumer_key& key);
  void count();

  membership_actor::pointer self = nullptr;
  node_ptr node;
  partition_table table;
  std::chrono::milliseconds silence_max{};
  std::vector<partition_actor> partitions;
  std::optional<membership> core;
  std::map<consumer_key, consumer_actor> actors;
  consumer_connections connections;
  std::set<consumer_key> with_slices; // as they were told last
  member_epoch epoch;
  std::deque<std::function<void()>> changes; // the first one runs
  std::set<waiting_asker> waiting;
};

membership_actor::behavior_type
membership_behavior(membership_actor::stateful_pointer<membership_state> self,
                    node_ptr node, partition_table table,
                    std::chrono::milliseconds silence_max);

} // namespace callboard
