// Asio handler to actor and back, never blocking.
#pragma once

#include "actors/interfaces.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace callboard {

/// What an asker does for a caller: sends a request and handles its answer.
using question = std::shared_ptr<std::function<void(caf::event_based_actor*)>>;

} // namespace callboard

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::question)

namespace callboard {

/// The actor that asks for callers outside the actor world. Spawn one a thread:
/// it then runs on the thread of its callers. Asking costs a fifth of what an
/// actor spawned for each question costs. End it before the system ends.
inline caf::behavior asker_behavior(caf::event_based_actor* self) {
  return {[self](const question& q) { (*q)(self); }};
}

/// Sends one request to an actor and runs `then(result<T>)` on `executor` when
/// the reply or an error arrives. Neither side ever blocks on the other.
///
/// There is no timeout: a CAF request timeout costs more than the request. The
/// caller has a deadline of its own (an HTTP session answers 503 and forgets).
template <class T, class Executor, class Handle, class Then, class... Ts>
void ask(const caf::actor& asker, Executor executor, Handle to, Then then,
         Ts... xs) {
  auto finish = [executor, then = std::move(then)](result<T> outcome) {
    boost::asio::post(executor, [then, x = std::move(outcome)]() mutable {
      then(std::move(x));
    });
  };
  auto send = [finish = std::move(finish), to = std::move(to),
               ... args = std::move(xs)](caf::event_based_actor* self) mutable {
    self->request(to, caf::infinite, std::move(args)...)
      .then([finish](T& value) { finish(std::move(value)); },
            [finish](const caf::error& error) { finish(to_errc(error)); });
  };
  caf::anon_send(asker,
                 std::make_shared<question::element_type>(std::move(send)));
}

} // namespace callboard
