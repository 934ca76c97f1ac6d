// What an operator can have the node do: stop, and give space back.
#include "net/admin_routes.hpp"
#include "net/default_codec.hpp"
#include "net/eventstore_request.hpp"
#include "net/random_uuid.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <string>

namespace callboard::admin_routes {

namespace {

using nlohmann::ordered_json;

std::string_view name_of(scavenge_outcome outcome) {
  switch (outcome) {
    case scavenge_outcome::success: return "Success";
    case scavenge_outcome::stopped: return "Stopped";
    case scavenge_outcome::errored: return "Errored";
  }
  return {};
}

ordered_json scavenge_json(const uuid& id) {
  return {{"scavengeId", to_string(id)}};
}

ordered_json linked_scavenge(const admin_services& services,
                             const http_request& request, const uuid& id) {
  auto out = scavenge_json(id);
  out["scavengeLink"] =
    services.broker->base(request) + "/admin/scavenge/" + to_string(id);
  return out;
}

/// Parameters of the original that say how much at a time: there is only one
/// way here, but what is no number is told.
bool checked(const http_request& request, const http_exchange& exchange) {
  auto at_least = [&](std::string_view name, std::int64_t least) {
    auto text = request.query(name);
    auto number = parse_integer(text.value_or("1"));
    return !text
           || (number && *number >= least
               && *number <= std::numeric_limits<std::int32_t>::max());
  };
  if (!at_least("startFromChunk", 0))
    exchange.answer(bad_request("startFromChunk must be a positive integer"));
  else if (!at_least("threads", 1))
    exchange.answer(bad_request("threads must be a 1 or above"));
  else
    return true;
  return false;
}

template <class Then>
void command(const admin_ptr& services, const http_exchange& exchange,
             scavenge_command what, Then then) {
  ask_for<scavenge_status>(services->broker, exchange, services->scavenger,
                           std::move(then), scavenge_atom_v, what);
}

void tell_running(const admin_ptr& services, const http_exchange& exchange) {
  command(services, exchange, {},
          [exchange](const result<scavenge_status>& now) {
            auto answer =
              document_answer(exchange.request(), "Scavenge",
                              now && now->running ? scavenge_json(*now->running)
                                                  : ordered_json::object());
            answer.status = http_status::bad_request;
            answer.reason = "A scavenge is running already";
            exchange.answer(std::move(answer));
          });
}

} // namespace

void shut_down(const admin_ptr& services, http_request&,
               const http_exchange& exchange) {
  exchange.answer(plain_status(http_status::ok));
  if (services->shut_down)
    services->shut_down(); // what is being answered still is
}

void start_scavenge(const admin_ptr& services, http_request& request,
                    const http_exchange& exchange) {
  if (!checked(request, exchange))
    return;
  auto id = random_uuid();
  command(services, exchange, {scavenge_verb::start, id},
          [=](const result<scavenge_status>& started) {
            if (started)
              return exchange.answer(document_answer(
                exchange.request(), "Scavenge", scavenge_json(id)));
            if (started.error() == errc::already_exists)
              return tell_running(services, exchange);
            exchange.answer(error_answer(started.error()));
          });
}

void stop_scavenge(const admin_ptr& services, http_request& request,
                   const http_exchange& exchange) {
  auto name = request.parameter("id");
  scavenge_command what{scavenge_verb::stop, parse_uuid(name)};
  if (!what.id && name != "current")
    return exchange.answer(plain_status(http_status::not_found));
  command(services, exchange, what,
          [exchange](const result<scavenge_status>& stopped) {
            exchange.answer(stopped
                              ? document_answer(exchange.request(), "Scavenge",
                                                scavenge_json(*stopped->last))
                              : error_answer(stopped.error()));
          });
}

void current_scavenge(const admin_ptr& services, http_request&,
                      const http_exchange& exchange) {
  command(services, exchange, {}, [=](const result<scavenge_status>& now) {
    if (!now)
      return exchange.answer(error_answer(now.error()));
    exchange.answer(document_answer(
      exchange.request(), "Scavenge",
      now->running
        ? linked_scavenge(*services, exchange.request(), *now->running)
        : ordered_json::object()));
  });
}

void last_scavenge(const admin_ptr& services, http_request&,
                   const http_exchange& exchange) {
  command(services, exchange, {}, [=](const result<scavenge_status>& now) {
    if (!now)
      return exchange.answer(error_answer(now.error()));
    auto& id = now->running ? now->running : now->last;
    auto out = id ? linked_scavenge(*services, exchange.request(), *id)
                  : ordered_json::object();
    out["scavengeResult"] = now->running ? "InProgress"
                            : now->last  ? name_of(now->outcome)
                                         : "Unknown";
    exchange.answer(document_answer(exchange.request(), "Scavenge", out));
  });
}

} // namespace callboard::admin_routes
