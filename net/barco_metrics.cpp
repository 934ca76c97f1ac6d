// One family for each of Barco's names, and the text of metrics.hpp behind it.
#include "net/barco_metrics.hpp"

#include "net/eventstore_groups.hpp"
#include "net/process_stats.hpp"

#include <string_view>

namespace callboard {

namespace {

void add_family(std::string& out, std::string_view name, std::string_view help,
                std::string_view type, std::uint64_t value) {
  for (std::string_view prefix : {"polar_", "barco_"}) {
    std::string full{prefix};
    full += name;
    out.append("# HELP ").append(full).append(" ").append(help).append("\n");
    out.append("# TYPE ").append(full).append(" ").append(type).append("\n");
    out.append(full).append(" ").append(std::to_string(value)).append("\n");
  }
}

void metrics(const barco_ptr& services, http_request&,
             const http_exchange& exchange) {
  ask_for<group_infos>(
    services->broker, exchange, services->broker->broker,
    [services, exchange](result<group_infos> found) {
      auto& state = *services->state;
      // Names of streams are for those who may be let in anyway.
      auto* groups = found && state.settings.on_loopback() ? &*found : nullptr;
      if (groups != nullptr)
        sort_groups(*groups);
      exchange.answer(
        {.content_type = "text/plain; version=0.0.4; charset=utf-8",
         .body = barco_metrics_text(*services)
                 + metrics_text(*services->node, state.counts, groups,
                                read_process_stats())});
    },
    describe_atom_v);
}

} // namespace

std::string barco_metrics_text(const barco_services& services) {
  auto& state = *services.state;
  std::uint64_t connections = 0;
  for (auto& thread : state.consumer_connections)
    connections += thread->connections();
  std::string out;
  add_family(out, "producer_requests_total",
             "Requests to produce that came over HTTP.", "counter",
             state.produce_requests.load());
  add_family(out, "producer_requests_body_bytes_total",
             "Bytes of their bodies.", "counter", state.produce_bytes.load());
  add_family(out, "coalescer_messages_total",
             "Requests to produce that were stored, over HTTP or binary.",
             "counter", state.appended.load());
  if (state.budgets)
    add_family(out, "producer_buffer_pool_available_bytes",
               "What bodies of requests may still take together, of all "
               "listeners.",
               "gauge", state.budgets->receiving.available());
  add_family(out, "consumer_active", "Consumers that are registered.", "gauge",
             services.node->counts.consumers_registered.load());
  add_family(out, "consumer_open_connections",
             "Open connections to the consumer listener.", "gauge",
             connections);
  return out;
}

void add_barco_metrics_routes(barco_router& routes, const barco_ptr& services) {
  barco_table add{routes, services};
  add(http_verb::get, "/metrics", metrics);
}

} // namespace callboard
