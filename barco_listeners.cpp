// Which listener has which routes and bounds.
#include "barco_listeners.hpp"

#include "net/barco_binary.hpp"
#include "net/barco_consumer_api.hpp"
#include "net/barco_discovery_api.hpp"
#include "net/barco_metrics.hpp"
#include "net/barco_producer_api.hpp"
#include "net/try_again.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <utility>

namespace callboard {

namespace {

// Behind the end of a silent consumer, which hears 409 with its next call on a
// connection that is still there.
constexpr std::chrono::milliseconds bound_idle_slack = std::chrono::seconds{30};

using routes_of = void (*)(barco_router&, const barco_ptr&);

std::uint16_t port_of(const std::vector<tcp_acceptor>& acceptors) {
  return acceptors.front().local_endpoint().port();
}

http_handler serve_routes(routes_of add, const barco_ptr& services) {
  auto routes = std::make_shared<barco_router>();
  add(*routes, services);
  return serve_by(std::move(routes));
}

std::shared_ptr<producer_server>
serve_binary(const listening_thread& on, tcp_acceptor acceptor,
             const std::shared_ptr<http_budgets>& budgets) {
  auto shared = std::make_shared<producer_service>();
  shared->sink = [handlers = on.handlers](const produce_frame& frame,
                                          auto then) {
    handlers->binary(frame, std::move(then));
  };
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

barco_counters count_barco(listening& at) {
  barco_counters out;
  for (auto* some : {&out.others, &out.consumers})
    for (std::size_t i = 0; i < at.threads.size(); ++i) {
      some->push_back(std::make_shared<http_counters>());
      at.counts.push_back(some->back());
    }
  return out;
}

std::shared_ptr<barco_state> make_barco_state(const listening& at,
                                              const listened_node& of,
                                              const barco_counters& counts,
                                              const barco_ports& ports) {
  auto state = std::make_shared<barco_state>();
  state->settings = of.settings.barco;
  state->ports = ports;
  state->counts = at.counts;
  state->consumer_connections.assign(counts.consumers.begin(),
                                     counts.consumers.end());
  state->budgets = at.budgets;
  state->ready = of.ready;
  state->hosts = of.cluster.barco_hosts;
  return state;
}

barco_ptr make_barco_services(const std::shared_ptr<barco_state>& state,
                              const listening& at, const listened_node& of,
                              const serving_thread& thread,
                              const running_broker& broker) {
  auto access = std::make_shared<access_control>(
    access_sources{thread.asker, broker.login, broker.routes,
                   of.node->placement},
    access_options{.everybody_is_admin = of.settings.insecure}, at.epochs);
  return std::make_shared<const barco_services>(barco_services{
    thread.broker, of.node, state, broker.members, std::move(access)});
}

void answer_alone(thread_handlers& to, const barco_ptr& services) {
  to.discovery = serve_routes(add_discovery_routes, services);
  to.metrics = serve_routes(add_barco_metrics_routes, services);
  to.producer = serve_routes(add_producer_routes, services);
  to.consumer = serve_routes(add_consumer_routes, services);
}

void answer(thread_handlers& to, const barco_ptr& services,
            const http_executor& executor) {
  answer_alone(to, services);
  to.binary = store_frames(services, executor);
}

barco_servers serve_barco(open_barco ports, const listening& at,
                          const listened_node& of,
                          const barco_counters& counts) {
  barco_servers out;
  auto serve = [&](std::vector<tcp_acceptor> acceptors,
                   http_handler thread_handlers::* which,
                   const std::vector<std::shared_ptr<http_counters>>& counted,
                   http_options options) {
    options.budgets = at.budgets;
    for (std::size_t i = 0; i < acceptors.size(); ++i) {
      options.counts = counted[i];
      out.http.push_back(
        start_server(at.threads[i], std::move(acceptors[i]), which, options));
    }
  };
  http_options usual{.sizes = {.body_bytes_max = of.settings.body_bytes_max},
                     .repeating = repeat_freely};
  http_options producer{
    .sizes = {.body_bytes_max = of.settings.barco.message_bytes_max},
    .refuse = [most = of.settings.barco.message_bytes_max](
                const refusal& why) { return refuse_producer(why, most); },
    .repeating = repeat_stores_twice};
  auto both = usual;
  both.h2c = true;
  auto consumer = both;
  consumer.bound_idle_wait_max =
    of.settings.barco.consumer_wait_max + bound_idle_slack;
  using handlers = thread_handlers;
  serve(std::move(ports.discovery), &handlers::discovery, counts.others, both);
  serve(std::move(ports.metrics), &handlers::metrics, counts.others, usual);
  serve(std::move(ports.producer), &handlers::producer, counts.others,
        producer);
  for (std::size_t i = 0; i < ports.binary.size(); ++i)
    out.binary.push_back(
      serve_binary(at.threads[i], std::move(ports.binary[i]), at.budgets));
  serve(std::move(ports.consumer), &handlers::consumer, counts.consumers,
        consumer);
  return out;
}

} // namespace callboard
