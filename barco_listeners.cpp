// Which listener has which routes and bounds.
#include "barco_listeners.hpp"

#include "net/barco_binary.hpp"
#include "net/barco_consumer_api.hpp"
#include "net/barco_discovery_api.hpp"
#include "net/barco_metrics.hpp"
#include "net/barco_producer_api.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace callboard {

namespace {

using routes_of = void (*)(barco_router&, const barco_ptr&);

std::uint16_t port_of(const std::vector<tcp_acceptor>& acceptors) {
  return acceptors.front().local_endpoint().port();
}

using counters_of_threads = std::vector<std::shared_ptr<http_counters>>;

/// Those of one listener, which `all` then has too.
counters_of_threads make_counters(listening& all) {
  counters_of_threads out;
  for (std::size_t i = 0; i < all.threads.size(); ++i) {
    out.push_back(std::make_shared<http_counters>());
    all.counts.push_back(out.back());
  }
  return out;
}

/// For each thread.
std::vector<barco_ptr> make_services(const std::shared_ptr<barco_state>& state,
                                     const listening& at,
                                     const listened_node& of) {
  std::vector<barco_ptr> out;
  for (auto& thread : at.threads) {
    auto access = std::make_shared<access_control>(
      access_sources{thread.asker, of.broker.login, of.broker.routes,
                     of.node->placement},
      access_options{.everybody_is_admin = of.settings.insecure}, at.epochs);
    out.push_back(std::make_shared<const barco_services>(barco_services{
      thread.broker, of.node, state, of.broker.members, std::move(access)}));
  }
  return out;
}

std::shared_ptr<producer_server>
serve_binary(const listening_thread& on, tcp_acceptor acceptor,
             const barco_ptr& services,
             const std::shared_ptr<http_budgets>& budgets) {
  auto shared = std::make_shared<producer_service>();
  shared->sink = store_frames(services, on.context->get_executor());
  shared->budgets = budgets;
  auto out =
    std::make_shared<producer_server>(std::move(acceptor), std::move(shared));
  boost::asio::post(*on.context, [out] { out->start(); });
  return out;
}

} // namespace

barco_ports open_barco::ports() const {
  return {.discovery = port_of(discovery),
          .producer = port_of(producer),
          .consumer = port_of(consumer),
          .metrics = port_of(metrics),
          .binary = port_of(binary)};
}

open_barco open_barco_ports(const listening& at,
                            const barco_options& settings) {
  auto ports = settings.ports();
  auto open = [&](std::uint16_t port, const std::string& flag) {
    return open_port(at, settings.address, port,
                     "choose another port with " + flag
                       + ", all five with --barco, or none with --barco off");
  };
  // In the order of evaluation that braces guarantee.
  return {.discovery = open(ports.discovery, "--barco-discovery"),
          .producer = open(ports.producer, "--barco-producer"),
          .consumer = open(ports.consumer, "--barco-consumer"),
          .metrics = open(ports.metrics, "--barco-metrics"),
          .binary = open(ports.binary, "--barco-binary")};
}

barco_servers serve_barco(open_barco ports, listening& at,
                          const listened_node& of) {
  auto others = make_counters(at);
  auto consumers = make_counters(at);
  auto state = std::make_shared<barco_state>();
  state->settings = of.settings.barco;
  state->ports = ports.ports();
  state->counts = at.counts;
  state->consumer_connections.assign(consumers.begin(), consumers.end());
  state->budgets = at.budgets;
  state->ready = [n = of.node] { return n->log->refusal() == errc::none; };
  auto services = make_services(state, at, of);

  barco_servers out;
  auto serve = [&](std::vector<tcp_acceptor> acceptors, routes_of add,
                   const counters_of_threads& counts, http_options options) {
    options.budgets = at.budgets;
    for (std::size_t i = 0; i < acceptors.size(); ++i) {
      auto routes = std::make_shared<barco_router>();
      add(*routes, services[i]);
      options.counts = counts[i];
      out.http.push_back(start_server(at.threads[i], std::move(acceptors[i]),
                                      serve_by(std::move(routes)), options));
    }
  };
  http_options usual{.sizes = {.body_bytes_max = of.settings.body_bytes_max}};
  http_options producer{
    .sizes = {.body_bytes_max = of.settings.barco.message_bytes_max},
    .refuse = [most = of.settings.barco.message_bytes_max](const refusal& why) {
      return refuse_producer(why, most);
    }};
  auto both = usual;
  both.h2c = true;
  serve(std::move(ports.discovery), add_discovery_routes, others, both);
  serve(std::move(ports.metrics), add_barco_metrics_routes, others, usual);
  serve(std::move(ports.producer), add_producer_routes, others, producer);
  for (std::size_t i = 0; i < ports.binary.size(); ++i)
    out.binary.push_back(serve_binary(at.threads[i], std::move(ports.binary[i]),
                                      services[i], at.budgets));
  serve(std::move(ports.consumer), add_consumer_routes, consumers, both);
  return out;
}

} // namespace callboard
