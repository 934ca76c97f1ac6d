// The five listeners of the Barco dialect.
#pragma once

#include "listening.hpp"
#include "net/barco_options.hpp"
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

/// What serves them, one a thread.
struct barco_servers {
  std::vector<std::shared_ptr<http_server>> http;
  std::vector<std::shared_ptr<producer_server>> binary;
};

/// Serves them, in Barco's order of start: discovery, metrics, producers,
/// consumers. Their counters join those of `at`.
barco_servers serve_barco(open_barco ports, listening& at,
                          const listened_node& of);

} // namespace callboard
