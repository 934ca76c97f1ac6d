// The absolute URL that a client reached us by, for links and Location.
#pragma once

#include "net/advertised_address.hpp"
#include "net/http.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

struct base_url_options {
  advertised_address advertised{}; // what is empty is as the client's Host says
  bool tls = false;
  std::string own_address = "127.0.0.1:2113"; // for requests without a Host
};

/// No port: the default one of whatever the scheme turns out to be.
struct host_and_port {
  std::string_view host;
  std::optional<std::uint16_t> port;
};

/// `host`, `host:port`, `[::1]:port`. Nothing for what is none of them.
std::optional<host_and_port> read_address(std::string_view text) noexcept;

/// Without those at both ends.
std::string_view without_slashes(std::string_view path) noexcept;

/// Whether it can stand in a URL as it is; also if it is empty.
bool is_url_path(std::string_view path) noexcept;

/// Scheme, host, port and prefix, without a slash at the end:
/// `http://broker:2113/prefix`. A default port is left out. From `Host` or the
/// advertised address, then X-Forwarded-Port, -Proto, -Host, -Prefix in this
/// order (spec 0.7). Header values that could not stand in a URL are ignored,
/// so the result can be put into a document after its usual escaping.
std::string base_url(const http_request& request,
                     const base_url_options& options);

} // namespace callboard
