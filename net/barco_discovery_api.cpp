// The document of discovery, in the order in which Barco writes it.
#include "net/barco_discovery_api.hpp"

#include "net/barco_answers.hpp"
#include "net/base_url.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <nlohmann/json.hpp>

namespace callboard {

namespace {

void brokers(const barco_ptr& services, http_request& request,
             const http_exchange& exchange) {
  auto& state = *services->state;
  auto names = state.hosts
                 ? state.hosts()
                 : std::vector{broker_name(state.settings,
                                           request.header(http_field::host))};
  nlohmann::ordered_json document{{"length", names.size()},
                                  {"names", names},
                                  {"producerPort", state.ports.producer},
                                  {"producerBinaryPort", state.ports.binary},
                                  {"consumerPort", state.ports.consumer}};
  exchange.answer(
    {.content_type = "application/json", .body = document.dump() + "\n"});
}

void discovery_status(const barco_ptr& services, http_request&,
                      const http_exchange& exchange) {
  auto& state = *services->state;
  if (!state.ready || state.ready())
    return exchange.answer(barco_text(
      http_status::ok, "Client discovery server listening on "
                         + std::to_string(state.ports.discovery) + "\n"));
  auto answer =
    barco_text(http_status::service_unavailable,
               "Broker is unavailable to handle producer/consumer requests");
  answer.add_header("Retry-After", "1");
  exchange.answer(std::move(answer));
}

} // namespace

std::string broker_name(const barco_options& settings,
                        std::optional<std::string_view> host) {
  if (!settings.advertise.empty())
    return settings.advertise;
  auto address = boost::asio::ip::make_address(settings.address);
  if (address == boost::asio::ip::address_v4::loopback()
      || address == boost::asio::ip::address_v6::loopback())
    return "localhost";
  if (!address.is_unspecified())
    return address.is_v6() ? "[" + address.to_string() + "]"
                           : address.to_string();
  if (auto used = host ? read_address(*host) : std::nullopt;
      used && !used->host.empty())
    return std::string{used->host};
  boost::system::error_code failed;
  auto own = boost::asio::ip::host_name(failed);
  return failed || own.empty() ? "localhost" : own;
}

void add_discovery_routes(barco_router& routes, const barco_ptr& services) {
  barco_table add{routes, services};
  add(http_verb::get, "/v1/brokers", brokers);
  add(http_verb::get, "/status", discovery_status);
}

} // namespace callboard
