// What the routes of the Event Store dialect use, and how they ask.
#pragma once

#include "actors/core/ring.hpp"
#include "actors/interfaces.hpp"
#include "net/access.hpp"
#include "net/ask.hpp"
#include "net/base_url.hpp"
#include "net/http.hpp"
#include "net/status.hpp"

#include <caf/actor_system.hpp>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace callboard {

/// One for each io thread; outlives the requests it serves.
struct eventstore_services {
  caf::actor_system* system = nullptr; // for sessions of those who wait
  caf::actor asker;                    // of this thread
  std::shared_ptr<const routing_table> partitions;
  broker_actor broker;
  ring placement;
  base_url_options urls;
  std::shared_ptr<access_control> access;
  std::string durability = "fsync"; // of what is answered 2xx

  /// The partition that a stream, and all that belongs to it, lies in.
  const partition_actor& home_of(std::string_view stream) const {
    return partitions->partitions[placement.home_of(stream).value];
  }

  std::string base(const http_request& request) const {
    return base_url(request, urls);
  }
};

using services_ptr = std::shared_ptr<const eventstore_services>;

/// A route: parse, ask, answer through the exchange. The services outlive it.
using eventstore_route = void (*)(const services_ptr&, http_request&,
                                  const http_exchange&);

/// Asks an actor and hands what it says to `then`, on the exchange's thread. An
/// exception there is a bug, or no memory, and costs this client a 500.
template <class T, class Handle, class Then, class... Ts>
void ask_for(const services_ptr& services, const http_exchange& exchange,
             const Handle& to, Then then, Ts... xs) {
  ask<T>(
    services->asker, exchange.executor(), to,
    [exchange, then = std::move(then)](result<T>&& outcome) {
      try {
        then(std::move(outcome));
      } catch (const std::exception& e) {
        spdlog::error("request failed path={} error={}",
                      exchange.request().path(), e.what());
        exchange.answer(plain_status(http_status::internal_server_error));
      }
    },
    std::move(xs)...);
}

/// Says which promise an answer carries (design 1): it is on disk.
inline http_answer promised(const eventstore_services& services,
                            http_answer answer) {
  answer.add_header("Durability", services.durability);
  return answer;
}

/// The parts of `outcome` that were refused, answered; true if there were none.
template <class T>
bool admitted(const accepted<T>& outcome, const http_exchange& exchange) {
  if (!outcome)
    exchange.answer(refuse(outcome.error()));
  return outcome.has_value();
}

} // namespace callboard
