// The five listeners of the Barco dialect.
#pragma once

#include "listening.hpp"
#include "net/barco_options.hpp"
#include "net/barco_services.hpp"
#include "net/producer_server.hpp"

#include <memory>
#include <vector>

namespace callboard {

/// Addresses that are taken but not served yet.
struct open_barco {
  std::vector<tcp_acceptor> discovery{};
  std::vector<tcp_acceptor> producer{};
  std::vector<tcp_acceptor> consumer{};
  std::vector<tcp_acceptor> metrics{};
  std::vector<tcp_acceptor> binary{};

  barco_ports ports() const;
};

/// Throws `listen_failure`, which names the option of the port.
open_barco open_barco_ports(const listening& at, const barco_options& settings);

/// What its listeners count, joined to the counters of `at`, a thread each.
struct barco_counters {
  std::vector<std::shared_ptr<http_counters>> consumers;
  std::vector<std::shared_ptr<http_counters>> others;
};

barco_counters count_barco(listening& at);

/// What all threads share. `counts` are among those of `at` already.
std::shared_ptr<barco_state> make_barco_state(const listening& at,
                                              const listened_node& of,
                                              const barco_counters& counts,
                                              const barco_ports& ports);

/// How one thread asks the actors of `broker`.
barco_ptr make_barco_services(const std::shared_ptr<barco_state>& state,
                              const listening& at, const listened_node& of,
                              const serving_thread& thread,
                              const running_broker& broker);

/// Discovery and metrics, which need no actors, and routes of producers and
/// consumers: without actors, for `…_answered_anywhere` only.
void answer_alone(thread_handlers& to, const barco_ptr& services);

/// All of it.
void answer(thread_handlers& to, const barco_ptr& services,
            const http_executor& executor);

/// What serves them, one a thread.
struct barco_servers {
  std::vector<std::shared_ptr<http_server>> http;
  std::vector<std::shared_ptr<producer_server>> binary;
};

/// Serves them, in Barco's order of start: discovery, metrics, producers,
/// consumers.
barco_servers serve_barco(open_barco ports, const listening& at,
                          const listened_node& of,
                          const barco_counters& counts);

} // namespace callboard
