// Polls that wait: a session of their own, until something comes or time is up.
#pragma once

#include "actors/core/names.hpp"
#include "actors/session_actor.hpp"
#include "net/eventstore_services.hpp"

#include <caf/send.hpp>

#include <chrono>
#include <memory>
#include <vector>

namespace callboard {

/// One waiting poll of a client. Shared by its callbacks.
struct waiting_poll {
  session_actor session;
  bool left = false; // nobody wants what comes any more
};

/// Starts to wait for something in the partition of `stream`, at most so long,
/// or in any partition for `$all`;
/// the session is to be asked with `ask_for`. If the client goes away, or the
/// server begins to stop, the session is answered with nothing.
inline std::shared_ptr<waiting_poll>
start_waiting(const services_ptr& services, const http_exchange& exchange,
              std::string_view stream, std::chrono::milliseconds wait) {
  auto poll = std::make_shared<waiting_poll>();
  poll->session = spawn_session(*services->system,
                                stream == all_stream
                                  ? services->partitions->partitions
                                  : std::vector{services->home_of(stream)});
  auto leave = [poll] {
    poll->left = true;
    caf::anon_send(poll->session, cancel_atom_v);
  };
  exchange.extend_deadline(wait);
  exchange.on_gone(leave);
  exchange.on_stopping(leave);
  return poll;
}

} // namespace callboard
