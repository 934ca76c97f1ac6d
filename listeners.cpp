// What is opened and served in which order, and who answers.
#include "listeners.hpp"

#include "net/admin_api.hpp"
#include "net/asio_coordinator.hpp"
#include "net/event_push.hpp"
#include "net/eventstore_api.hpp"

#include <boost/asio/post.hpp>
#include <caf/scoped_actor.hpp>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <sstream>
#include <string_view>
#include <utility>

namespace callboard {

using namespace std::string_view_literals;

namespace {

/// The broker of a node that does not lead: it knows nothing.
broker_actor::behavior_type absent_broker() {
  auto nothing = caf::make_error(errc::unavailable);
  return {
    [=](groups_atom) -> caf::result<group_infos> { return nothing; },
    [=](describe_atom) -> caf::result<group_infos> { return nothing; },
    [=](restart_atom) -> caf::result<bool> { return nothing; },
    [=](read_atom, all_request&) -> caf::result<all_page_ptr> {
      return nothing;
    },
    [=](read_atom, const streams_request&) -> caf::result<stream_list_ptr> {
      return nothing;
    },
    [=](delayed_atom, const delayed_query&) -> caf::result<delayed_page_ptr> {
      return nothing;
    },
    [=](delayed_atom, const delayed_ref&) -> caf::result<delayed_detail_ptr> {
      return nothing;
    },
    [](wake_atom) {},
    [](tick_atom) {},
  };
}

/// Every node answers these for itself, and everybody may ask.
bool is_about_node(const http_request& request) {
  constexpr std::array own{"ping"sv,    "info"sv,         "gossip"sv,
                           "metrics"sv, "openapi.json"sv, "cluster"sv};
  constexpr std::array whole{"health"sv, "stats"sv};
  auto among = [&](auto& names) {
    return std::find(names.begin(), names.end(), request.segment(0))
           != names.end();
  };
  auto count = request.segment_count();
  return (count == 1 && among(own)) || (count > 0 && among(whole));
}

/// It is meant for this node, whose users only the leader can ask for.
bool is_shutdown(const http_request& request) {
  return request.segment_count() == 2 && request.segment(0) == "admin"
         && request.segment(1) == "shutdown";
}

/// Whoever leads, events are pushed by the node that the client is connected
/// to.
http_handler push_before(http_handler next) {
  return push_events({.next = std::move(next)});
}

void answer_nobody(http_request&, const http_exchange& exchange) {
  auto answer = plain_status(http_status::service_unavailable);
  answer.add_header("Retry-After", "1");
  exchange.answer(std::move(answer));
}

} // namespace

std::vector<tcp_acceptor> open_port(const listening& at,
                                    const std::string& address,
                                    std::uint16_t port,
                                    const std::string& remedy) {
  std::vector<boost::asio::io_context*> contexts;
  for (auto& thread : at.threads)
    contexts.push_back(thread.context);
  boost::asio::ip::tcp::endpoint where{boost::asio::ip::make_address(address),
                                       port};
  try {
    return listen(contexts, where);
  } catch (const boost::system::system_error& error) {
    std::ostringstream text;
    text << where;
    throw listen_failure{explain_listening(error.code(), text.str(), remedy)};
  }
}

server::failure explain_listening(const boost::system::error_code& error,
                                  const std::string& where,
                                  const std::string& remedy) {
  bool none_left =
    error == boost::system::errc::too_many_files_open
    || error == boost::system::errc::too_many_files_open_in_system;
  return {
    none_left ? 1 : 4,
    "callboard: cannot listen on " + where + ": " + error.message() + "; "
      + (none_left ? "raise the limit of open files (ulimit -n)" : remedy)};
}

std::shared_ptr<http_server> start_server(const listening_thread& on,
                                          tcp_acceptor acceptor,
                                          http_handler thread_handlers::* which,
                                          http_options options,
                                          http_handler (*front)(http_handler)) {
  http_handler served = [handlers = on.handlers,
                         which](http_request& request,
                                const http_exchange& exchange) {
    ((*handlers).*which)(request, exchange);
  };
  auto out = std::make_shared<http_server>(
    std::move(acceptor), front ? front(std::move(served)) : std::move(served),
    std::move(options));
  boost::asio::post(*on.context, [out] { out->start(); });
  return out;
}

listeners::listeners(const listened_node& of) : of_(of) {
  prepare_threads();
  try {
    http_ = open_port(all_, of_.settings.http_address, of_.settings.http_port,
                      "choose another address with --http");
    auto at = http_.front().local_endpoint();
    port_ = at.port();
    std::ostringstream own_address;
    own_address << at;
    own_address_ = own_address.str();
    if (of_.settings.barco.on()) {
      open_barco_.emplace(open_barco_ports(all_, of_.settings.barco));
      barco_ = open_barco_->ports();
      barco_counters_ = count_barco(all_);
      barco_state_ = make_barco_state(all_, of_, barco_counters_, *barco_);
    }
  } catch (...) {
    caf::anon_send_exit(absent_, caf::exit_reason::user_shutdown);
    throw;
  }
  answer_alone();
  auto& cluster = of_.cluster;
  if (cluster.self == 0)
    return;
  forwarding_ = std::make_unique<forwarding>(all_, cluster.self, cluster.send,
                                             cluster.url_of);
  on_each_thread([&](std::size_t i) {
    forwarding_->stand_before(
      i, *all_.threads[i].handlers, [](const http_request& request) {
        return is_about_node(request) || is_shutdown(request);
      });
  });
}

listeners::~listeners() {
  stop();
  all_.aside->stop();
  end_askers();
  for (auto& one : serving_)
    end(one.asker);
  caf::scoped_actor self{of_.sys};
  self->send_exit(absent_, caf::exit_reason::user_shutdown);
  self->wait_for(absent_);
}

void listeners::prepare_threads() {
  auto& io = asio_coordinator::of(of_.sys);
  absent_ = of_.sys.spawn(absent_broker);
  for (std::size_t i = 0; i < io.size(); ++i) {
    all_.threads.push_back({&io.context(i), std::make_shared<http_counters>()});
    all_.counts.push_back(all_.threads.back().counts);
  }
  all_.aside = std::make_shared<side_threads>(io.size(), all_.budgets);
}

/// What asks the actors of `broker` on one thread.
serving_thread listeners::serve_thread(const running_broker& broker) {
  auto& settings = of_.settings;
  access_options access{.anonymous_streams =
                          settings.anonymous.value_or(settings.on_loopback()),
                        .trusted_header = settings.trusted_auth,
                        .everybody_is_admin = settings.insecure};
  serving_thread out{of_.sys.spawn(asker_behavior),
                     std::make_shared<eventstore_services>()};
  auto& services = *out.broker;
  services.system = &of_.sys;
  services.asker = out.asker;
  services.partitions = broker.routes;
  services.broker = broker.broker;
  services.placement = of_.node->placement;
  if (of_.cluster.durability)
    services.durability = of_.cluster.durability();
  services.aside = all_.aside;
  services.urls = {.advertised = settings.advertised,
                   .tls = of_.tls != nullptr,
                   .own_address = own_address_};
  services.access = std::make_shared<access_control>(
    access_sources{out.asker, broker.login, broker.routes, of_.node->placement},
    access, all_.epochs);
  return out;
}

http_handler listeners::make_eventstore(const serving_thread& thread,
                                        const running_broker& broker,
                                        bool leads) const {
  auto& settings = of_.settings;
  auto table = std::make_shared<router>(
    leads ? thread.broker->access->make_door() : door{});
  if (leads)
    add_eventstore_routes(*table, thread.broker);
  auto admin = std::make_shared<admin_services>();
  admin->broker = thread.broker;
  admin->node = of_.node;
  admin->http = all_.counts;
  admin->ready = of_.ready;
  admin->cluster = of_.cluster.status;
  admin->members = of_.cluster.members;
  admin->cluster_metrics = of_.cluster.metrics;
  admin->names_for_anonymous = settings.on_loopback();
  admin->scavenger = broker.scavenger;
  admin->shut_down = [] { ::kill(::getpid(), SIGTERM); };
  tell_settings(*admin, settings, port_);
  add_admin_routes(*table, std::move(admin));
  if (leads && of_.cluster.change)
    add_cluster_routes(*table, of_.cluster.change);
  return serve_by(std::move(table));
}

void listeners::on_each_thread(const std::function<void(std::size_t)>& run) {
  std::vector<std::future<void>> done;
  for (std::size_t i = 0; i < all_.threads.size(); ++i) {
    auto finished = std::make_shared<std::promise<void>>();
    done.push_back(finished->get_future());
    boost::asio::post(*all_.threads[i].context, [&run, i, finished] {
      run(i);
      finished->set_value();
    });
  }
  for (auto& one : done)
    one.wait();
}

/// What needs no actors.
void listeners::answer_alone() {
  running_broker nobody;
  nobody.broker = absent_;
  for (std::size_t i = 0; i < all_.threads.size(); ++i)
    serving_.push_back(serve_thread(nobody));
  on_each_thread([&](std::size_t i) {
    auto& handlers = *all_.threads[i].handlers;
    handlers.eventstore = [alone = make_eventstore(serving_[i], nobody, false)](
                            http_request& request,
                            const http_exchange& exchange) {
      if (is_about_node(request))
        return alone(request, exchange);
      if (is_shutdown(request))
        return exchange.answer(
          refuse({409, "This node does not lead, so it cannot tell who may "
                       "stop it: send it SIGTERM."}));
      answer_nobody(request, exchange);
    };
    handlers.producer = handlers.consumer = answer_nobody;
    handlers.binary = [](const produce_frame&, auto then) {
      then(
        producer_refusal{frame_error::server, "No node leads at the moment"});
    };
    if (barco_)
      callboard::answer_alone(
        handlers,
        make_barco_services(barco_state_, all_, of_, serving_[i], nobody));
  });
}

void listeners::lead(const running_broker& broker) {
  std::vector<serving_thread> serving;
  for (std::size_t i = 0; i < all_.threads.size(); ++i)
    serving.push_back(serve_thread(broker));
  on_each_thread([&](std::size_t i) {
    auto& thread = all_.threads[i];
    auto by = *thread.handlers;
    by.eventstore = make_eventstore(serving[i], broker, true);
    if (!barco_) {
      // Other nodes may have it: what they forward is not found here.
      by.producer = by.consumer = nullptr;
      by.binary = nullptr;
    } else
      answer(by,
             make_barco_services(barco_state_, all_, of_, serving[i], broker),
             thread.context->get_executor());
    if (forwarding_)
      forwarding_->lead(i, by);
    else
      *thread.handlers = std::move(by);
  });
  serving_.insert(serving_.end(), serving.begin(), serving.end());
}

void listeners::leave() {
  on_each_thread([this](std::size_t i) { forwarding_->leave(i); });
}

std::size_t listeners::hold() {
  std::atomic<std::size_t> left{0};
  on_each_thread([&](std::size_t i) { left += forwarding_->hold(i); });
  return left;
}

void listeners::start() {
  if (open_barco_) {
    auto served =
      serve_barco(std::move(*open_barco_), all_, of_, barco_counters_);
    servers_ = std::move(served.http);
    producers_ = std::move(served.binary);
    open_barco_.reset();
  }
  auto& settings = of_.settings;
  for (std::size_t i = 0; i < http_.size(); ++i)
    servers_.push_back(start_server(
      all_.threads[i], std::move(http_[i]), &thread_handlers::eventstore,
      {.sizes = {.body_bytes_max = settings.body_bytes_max},
       .tls = of_.tls,
       .budgets = all_.budgets,
       .header_block = cors_headers("GET, POST, PUT, DELETE, "
                                    "OPTIONS"),
       .counts = all_.threads[i].counts},
      push_before));
  http_.clear();
}

void listeners::stop() {
  if (forwarding_)
    forwarding_->stopping();
  std::vector<std::future<void>> stopping;
  auto stop_all = [&](auto& servers) {
    for (auto& server : servers) {
      auto stopped = std::make_shared<std::promise<void>>();
      stopping.push_back(stopped->get_future());
      server->stop([stopped] { stopped->set_value(); });
    }
  };
  stop_all(producers_);
  stop_all(servers_);
  for (auto& one : stopping)
    one.wait();
  producers_.clear();
  servers_.clear();
  if (forwarding_)
    forwarding_->stop();
}

void listeners::end_askers() {
  // The first of each thread ask for nobody, as long as the node runs.
  auto kept = std::min(serving_.size(), all_.threads.size());
  for (std::size_t i = kept; i < serving_.size(); ++i)
    end(serving_[i].asker);
  serving_.resize(kept);
}

void listeners::end(const caf::actor& asker) {
  caf::scoped_actor waiting{of_.sys};
  waiting->send_exit(asker, caf::exit_reason::user_shutdown);
  waiting->wait_for(asker);
}

} // namespace callboard
