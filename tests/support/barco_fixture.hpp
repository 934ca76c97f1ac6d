// The Barco dialect's producer and discovery over a node that Event Store's
// dialect serves too; no sockets or real time.
#pragma once

#include "actors/core/topics.hpp"
#include "net/barco_consumer_api.hpp"
#include "net/barco_discovery_api.hpp"
#include "net/barco_metrics.hpp"
#include "net/barco_producer_api.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace callboard::test {

/// The routes of one listener of the dialect.
class barco_fixture {
public:
  using adder = void (*)(barco_router&, const barco_ptr&);

  explicit barco_fixture(adder add = add_producer_routes)
      : add_(add), asker_(es.w.vt->sys.spawn(asker_behavior)) {
    state->ports = {.discovery = 9250,
                    .producer = 9251,
                    .consumer = 9252,
                    .metrics = 9253,
                    .binary = 9254};
    serve_ = make_routes();
  }

  ~barco_fixture() {
    caf::anon_send_exit(asker_, caf::exit_reason::user_shutdown);
    es.settle();
  }

  barco_fixture(const barco_fixture&) = delete;
  barco_fixture& operator=(const barco_fixture&) = delete;

  /// Routes to the same actors; other ones than any before, as those of a node
  /// that leads again.
  http_handler make_routes() {
    auto& w = es.w;
    auto services = std::make_shared<barco_services>();
    services->broker = std::make_shared<eventstore_services>(
      eventstore_services{&w.vt->sys,
                          asker_,
                          w.broker.routes,
                          w.broker.broker,
                          w.node->placement,
                          {},
                          es.access});
    services->node = w.node;
    services->members = w.broker.members;
    services->state = state;
    services->access = std::make_shared<access_control>(
      access_sources{asker_, w.broker.login, w.broker.routes,
                     w.node->placement},
      access_options{}, std::make_shared<access_shared>());
    auto routes = std::make_shared<barco_router>();
    add_(*routes, std::move(services));
    return serve_by(std::move(routes));
  }

  /// What answers from now on; in the beginning, routes.
  void serve(http_handler by) { serve_ = std::move(by); }

  /// Requests of one TCP connection share a client.
  using connection = std::shared_ptr<answer_collector>;

  connection connect() {
    return std::make_shared<answer_collector>(es.context);
  }

  std::uint64_t begin(http_verb verb, std::string_view target,
                      const headers& more = {}, std::string body = {}) {
    return begin(es.client, verb, target, more, std::move(body));
  }

  /// A body brings its `Content-Length`, unless `more` has one.
  std::uint64_t begin(const connection& from, http_verb verb,
                      std::string_view target, const headers& more = {},
                      std::string body = {}) {
    http_request request;
    request.method = verb;
    if (!request.set_target(target))
      throw std::runtime_error("bad target");
    request.add_header("Host", "h:9251");
    for (auto& [name, value] : more)
      request.add_header(name, value);
    if (!body.empty() && !request.header(http_field::transfer_encoding))
      request.add_header("Content-Length", std::to_string(body.size()));
    request.body = std::move(body);
    return from->begin(serve_, std::move(request));
  }

  seen_answer call(http_verb verb, std::string_view target,
                   const headers& more = {}, std::string body = {}) {
    return call(es.client, verb, target, more, std::move(body));
  }

  seen_answer call(const connection& from, http_verb verb,
                   std::string_view target, const headers& more = {},
                   std::string body = {}) {
    auto number = begin(from, verb, target, more, std::move(body));
    es.settle();
    auto& got = from->answer_to(number);
    if (!got)
      throw std::runtime_error("no answer");
    return {got->answer};
  }

  seen_answer get(std::string_view target) {
    return call(http_verb::get, target);
  }

  /// `type`: the Content-Type; `query`: with its question mark.
  seen_answer produce(const std::string& topic, std::string body,
                      const std::string& query = {},
                      const std::string& type = "application/json") {
    return call(http_verb::post, "/v1/topic/" + topic + "/messages" + query,
                {{"Content-Type", type}}, std::move(body));
  }

  /// The events of a topic's part, as Event Store's dialect shows them.
  std::vector<std::string> stored(const std::string& topic,
                                  std::uint64_t partition) {
    read_request what{topic_stream(es.w.node->placement, topic, {partition}),
                      event_number{0}, 1000, direction::forward, false};
    auto page = es.w.vt->ask<event_page_ptr>(
      es.w.broker.routes->partitions[partition], read_atom_v, std::move(what));
    std::vector<std::string> out;
    for (auto& e : page.value()->events)
      out.push_back(e.original->data);
    return out;
  }

  dialect_fixture es;
  std::shared_ptr<barco_state> state = std::make_shared<barco_state>();

private:
  adder add_;
  caf::actor asker_;
  http_handler serve_;
};

} // namespace callboard::test
