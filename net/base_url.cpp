// Host and the X-Forwarded headers, each believed only as far as it makes
// sense.
#include "net/base_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace callboard {

namespace {

constexpr std::string_view letters_and_digits =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool consists_of(std::string_view text, std::string_view more) noexcept {
  return std::all_of(text.begin(), text.end(), [more](char c) {
    return letters_and_digits.find(c) != std::string_view::npos
           || more.find(c) != std::string_view::npos;
  });
}

std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  auto [end, ec] =
    std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size() || port == 0)
    return std::nullopt;
  return port;
}

std::string_view first_of_list(std::string_view list) noexcept {
  auto first = list.substr(0, list.find(','));
  return first.substr(0, first.find_last_not_of(' ') + 1);
}

/// What the client reached us by, before any proxy has its say.
host_and_port own(const http_request& request,
                  const base_url_options& options) {
  auto host = request.header(http_field::host);
  auto at = host ? read_address(*host) : std::nullopt;
  if (!at)
    at = read_address(options.own_address);
  host_and_port out = at.value_or(host_and_port{"localhost", std::nullopt});
  auto& advertised = options.advertised;
  if (!advertised.host.empty())
    out.host = advertised.host;
  if (advertised.port || !advertised.scheme.empty())
    out.port = advertised.port;
  return out;
}

} // namespace

std::optional<host_and_port> read_address(std::string_view text) noexcept {
  host_and_port out{text, std::nullopt};
  auto colon = text.rfind(':');
  if (colon != std::string_view::npos && !text.ends_with(']')) {
    out.host = text.substr(0, colon);
    out.port = read_port(text.substr(colon + 1));
    if (!out.port)
      return std::nullopt;
  }
  bool literal = out.host.starts_with('[') && out.host.ends_with(']');
  auto name = literal ? out.host.substr(1, out.host.size() - 2) : out.host;
  if (name.empty() || !consists_of(name, literal ? ":." : "-._"))
    return std::nullopt;
  return out;
}

std::string_view without_slashes(std::string_view path) noexcept {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path.substr(0, path.find_last_not_of('/') + 1);
}

bool is_url_path(std::string_view path) noexcept {
  return consists_of(path, "-._~/$@:%");
}

std::string base_url(const http_request& request,
                     const base_url_options& options) {
  std::string_view scheme = !options.advertised.scheme.empty()
                              ? std::string_view{options.advertised.scheme}
                            : options.tls ? "https"
                                          : "http";
  auto at = own(request, options);
  if (auto text = request.header("X-Forwarded-Port"))
    if (auto port = read_port(*text))
      at.port = port;
  if (auto proto = request.header("X-Forwarded-Proto"))
    if (auto first = first_of_list(*proto); first == "http" || first == "https")
      scheme = first;
  if (auto list = request.header("X-Forwarded-Host"))
    if (auto forwarded = read_address(first_of_list(*list))) {
      at.host = forwarded->host;
      if (forwarded->port)
        at.port = forwarded->port;
    }
  std::string out{scheme};
  out.append("://").append(at.host);
  if (at.port && *at.port != (scheme == "https" ? 443 : 80))
    out.append(":").append(std::to_string(*at.port));
  std::string_view prefix = options.advertised.prefix;
  if (auto forwarded = request.header("X-Forwarded-Prefix"))
    if (auto path = without_slashes(*forwarded); is_url_path(path))
      prefix = path;
  if (!prefix.empty())
    out.append("/").append(prefix);
  return out;
}

} // namespace callboard
