// What is opened and served in which order.
#include "listeners.hpp"

#include "barco_listeners.hpp"
#include "net/admin_api.hpp"
#include "net/asio_coordinator.hpp"
#include "net/eventstore_api.hpp"

#include <boost/asio/post.hpp>
#include <caf/scoped_actor.hpp>
#include <signal.h>
#include <unistd.h>

#include <future>
#include <sstream>
#include <utility>

namespace callboard {

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
    std::ostringstream line;
    line << "callboard: cannot listen on " << where << ": "
         << error.code().message() << "; " << remedy;
    throw listen_failure{line.str()};
  }
}

std::shared_ptr<http_server> start_server(const listening_thread& on,
                                          tcp_acceptor acceptor,
                                          http_handler handler,
                                          http_options options) {
  auto out = std::make_shared<http_server>(
    std::move(acceptor), std::move(handler), std::move(options));
  boost::asio::post(*on.context, [out] { out->start(); });
  return out;
}

listeners::listeners(const listened_node& of) : of_(of) {
  prepare_threads();
  try {
    auto http =
      open_port(all_, of_.settings.http_address, of_.settings.http_port,
                "choose another address with --http");
    auto at = http.front().local_endpoint();
    port_ = at.port();
    make_services(at);
    if (of_.settings.barco.on()) {
      auto barco = open_barco_ports(all_, of_.settings.barco);
      barco_ = barco.ports();
      auto served = serve_barco(std::move(barco), all_, of_);
      servers_ = std::move(served.http);
      producers_ = std::move(served.binary);
    }
    serve_http(std::move(http));
  } catch (...) {
    stop();
    end_actors();
    throw;
  }
}

listeners::~listeners() {
  stop();
  end_actors();
}

void listeners::prepare_threads() {
  auto& io = asio_coordinator::of(of_.sys);
  for (std::size_t i = 0; i < io.size(); ++i) {
    all_.threads.push_back({&io.context(i), of_.sys.spawn(asker_behavior),
                            std::make_shared<eventstore_services>(),
                            std::make_shared<http_counters>()});
    all_.counts.push_back(all_.threads.back().counts);
  }
}

/// `at`: where HTTP is served.
void listeners::make_services(const boost::asio::ip::tcp::endpoint& at) {
  auto& settings = of_.settings;
  access_options access{.anonymous_streams =
                          settings.anonymous.value_or(settings.on_loopback()),
                        .trusted_header = settings.trusted_auth,
                        .everybody_is_admin = settings.insecure};
  std::ostringstream own_address;
  own_address << at;
  for (auto& thread : all_.threads) {
    auto& services = *thread.broker;
    services.system = &of_.sys;
    services.asker = thread.asker;
    services.partitions = of_.broker.routes;
    services.broker = of_.broker.broker;
    services.placement = of_.node->placement;
    services.urls = {.advertised = settings.advertised,
                     .tls = of_.tls != nullptr,
                     .own_address = own_address.str()};
    services.access = std::make_shared<access_control>(
      access_sources{thread.asker, of_.broker.login, of_.broker.routes,
                     of_.node->placement},
      access, all_.epochs);
  }
}

void listeners::serve_http(std::vector<tcp_acceptor> acceptors) {
  auto& settings = of_.settings;
  for (std::size_t i = 0; i < acceptors.size(); ++i) {
    auto& thread = all_.threads[i];
    auto table = std::make_shared<router>(thread.broker->access->make_door());
    add_eventstore_routes(*table, thread.broker);
    auto admin = std::make_shared<admin_services>();
    admin->broker = thread.broker;
    admin->node = of_.node;
    admin->http = all_.counts;
    admin->ready = [n = of_.node] { return n->log->refusal() == errc::none; };
    admin->names_for_anonymous = settings.on_loopback();
    admin->scavenger = of_.broker.scavenger;
    admin->shut_down = [] { ::kill(::getpid(), SIGTERM); };
    tell_settings(*admin, settings, port_);
    add_admin_routes(*table, std::move(admin));
    servers_.push_back(start_server(
      thread, std::move(acceptors[i]), serve_by(std::move(table)),
      {.sizes = {.body_bytes_max = settings.body_bytes_max},
       .tls = of_.tls,
       .budgets = all_.budgets,
       .header_block = cors_headers("GET, POST, PUT, DELETE, OPTIONS"),
       .counts = thread.counts}));
  }
}

void listeners::stop() {
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
}

void listeners::end_actors() {
  caf::scoped_actor waiting{of_.sys};
  for (auto& thread : std::exchange(all_.threads, {})) {
    waiting->send_exit(thread.asker, caf::exit_reason::user_shutdown);
    waiting->wait_for(thread.asker);
  }
}

} // namespace callboard
