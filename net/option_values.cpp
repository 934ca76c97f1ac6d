// What each text may be, and what is said if it is not.
#include "net/option_values.hpp"

#include "actors/core/limits.hpp"
#include "net/base_url.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>

namespace callboard {

std::optional<std::string> expected(const std::string& allowed,
                                    const std::string& found) {
  return "must be " + allowed + ", not '" + found + "'";
}

std::optional<std::string> one_of(std::string& to, const std::string& text,
                                  const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
    std::string list;
    for (auto& one : allowed)
      list += (list.empty() ? "" : ", ") + one;
    return expected("one of " + list, text);
  }
  to = text;
  return std::nullopt;
}

std::optional<std::string> set_flag(bool& to, const std::string& text) {
  if (text != "on" && text != "off" && text != "true" && text != "false")
    return expected("on or off", text);
  to = text == "on" || text == "true";
  return std::nullopt;
}

std::optional<std::string> set_http(options& to, const std::string& text) {
  auto colon = text.rfind(':');
  auto address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  boost::system::error_code bad;
  boost::asio::ip::make_address(address, bad);
  unsigned port = 0;
  auto* end = text.data() + text.size();
  auto* digits = colon == std::string::npos ? end : text.data() + colon + 1;
  auto [stop, failed] = std::from_chars(digits, end, port);
  if (bad || failed != std::errc{} || stop != end || port > 65'535)
    return expected("ADDRESS:PORT, for example 127.0.0.1:2113", text);
  to.http = text;
  to.http_address = address;
  to.http_port = std::uint16_t(port);
  return std::nullopt;
}

namespace {

/// `20G`; nothing for what is no such number.
std::optional<std::uint64_t> read_bytes(const std::string& text) {
  std::uint64_t number = 0;
  auto* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, number);
  unsigned shift = 0;
  if (failed == std::errc{} && stop + 1 == end)
    switch (*stop) {
      case 'K': shift = 10; break;
      case 'M': shift = 20; break;
      case 'G': shift = 30; break;
      case 'T': shift = 40; break;
      default: failed = std::errc::invalid_argument;
    }
  else if (stop != end)
    failed = std::errc::invalid_argument;
  if (failed != std::errc{} || (number << shift) >> shift != number)
    return std::nullopt;
  return number << shift;
}

std::optional<std::size_t> read_number(const std::string& text,
                                       std::size_t max) {
  std::size_t number = 0;
  auto* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc{} || stop != end || number > max)
    return std::nullopt;
  return number;
}

} // namespace

std::optional<std::string> set_bytes(std::uint64_t& to,
                                     const std::string& text) {
  auto number = read_bytes(text);
  if (!number)
    return expected("a number of bytes, with K, M, G or T behind it if you "
                    "like, for example 20G",
                    text);
  to = *number;
  return std::nullopt;
}

std::optional<std::string> set_body_bytes(std::size_t& to,
                                          const std::string& text) {
  auto number = read_bytes(text);
  if (!number || *number < limits::body_setting_min
      || *number > limits::body_setting_max)
    return expected("a number of bytes from 1K to 64M", text);
  to = *number;
  return std::nullopt;
}

std::optional<std::string> set_threads(options& to, const std::string& text) {
  auto number = read_number(text, 256);
  if (!number)
    return expected("a number from 1 to 256, or 0 for one for two cores", text);
  to.threads = *number;
  return std::nullopt;
}

std::optional<std::string> set_idle_poll(options& to, const std::string& text) {
  auto number = read_number(text, 10'000);
  if (!number)
    return expected("a number of microseconds up to 10000, or 0 for never",
                    text);
  to.idle_poll = std::chrono::microseconds{*number};
  return std::nullopt;
}

std::optional<std::string> set_advertise(advertised_address& to,
                                         const std::string& text) {
  auto rest = std::string_view{text};
  advertised_address out;
  for (std::string_view scheme : {"http", "https"})
    if (rest.starts_with(scheme)
        && rest.substr(scheme.size()).starts_with("://")) {
      out.scheme = scheme;
      rest.remove_prefix(scheme.size() + 3);
      break;
    }
  auto address = rest.substr(0, rest.find('/'));
  auto prefix = rest.substr(address.size());
  auto at = read_address(address);
  auto path = without_slashes(prefix);
  if (!at || (out.scheme.empty() && !prefix.empty()) || !is_url_path(path))
    return expected("HOST, HOST:PORT or a URL, for example "
                    "https://broker.example.com:2113",
                    text);
  out.host = at->host;
  out.port = at->port;
  out.prefix = path;
  to = std::move(out);
  return std::nullopt;
}

std::string on_off(bool x) {
  return x ? "on" : "off";
}

} // namespace callboard
