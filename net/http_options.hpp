// What an HTTP server can be told.
#pragma once

#include "actors/core/limits.hpp"
#include "net/http.hpp"
#include "net/http_budget.hpp"
#include "net/http_counters.hpp"
#include "net/http_limits.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace callboard {

class tls_identity;

struct http_options {
  http_limits sizes{};
  /// HTTP/2 in the clear besides HTTP/1: by prior knowledge and by
  /// `Upgrade: h2c`. If not, its preface is refused as any other broken
  /// request.
  bool h2c = false;
  h2_limits h2{};
  std::chrono::milliseconds handshake_wait_max = limits::handshake_wait_max;
  std::chrono::milliseconds idle_wait_max = limits::idle_wait_max;
  /// The same while something is bound to a connection, which ends with it;
  /// never less than that.
  std::chrono::milliseconds bound_idle_wait_max{0};
  std::chrono::milliseconds header_wait_max = limits::header_wait_max;
  std::chrono::milliseconds body_grace = limits::body_grace;
  std::chrono::milliseconds body_wait_max = limits::body_wait_max;
  std::chrono::milliseconds answer_wait_max = limits::answer_wait_max;
  std::chrono::milliseconds write_wait_max = limits::write_wait_max;
  std::chrono::milliseconds drain_wait_max = limits::drain_wait_max;
  std::size_t handshakes_max = limits::handshakes_max; // of one server
  /// Null: connections are in the clear.
  std::shared_ptr<const tls_identity> tls{};
  /// Of all servers of a process.
  std::shared_ptr<http_budgets> budgets = std::make_shared<http_budgets>();
  /// Whole lines for answers that no router saw; see `cors_headers`.
  std::string header_block{};
  /// Words the answer to what cannot be read, which is then not what
  /// `callboard::refuse` says; a 503 stays as it is.
  std::function<http_answer(const refusal&)> refuse{};
  /// What to do about a request of which nobody knows whether it was done.
  std::string_view repeating = "Try again; events with the same ids.";
  /// Of this thread alone; outlives the server for who reads it.
  std::shared_ptr<http_counters> counts = std::make_shared<http_counters>();

  /// How long a connection may have no request.
  std::chrono::milliseconds idle_wait(bool bound) const {
    return bound ? std::max(idle_wait_max, bound_idle_wait_max) : idle_wait_max;
  }
};

} // namespace callboard
