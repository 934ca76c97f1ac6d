// What all kinds of listeners of a node share.
#pragma once

#include "actors/broker_actor.hpp"
#include "net/access.hpp"
#include "net/admin_api.hpp"
#include "net/admin_cluster.hpp"
#include "net/eventstore_services.hpp"
#include "net/http_server.hpp"
#include "net/metrics.hpp"
#include "net/options.hpp"
#include "net/producer_session.hpp"
#include "server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <caf/actor_system.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

/// What listeners know of the node's cluster; all functions from any thread.
struct cluster_view {
  std::uint64_t self = 0; // 0: the node stands alone
  std::function<bool(std::uint64_t to, std::uint8_t kind, std::string bytes)>
    send{};
  /// Where a node's HTTP listener is: `http://host:port`; empty: not known.
  std::function<std::string(std::uint64_t)> url_of{};
  /// Hosts of the nodes' Barco listeners, in the order of their ids.
  std::function<std::vector<std::string>()> barco_hosts{};
  /// The body of `GET /cluster`.
  std::function<std::string()> status{};
  /// What `/metrics` adds.
  std::function<std::string()> metrics{};
  /// What a node that leads promises with a 2xx: `fsync, replicas=2/3`.
  std::function<std::string()> durability{};
  /// What `GET /gossip` tells of the nodes.
  std::function<std::vector<gossip_member>()> members{};
  /// What operators change about it, while this node leads.
  cluster_changer change{};
};

/// The node that is served.
struct listened_node {
  const options& settings;
  caf::actor_system& sys;
  node_ptr node;
  std::shared_ptr<tls_identity> tls; // null: in the clear
  /// Whether everything can be answered. Any thread.
  std::function<bool()> ready;
  cluster_view cluster{};
};

/// What answers the requests of each listener on one thread; only read and
/// changed there.
struct thread_handlers {
  http_handler eventstore;
  http_handler discovery;
  http_handler metrics; // of the Barco dialect
  http_handler producer;
  http_handler consumer;
  producer_sink binary;
};

/// One io thread: who answers its requests, and what they count.
struct listening_thread {
  boost::asio::io_context* context = nullptr;
  std::shared_ptr<http_counters> counts;
  std::shared_ptr<thread_handlers> handlers =
    std::make_shared<thread_handlers>();
};

/// Of all listeners and threads.
struct listening {
  std::vector<listening_thread> threads{};
  std::shared_ptr<http_budgets> budgets = std::make_shared<http_budgets>();
  std::shared_ptr<side_threads> aside{}; // as many as there are here
  std::shared_ptr<access_shared> epochs = std::make_shared<access_shared>();
  http_counts counts{};
};

/// Of one thread, while this node's actors answer.
struct serving_thread {
  caf::actor asker;
  std::shared_ptr<eventstore_services> broker;
};

/// An address that cannot be listened on; `why.text` says what to do.
struct listen_failure : std::runtime_error {
  explicit listen_failure(server::failure f)
      : runtime_error(f.text), why(std::move(f)) {}

  server::failure why;
};

/// `where`: ADDRESS:PORT. `remedy`: how to choose another one, which helps
/// unless the system has no descriptors left.
server::failure explain_listening(const boost::system::error_code& error,
                                  const std::string& where,
                                  const std::string& remedy);

/// One for each thread, at the same address. `remedy`: how to choose another
/// one. Throws `listen_failure`.
std::vector<tcp_acceptor> open_port(const listening& at,
                                    const std::string& address,
                                    std::uint16_t port,
                                    const std::string& remedy);

/// Serves, from the next turn of the thread on, with what `which` of the
/// thread's handlers is at that time. `front`: what stands before it.
std::shared_ptr<http_server>
start_server(const listening_thread& on, tcp_acceptor acceptor,
             http_handler thread_handlers::* which, http_options options,
             http_handler (*front)(http_handler) = nullptr);

} // namespace callboard
