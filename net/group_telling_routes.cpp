// Why nothing comes, who holds what, what became of an event: as JSON, and as
// sentences for people.
#include "actors/core/limits.hpp"
#include "net/eventstore_request.hpp"
#include "net/explanation_text.hpp"
#include "net/group_routes.hpp"
#include "net/problem.hpp"
#include "net/subscription_routes.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <string>
#include <utility>

namespace callboard::group_routes {

namespace {

using nlohmann::ordered_json;

http_answer told(const http_request& request, const ordered_json& document,
                 std::string text) {
  http_answer out{.content_type = request.response_type->content_type};
  if (request.response_type->name() == media::text.name())
    out.body = std::move(text);
  else
    out.body =
      document.dump(2, ' ', false, ordered_json::error_handler_t::replace)
      + "\n";
  out.add_header("Cache-Control", "no-store");
  return out;
}

} // namespace

void why(const services_ptr& services, http_request& request,
         const http_exchange& exchange) {
  auto key = subscription_routes::key_of(services, request);
  ask_for<group_standing_ptr>(
    services, exchange, services->home_of(key.stream),
    [=](const result<group_standing_ptr>& found) {
      if (!found)
        return exchange.answer(problem(found.error(), describe(key)));
      exchange.answer(told(exchange.request(), standing_json(**found),
                           standing_text(**found)));
    },
    why_atom_v, key);
}

namespace {

/// `after=s12` or `r3`: lane and number of the last part seen.
accepted<leases_query> read_leases_query(const http_request& request) {
  leases_query out;
  auto count = read_count(request, "limit", out.count, limits::leases_page_max);
  if (!count)
    return count.error();
  out.count = *count;
  if (auto after = request.query("after"); after && !after->empty()) {
    auto number = parse_integer(after->substr(1));
    bool replay = after->front() == 'r';
    if (!number || *number < 0 || (!replay && after->front() != 's'))
      return refusal{400, "after is '" + std::string{*after}
                            + "'; allowed: the `next` of a page."};
    out.after = {replay ? lane::replay : lane::source,
                 {std::uint64_t(*number)}};
  }
  return out;
}

} // namespace

void in_flight(const services_ptr& services, http_request& request,
               const http_exchange& exchange) {
  auto query = read_leases_query(request);
  if (!query)
    return exchange.answer(
      problem(http_status::bad_request, "invalid-request", query.error().text));
  query->key = subscription_routes::key_of(services, request);
  auto key = query->key;
  ask_for<lease_list_ptr>(
    services, exchange, services->home_of(key.stream),
    [=](const result<lease_list_ptr>& found) {
      if (!found)
        return exchange.answer(problem(found.error(), describe(key)));
      exchange.answer(
        told(exchange.request(), leases_json(**found), leases_text(**found)));
    },
    leases_atom_v, std::move(*query));
}

void explain(const services_ptr& services, http_request& request,
             const http_exchange& exchange) {
  auto key = subscription_routes::key_of(services, request);
  auto id = parse_uuid(request.parameter("id"));
  if (!id)
    return exchange.answer(problem(http_status::bad_request, "invalid-request",
                                   "'" + std::string{request.parameter("id")}
                                     + "' is no event id."));
  ask_for<explanation_ptr>(
    services, exchange, services->home_of(key.stream),
    [=, id = *id](const result<explanation_ptr>& found) {
      if (!found)
        return exchange.answer(problem(found.error(), describe(key)));
      if ((*found)->standing == event_standing::not_found)
        return exchange.answer(
          problem(http_status::not_found, "event-not-found",
                  "No event " + to_string(id) + " is known to " + describe(key)
                    + ((*found)->cut ? ", as far back as was looked." : ".")));
      exchange.answer(told(exchange.request(),
                           explanation_json(key, id, **found),
                           explanation_text(key, id, **found)));
    },
    explain_atom_v, explain_query{key, *id});
}

} // namespace callboard::group_routes
