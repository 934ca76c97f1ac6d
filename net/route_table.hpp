// Routes whose functions all need the same services.
#pragma once

#include "net/router.hpp"

#include <memory>
#include <string_view>

namespace callboard {

/// Adds routes that have the services at hand, and keep them alive.
template <class Services, class Router = router>
struct route_table {
  using services_ptr = std::shared_ptr<const Services>;
  using function = void (*)(const services_ptr&, http_request&,
                            const http_exchange&);

  Router& routes;
  const services_ptr& services;

  void operator()(http_verb verb, std::string_view path, function serve,
                  route_options options = {}) const {
    routes.add(
      verb, path,
      [services = services, serve](http_request& request,
                                   const http_exchange& exchange) {
        serve(services, request, exchange);
      },
      options);
  }
};

} // namespace callboard
