// Starts the actors of a node, and ends them in the right order.
#pragma once

#include "actors/core/limits.hpp"
#include "actors/node.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace callboard {

struct broker_options {
  std::size_t partitions = 4;
  std::size_t readers = 2;
  /// Readers, logins and the scavenger on threads of their own. Tests say no:
  /// their scheduler then decides when a read happens.
  bool detach_blocking = true;
  /// A consumer of topics that was silent for so long is not registered any
  /// more.
  std::chrono::milliseconds consumer_silence_max = limits::consumer_silence_max;
};

/// A read of all events, and who asked for it.
struct waiting_read {
  all_request what;
  caf::typed_response_promise<all_page_ptr> promise;
};

/// State of the broker actor.
struct broker_state {
  static inline const char* name = "broker";

  /// `measures`: groups are told that this is a measurement.
  caf::result<group_infos> groups(bool measures);
  caf::result<bool> restart();
  caf::result<all_page_ptr> read_all(all_request& what);
  caf::result<stream_list_ptr> list_streams(const streams_request& what);
  caf::result<delayed_page_ptr> list_delayed(delayed_query& what);
  caf::result<delayed_detail_ptr> find_delayed(const delayed_ref& what);
  void wake();
  void tick();

  /// The clock is past what the read wants to see.
  void begin(waiting_read read);
  const reader_actor& some_reader();

  broker_actor::pointer self = nullptr;
  node_ptr node;
  std::vector<partition_actor> partitions;
  std::vector<reader_actor> readers;
  std::deque<waiting_read> waiting; // for the clock, in order of arrival
  std::uint64_t next_reader = 0;
  std::int64_t ahead_ms = 0; // the wall clock, of the broker's
  errc refusal = errc::none; // of publishing
};

/// Every actor of a node that is not spawned on demand.
struct running_broker {
  std::shared_ptr<const routing_table> routes;
  broker_actor broker;
  login_actor login;
  timer_actor timer;
  std::vector<reader_actor> readers;
  scavenger_actor scavenger;
  membership_actor members;
};

/// Spawns everything. The store has applied the whole wal; from now on only the
/// partitions apply. The journal's events must reach the partitions with
/// `tell_flushed` and `tell_failed`.
running_broker start_broker(caf::actor_system& sys, const node_ptr& node,
                            const broker_options& options);

/// Ends everything, those that others need last, and waits for each. Requests
/// must have stopped. The journal must still run: groups may be recording.
void stop_broker(caf::actor_system& sys, running_broker& broker);

/// The journal's events, from any thread.
void tell_flushed(const routing_table& routes, partition_id p, log_index index);
void tell_failed(const routing_table& routes, partition_id p, errc why);

/// Makes the users admin and ops with this password if there are no users at
/// all. Blocks until that is on disk. Errors: as for any record.
result<void> ensure_users(caf::actor_system& sys, const node_ptr& node,
                          const running_broker& broker,
                          const std::string& password);

} // namespace callboard
