// A function a route; nlohmann will do, nobody asks a thousand times a second.
#include "net/admin_api.hpp"

#include "net/default_codec.hpp"
#include "net/eventstore_groups.hpp"
#include "net/eventstore_request.hpp"
#include "net/metrics.hpp"
#include "net/process_stats.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace callboard {

namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view metrics_type =
  "text/plain; version=0.0.4; charset=utf-8";

void ping(const http_request& request, const http_exchange& exchange) {
  exchange.answer(document_answer(
    request, "TextMessage", {{"text", "Ping request successfully handled"}}));
}

void info(const http_request& request, const http_exchange& exchange) {
  exchange.answer(document_answer(
    request, "Info",
    {{"dbVersion", CALLBOARD_VERSION},
     {"esVersion", CALLBOARD_VERSION},
     {"product", "Callboard"},
     {"state", "leader"},
     {"projectionsMode", "None"},
     {"features",
      {{"projections", false}, {"userManagement", true}, {"atomPub", true}}},
     {"authentication",
      {{"type", "internal"}, {"properties", json::object()}}}}));
}

/// The status for being alive is for the client to choose (spec 6.12).
void live(const http_request& request, const http_exchange& exchange) {
  auto text = request.query("liveCode").value_or("204");
  auto code = parse_integer(text);
  if (!code || *code < 200 || *code > 599)
    return exchange.answer(
      bad_request("liveCode is '" + std::string{text}
                  + "'; allowed: a status from 200 to 599."));
  exchange.answer(plain_status(static_cast<http_status>(*code)));
}

void ready(const admin_services& services, const http_exchange& exchange) {
  if (!services.ready || services.ready())
    return exchange.answer(plain_status(http_status::no_content));
  auto answer = plain_status(http_status::service_unavailable);
  answer.add_header("Retry-After", "1");
  exchange.answer(std::move(answer));
}

json stats_of(const counters& counts) {
  return {{"appended", counts.events_appended.load()},
          {"delivered", counts.events_delivered.load()},
          {"settled", counts.events_settled.load()},
          {"retried", counts.events_retried.load()},
          {"parked", counts.events_parked.load()}};
}

json stats_document(const node_services& node) {
  auto process = read_process_stats();
  return {{"proc",
           {{"id", process.process_id},
            {"startTime", process.started_s},
            {"cpuSeconds", process.cpu_s},
            {"mem", process.resident_bytes},
            {"virtualMem", process.virtual_bytes},
            {"threadsCount", process.threads},
            {"openFiles", process.open_files}}},
          {"sys",
           {{"totalMem", process.machine_memory_bytes},
            {"freeMem", process.machine_free_bytes},
            {"loadavg",
             {{"1m", process.load_1m},
              {"5m", process.load_5m},
              {"15m", process.load_15m}}}}},
          {"es",
           {{"events", stats_of(node.counts)},
            {"delayed",
             {{"fired", node.counts.delayed_fired.load()},
              {"lateMilliseconds", node.counts.delayed_late_ms_total.load()}}},
            {"writer",
             {{"waitingBytes", node.log->waiting_bytes()},
              {"unflushedBytes", node.db->unflushed_bytes()}}},
            {"progressBreaches", node.counts.progress_breaches.load()},
            {"rebuilds", node.counts.rebuilds.load()}}}};
}

/// The whole document, or the part that the segments behind `/stats` lead to.
void stats(const admin_services& services, const http_request& request,
           const http_exchange& exchange) {
  auto whole = stats_document(*services.node);
  const json* at = &whole;
  for (std::size_t i = 1; i < request.segment_count(); ++i) {
    auto name = request.segment(i);
    auto member = at->is_object() ? at->find(name) : at->end();
    if (member == at->end())
      return exchange.answer(plain_status(http_status::not_found));
    at = &*member;
  }
  auto answer = document_answer(request, "Stats", *at);
  answer.add_header("Cache-Control", "max-age=1, public");
  exchange.answer(std::move(answer));
}

void metrics(const std::shared_ptr<const admin_services>& services,
             const http_request& request, const http_exchange& exchange) {
  auto names = services->names_for_anonymous || request.user != nullptr;
  ask_for<group_infos>(
    services->broker, exchange, services->broker->broker,
    [services, exchange, names](result<group_infos> found) {
      // Without the groups the rest is still worth knowing.
      auto groups = found && names ? std::move(*found) : group_infos{};
      sort_groups(groups);
      exchange.answer({.content_type = metrics_type,
                       .body = metrics_text(*services->node, services->http,
                                            groups, read_process_stats())});
    },
    groups_atom_v);
}

} // namespace

void add_admin_routes(router& routes,
                      const std::shared_ptr<const admin_services>& services) {
  constexpr auto get = http_verb::get;
  constexpr auto head = http_verb::head;
  route_options told{access_rule::anyone, {}, default_types};
  auto of_stats = [services](http_request& request,
                             const http_exchange& exchange) {
    stats(*services, request, exchange);
  };
  auto is_live = [](http_request& request, const http_exchange& exchange) {
    live(request, exchange);
  };
  auto is_ready = [services](http_request&, const http_exchange& exchange) {
    ready(*services, exchange);
  };
  routes.add(
    get, "/ping",
    [](http_request& request, const http_exchange& exchange) {
      ping(request, exchange);
    },
    told);
  routes.add(
    get, "/info",
    [](http_request& request, const http_exchange& exchange) {
      info(request, exchange);
    },
    told);
  routes.add(get, "/stats", of_stats, told);
  routes.add(get, "/stats/{path*}", of_stats, told);
  routes.add(get, "/health/live", is_live);
  routes.add(head, "/health/live", is_live);
  routes.add(get, "/health/ready", is_ready);
  routes.add(head, "/health/ready", is_ready);
  routes.add(get, "/metrics",
             [services](http_request& request, const http_exchange& exchange) {
               metrics(services, request, exchange);
             });
}

} // namespace callboard
