// The routes of consumers.
#include "net/barco_consumer_api.hpp"

#include "net/barco_answers.hpp"

namespace callboard {

namespace {

void status(const barco_ptr& services, http_request&,
            const http_exchange& exchange) {
  exchange.answer(barco_text(http_status::ok,
                             "Consumer server listening on "
                               + std::to_string(services->state->ports.consumer)
                               + "\n"));
}

} // namespace

void add_consumer_routes(barco_router& routes, const barco_ptr& services) {
  barco_table add{routes, services};
  add(http_verb::get, "/status", status);
}

} // namespace callboard
