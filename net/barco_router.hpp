// Routes with the manners of Barco's listeners.
#pragma once

#include "net/router.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// The routes of one listener and io thread (barco-http.md 2.1): what is
/// unknown is 404, a known path with another verb 405 and a sorted `Allow`,
/// OPTIONS lists the verbs. A path that is one of ours but for doubled slashes,
/// a slash at the end or the case of its letters is redirected to it: 301 for
/// GET, 307 for others, with its query.
///
/// All routes before the first request; outlives the requests it serves.
class barco_router {
public:
  barco_router();
  barco_router(const barco_router&) = delete;
  barco_router& operator=(const barco_router&) = delete;

  /// As `router::add`.
  void add(http_verb verb, std::string_view path, http_handler handler,
           route_options options = {});

  void serve(http_request& request, const http_exchange& exchange) const {
    routes_.serve(request, exchange);
  }

private:
  struct known_path {
    http_verb verb;
    std::vector<std::string> segments; // "" stands for any
  };

  http_answer not_found(const http_request& request) const;
  std::optional<std::string> canonical(const http_request& request) const;

  std::vector<known_path> known_;
  router routes_;
};

/// A handler that serves by `routes` and keeps it alive.
http_handler serve_by(std::shared_ptr<const barco_router> routes);

} // namespace callboard
