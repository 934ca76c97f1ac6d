// Consumers that registered by JSON: their connection says who asks.
#pragma once

#include "net/barco_services.hpp"

#include <functional>
#include <memory>

namespace callboard {

/// What a connection keeps of the registration on it (`connection_state::bound`
/// of the consumer listener). It outlives leaderships: actors that do not know
/// the consumer yet are told before its next call.
struct bound_consumer {
  join_request what;

  /// Where it is registered; nothing: nowhere, or at actors that have ended.
  std::weak_ptr<const barco_services> at{};
  reader_id reader{}; // there

  /// Calls that wait for a registration; lives as long as that is asked for.
  struct joining;
  std::weak_ptr<joining> in_progress{};
};

/// Null: nobody registered on this connection.
std::shared_ptr<bound_consumer> bound_to(const http_request& request);

/// Registers a consumer whose topics everybody may read. `then` gets the answer
/// to that, and who polls from now on: nobody if it was refused. On the
/// exchange's thread; never if the actors end first.
void join(const barco_ptr& services, const http_exchange& exchange,
          join_request what, std::function<void(http_answer, reader_id)> then);

/// The exchange's connection stands for this consumer from now on. Whom it
/// stood for before leaves its group, and what that one was handed comes again.
void bind(const barco_ptr& services, const http_exchange& exchange,
          bound_consumer what);

/// Runs `then` with who asks: whom the request names, else whom its connection
/// is bound to, registered if these actors do not know it yet. Answers the
/// exchange if there is nobody, or it cannot be registered.
void with_consumer(const barco_ptr& services, const http_exchange& exchange,
                   std::function<void(const consumer_ref&)> then);

} // namespace callboard
