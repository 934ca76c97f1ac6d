// Polls that wait: a session of their own, until something comes or time is up.
#pragma once

#include "actors/core/names.hpp"
#include "actors/session_actor.hpp"
#include "net/eventstore_request.hpp"
#include "net/eventstore_services.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
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
  auto leave = [poll, asker = services->asker] {
    poll->left = true;
    tell(asker, poll->session, cancel_atom_v);
  };
  exchange.extend_deadline(wait);
  exchange.on_gone(leave);
  exchange.on_stopping(leave);
  return poll;
}

/// Waits as long as the query says, until `stream` has an event of this number
/// or, for `$all`, later than this; then reads at once.
template <class Query>
void wait_for_event(const services_ptr& services, const http_exchange& exchange,
                    const std::string& stream, event_number next,
                    const Query& query,
                    void (*read)(const services_ptr&, const http_exchange&,
                                 const std::shared_ptr<const Query>&)) {
  std::chrono::milliseconds wait = query.wait;
  auto poll = start_waiting(services, exchange, stream, wait);
  auto at_once = std::make_shared<Query>(query);
  at_once->wait = {};
  ask_for<event_number>(
    services, exchange, poll->session,
    [=](const result<event_number>& grown) {
      if (!grown)
        return exchange.answer(error_answer(grown.error()));
      read(services, exchange, at_once);
    },
    await_atom_v, stream, next, std::uint64_t(wait.count()));
}

} // namespace callboard
