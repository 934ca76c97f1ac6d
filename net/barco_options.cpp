// Texts to ports and addresses, and the variables of Barco's own broker.
#include "net/barco_options.hpp"

#include "net/base_url.hpp"
#include "net/option_table.hpp"
#include "net/option_values.hpp"

#include <boost/asio/ip/address.hpp>

#include <charconv>
#include <utility>

namespace callboard {

namespace {

constexpr unsigned port_max = 65'535;
constexpr unsigned listeners = 5;

std::optional<std::string> set_listen(options& to, const std::string& text) {
  auto& barco = to.barco;
  options parsed; // its `--http` is spelled the same
  if (text != "off") {
    if (set_http(parsed, text) || parsed.http_port > port_max - listeners + 1)
      return expected("ADDRESS:PORT, for example 127.0.0.1:9250, with four "
                      "ports behind it, or off",
                      text);
    barco.address = parsed.http_address;
    barco.first_port = parsed.http_port;
  }
  barco.listen = text;
  return std::nullopt;
}

std::optional<std::string> set_port(std::optional<std::uint16_t>& to,
                                    const std::string& text) {
  unsigned port = 0;
  auto* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, port);
  if (failed != std::errc{} || stop != end || port > port_max)
    return expected("a port from 1 to 65535, or 0 for a free one", text);
  to = std::uint16_t(port);
  return std::nullopt;
}

std::optional<std::string> set_message_bytes(std::size_t& to,
                                             const std::string& text) {
  std::uint64_t bytes = 0;
  if (set_bytes(bytes, text) || bytes < 1 || bytes > limits::event_bytes_max)
    return expected("a number of bytes from 1 to 4M", text);
  to = std::size_t(bytes);
  return std::nullopt;
}

std::optional<std::string> set_milliseconds(std::chrono::milliseconds& to,
                                            const std::string& text) {
  constexpr std::int64_t most = limits::barco_consumer_wait_setting_max.count();
  std::int64_t number = 0;
  auto* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc{} || stop != end || number < 1 || number > most)
    return expected(
      "a number of milliseconds from 1 to " + std::to_string(most), text);
  to = std::chrono::milliseconds{number};
  return std::nullopt;
}

std::optional<std::string> set_name(std::string& to, const std::string& text) {
  auto at = read_address(text);
  if (!text.empty() && (!at || at->port))
    return expected("a host without a port", text);
  to = text;
  return std::nullopt;
}

using port_member = std::optional<std::uint16_t> barco_options::*;

setting port_setting(std::string name, std::string help, port_member member,
                     std::uint16_t barco_ports::* shown, std::string variable) {
  return {.name = std::move(name),
          .help = std::move(help),
          .set =
            [member](options& o, const std::string& x) {
              return set_port(o.barco.*member, x);
            },
          .get =
            [shown](const options& o) {
              return std::to_string(o.barco.ports().*shown);
            },
          .barco_variable = std::move(variable)};
}

} // namespace

bool barco_options::on_loopback() const {
  boost::system::error_code bad;
  auto parsed = boost::asio::ip::make_address(address, bad);
  return !on() || (!bad && parsed.is_loopback());
}

barco_ports barco_options::ports() const {
  auto behind = [this](unsigned n) {
    return std::uint16_t(first_port == 0 ? 0 : first_port + n);
  };
  return {.discovery = discovery.value_or(behind(0)),
          .producer = producer.value_or(behind(1)),
          .consumer = consumer.value_or(behind(2)),
          .metrics = metrics.value_or(behind(3)),
          .binary = binary.value_or(behind(4))};
}

std::vector<setting> barco_settings() {
  using ports = barco_ports;
  using barco = barco_options;
  return {
    {.name = "barco",
     .help = "address and first of the five ports of the Barco dialect, or off",
     .set = set_listen,
     .get = [](const options& o) { return o.barco.listen; }},
    port_setting("barco-discovery", "port of its discovery", &barco::discovery,
                 &ports::discovery, "CLIENT_DISCOVERY_PORT"),
    port_setting("barco-producer", "port of its producers", &barco::producer,
                 &ports::producer, "PRODUCER_PORT"),
    port_setting("barco-consumer", "port of its consumers", &barco::consumer,
                 &ports::consumer, "CONSUMER_PORT"),
    port_setting("barco-metrics", "port of its metrics", &barco::metrics,
                 &ports::metrics, "METRICS_PORT"),
    port_setting("barco-binary", "port of its producers' binary protocol",
                 &barco::binary, &ports::binary, "PRODUCER_BINARY_PORT"),
    {.name = "barco-open",
     .help = "serve the Barco dialect, which knows no logins, off loopback too",
     .set = [](options& o,
               const std::string& x) { return set_flag(o.barco.open, x); },
     .get = [](const options& o) { return on_off(o.barco.open); },
     .bare = true},
    {.name = "barco-advertise",
     .help = "host that clients of the Barco dialect are told",
     .set = [](options& o,
               const std::string& x) { return set_name(o.barco.advertise, x); },
     .get = [](const options& o) { return o.barco.advertise; }},
    {.name = "barco-max-message",
     .help = "bytes that the body of a Barco producer's request may have",
     .set =
       [](options& o, const std::string& x) {
         return set_message_bytes(o.barco.message_bytes_max, x);
       },
     .get =
       [](const options& o) {
         return std::to_string(o.barco.message_bytes_max);
       },
     .barco_variable = "MAX_MESSAGE_SIZE"},
    {.name = "barco-consumer-timeout",
     .help = "milliseconds after which a quiet Barco consumer is forgotten",
     .set =
       [](options& o, const std::string& x) {
         return set_milliseconds(o.barco.consumer_wait_max, x);
       },
     .get =
       [](const options& o) {
         return std::to_string(o.barco.consumer_wait_max.count());
       },
     .barco_variable = "CONSUMER_READ_TIMEOUT_MS"},
  };
}

std::optional<std::pair<std::string, std::string>>
barco_variable(const std::string& name,
               const std::function<const char*(const char*)>& environment) {
  for (auto* prefix : {"POLAR_", "BARCO_"}) {
    auto variable = prefix + name;
    if (auto* value = environment(variable.c_str()))
      return std::pair{std::string{value}, variable};
  }
  return std::nullopt;
}

std::optional<std::string> listen_as_barco_would(
  options& to, const std::function<const char*(const char*)>& environment) {
  auto said = barco_variable("LISTEN_ON_ALL", environment);
  if (!said)
    return std::nullopt;
  auto& [value, variable] = *said;
  if (value != "false") {
    to.barco.address = "0.0.0.0";
    to.barco.listen = "0.0.0.0:" + std::to_string(to.barco.first_port);
  }
  return variable;
}

} // namespace callboard
