// Asio handler to actor and back, never blocking.
#pragma once

#include "actors/interfaces.hpp"

#include <boost/asio/dispatch.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <exception>
#include <memory>
#include <tuple>
#include <utility>

namespace callboard {

/// What an asker does for a caller: sends a request and handles its answer.
struct question {
  virtual ~question() = default;
  virtual void put(caf::event_based_actor* self) = 0;
};

using question_ptr = std::shared_ptr<question>;

} // namespace callboard

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::question_ptr)

namespace callboard {

/// The actor that asks for callers outside the actor world. Spawn one a thread:
/// it then runs on the thread of its callers. Asking costs a fifth of what an
/// actor spawned for each question costs. End it before the system ends.
inline caf::behavior asker_behavior(caf::event_based_actor* self) {
  return {[self](const question_ptr& q) { q->put(self); }};
}

/// What an asker passes on without waiting for an answer.
template <class Handle, class... Ts>
struct typed_statement : question {
  typed_statement(Handle handle, Ts&&... xs)
      : to(std::move(handle)), args(std::move(xs)...) {}

  void put(caf::event_based_actor* self) override {
    std::apply([&](Ts&... xs) { self->send(to, std::move(xs)...); }, args);
  }

  Handle to;
  std::tuple<Ts...> args;
};

/// One allocation for all that a request needs until it is answered.
template <class T, class Executor, class Handle, class Then, class... Ts>
struct typed_question : question,
                        std::enable_shared_from_this<
                          typed_question<T, Executor, Handle, Then, Ts...>> {
  typed_question(Executor e, Handle handle, Then t, Ts&&... xs)
      : executor(std::move(e)), to(std::move(handle)), then(std::move(t)),
        args(std::move(xs)...) {}

  void put(caf::event_based_actor* self) override {
    auto request = std::apply(
      [&](Ts&... xs) {
        return self->request(to, caf::infinite, std::move(xs)...);
      },
      args);
    auto kept = this->shared_from_this();
    request.then([kept](T& value) { finish(kept, std::move(value)); },
                 [kept](const caf::error& why) { finish(kept, to_errc(why)); });
  }

  static void finish(const std::shared_ptr<typed_question>& self,
                     result<T> outcome) {
    // At once if this is the thread of the caller already.
    boost::asio::dispatch(self->executor,
                          [self, x = std::move(outcome)]() mutable {
                            handle(*self, std::move(x));
                          });
  }

  /// An exception is a bug, or no memory. Run at once it would end the asker,
  /// and with it every later request of this thread; so it costs this one only.
  static void handle(typed_question& self, result<T>&& outcome) noexcept {
    try {
      self.then(std::move(outcome));
    } catch (const std::exception& error) {
      spdlog::error("the outcome of a request was lost error={}", error.what());
    }
  }

  Executor executor;
  Handle to;
  Then then;
  std::tuple<Ts...> args;
};

/// Sends one request to an actor and runs `then(result<T>)` on `executor` when
/// the reply or an error arrives. Neither side ever blocks on the other.
///
/// There is no timeout: a CAF request timeout costs more than the request. The
/// caller has a deadline of its own (an HTTP session answers 503 and forgets).
template <class T, class Executor, class Handle, class Then, class... Ts>
void ask(const caf::actor& asker, Executor executor, Handle to, Then then,
         Ts... xs) {
  using asked = typed_question<T, Executor, Handle, Then, Ts...>;
  caf::anon_send(asker, question_ptr{std::make_shared<asked>(
                          std::move(executor), std::move(to), std::move(then),
                          std::move(xs)...)});
}

/// Sends without wanting an answer, later than all that this asker was asked
/// for before: sent directly, a cancel could overtake what it cancels, which
/// would then wait for nobody.
template <class Handle, class... Ts>
void tell(const caf::actor& asker, Handle to, Ts... xs) {
  using told = typed_statement<Handle, Ts...>;
  caf::anon_send(asker, question_ptr{std::make_shared<told>(std::move(to),
                                                            std::move(xs)...)});
}

} // namespace callboard
