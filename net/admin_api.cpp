// Route, who may use it, which function serves it; the small ones are here.
#include "net/admin_api.hpp"

#include "net/admin_routes.hpp"
#include "net/default_codec.hpp"
#include "net/eventstore_request.hpp"
#include "net/openapi_api.hpp"
#include "net/route_table.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <string>
#include <utility>

namespace callboard {

using admin_routes::admin_ptr;

namespace {

void ping(const admin_ptr&, http_request&, const http_exchange& exchange) {
  exchange.answer(
    document_answer(exchange.request(), "TextMessage",
                    {{"text", "Ping request successfully handled"}}));
}

/// There are none.
void projections(const admin_ptr&, http_request&,
                 const http_exchange& exchange) {
  exchange.answer(document_answer(exchange.request(), "Projections",
                                  {{"projections", nlohmann::json::array()}}));
}

void not_found(const admin_ptr&, http_request&, const http_exchange& exchange) {
  exchange.answer(plain_status(http_status::not_found));
}

/// The status for being alive is for the client to choose (spec 6.12).
void live(const admin_ptr&, http_request& request,
          const http_exchange& exchange) {
  auto text = request.query("liveCode").value_or("204");
  auto code = parse_integer(text);
  if (!code || *code < 200 || *code > 599)
    return exchange.answer(
      bad_request("liveCode is '" + std::string{text}
                  + "'; allowed: a status from 200 to 599."));
  exchange.answer(plain_status(static_cast<http_status>(*code)));
}

void ready(const admin_ptr& services, http_request&,
           const http_exchange& exchange) {
  if (!services->ready || services->ready())
    return exchange.answer(plain_status(http_status::no_content));
  auto answer = plain_status(http_status::service_unavailable);
  answer.add_header("Retry-After", "1");
  exchange.answer(std::move(answer));
}

void cluster(const admin_ptr& services, http_request&,
             const http_exchange& exchange) {
  if (!services->cluster)
    return exchange.answer(refuse({404, "This node stands alone."}));
  exchange.answer({.content_type = "application/json; charset=utf-8",
                   .body = services->cluster()});
}

} // namespace

void add_admin_routes(router& routes, const admin_ptr& services) {
  using namespace admin_routes;
  constexpr auto get = http_verb::get;
  constexpr auto head = http_verb::head;
  constexpr auto post = http_verb::post;
  constexpr auto erase = http_verb::delete_;
  using enum access_rule;
  route_options told{anyone, {}, default_types};
  route_options operate{operators, {}, default_types};
  route_table<admin_services> add{routes, services};
  add(get, "/ping", ping, told);
  add(get, "/info", info, told);
  add(get, "/info/options", admin_routes::options, operate);
  add(get, "/gossip", gossip, told);
  add(get, "/stats", stats, told);
  add(get, "/stats/{path*}", stats, told);
  add(get, "/metrics", metrics);
  add(get, "/cluster", cluster);
  for (auto verb : {get, head}) {
    add(verb, "/health/live", live);
    add(verb, "/health/ready", ready);
  }
  add(post, "/admin/shutdown", shut_down, operate);
  add(post, "/admin/scavenge", start_scavenge, operate);
  add(erase, "/admin/scavenge/{id}", stop_scavenge, operate);
  add(get, "/admin/scavenge/current", current_scavenge, operate);
  add(get, "/admin/scavenge/last", last_scavenge, operate);
  for (std::string mode :
       {"any", "all-non-transient", "transient", "onetime", "continuous"}) {
    add(get, "/projections/" + mode, projections, told);
    add(post, "/projections/" + mode, not_found);
  }
  add_openapi_route(routes);
}

} // namespace callboard
