// Shell of core/session: one waiting poll, and a client that may go away.
#pragma once

#include "actors/core/session.hpp"
#include "actors/interfaces.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <vector>

namespace callboard {

struct session_state {
  static inline const char* name = "session";

  caf::result<delivery_batch_ptr> fetch(fetch_request& what);
  caf::result<event_number> await(const std::string& stream,
                                  event_number number, std::uint64_t wait_ms);
  void client_gone();
  void cancel();
  void end_wait();

  session_actor::pointer self = nullptr;
  std::vector<partition_actor> partitions; // a stream and a group have one
  group_key key; // of a stream alone: the group is empty
  session poll;
};

/// Serves one poll of one client, then ends. Without a poll it waits for ever.
session_actor::behavior_type
session_behavior(session_actor::stateful_pointer<session_state> self,
                 std::vector<partition_actor> partitions);

/// A session for one poll, on the thread of the caller. With several
/// partitions it waits for whichever answers first.
session_actor spawn_session(caf::actor_system& sys,
                            std::vector<partition_actor> partitions);

} // namespace callboard
