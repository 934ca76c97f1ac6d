// What the routes of the Event Store dialect use, and how they ask.
#pragma once

#include "actors/core/ring.hpp"
#include "actors/interfaces.hpp"
#include "net/access.hpp"
#include "net/ask.hpp"
#include "net/base_url.hpp"
#include "net/http.hpp"
#include "net/side_threads.hpp"
#include "net/status.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>

#include <cstddef>
#include <functional>
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
  std::string durability = "fsync";      // of what is answered 2xx
  std::shared_ptr<side_threads> aside{}; // of all threads; may be missing

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
      guard(exchange, [&] { then(std::move(outcome)); });
    },
    std::move(xs)...);
}

/// About how many bytes of an answer an event takes.
inline std::size_t layout_bytes(const resolved_event& what) {
  constexpr std::size_t around_it = 512;
  auto* shown = what.resolved.get();
  return around_it
         + (shown == nullptr ? 0 : shown->data.size() + shown->metadata.size());
}

inline std::size_t layout_bytes(const event_page& page) {
  std::size_t out = 0;
  for (auto& one : page.events)
    out += layout_bytes(one);
  return out;
}

/// The same for an `all_page` and a `delivery_batch`.
template <class Page>
std::size_t layout_bytes(const Page& page) {
  std::size_t out = 0;
  for (auto& one : page.events)
    out += layout_bytes(one.what);
  return out;
}

/// Answers with what `make` returns, on another thread if that takes long: it
/// may read the request, and all else has to be its own. So has all of
/// `unsent`, which is called on the exchange's thread if there is no room for
/// that, or if `make` failed.
template <class Make, class Unsent>
void answer_with(const services_ptr& services, const http_exchange& exchange,
                 std::size_t bytes, Make make, const Unsent& unsent) {
  auto least = exchange.request().header(http_field::accept_encoding)
                 ? compressed_side_work_bytes
                 : side_work_bytes;
  if (services->aside == nullptr || bytes < least) {
    http_answer answer;
    try {
      answer = make();
    } catch (...) {
      unsent();
      throw;
    }
    return exchange.answer(std::move(answer));
  }
  services->aside->answer(exchange, bytes, std::move(make), unsent);
}

template <class Make>
void answer_with(const services_ptr& services, const http_exchange& exchange,
                 std::size_t bytes, Make make) {
  answer_with(services, exchange, bytes, std::move(make), [] {});
}

/// Goes on with what `read` makes of the request's body, on the exchange's
/// thread; a long body is read on another one, meanwhile nobody may change the
/// request.
template <class Read, class Then>
void read_body(const services_ptr& services, const http_exchange& exchange,
               Read read, Then then) {
  auto here = [=] { then(read(exchange.request())); };
  if (services->aside == nullptr
      || exchange.request().body.size() < side_work_bytes)
    return here();
  auto aside = [=] {
    guard(exchange, [&] {
      auto made = std::make_shared<decltype(read(exchange.request()))>(
        read(exchange.request()));
      boost::asio::post(exchange.executor(), [=] {
        guard(exchange, [&] { then(std::move(*made)); });
      });
    });
  };
  if (!services->aside->post(aside))
    here();
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
