// The absolute URL that a client reached us by, for links and Location.
#pragma once

#include "net/http.hpp"

#include <cstdint>
#include <string>

namespace callboard {

struct base_url_options {
  std::string advertised_host{};     // empty: what the client's Host says
  std::uint16_t advertised_port = 0; // 0: likewise
  bool tls = false;
  std::string own_address = "127.0.0.1:2113"; // for requests without a Host
};

/// Scheme, host, port and prefix, without a slash at the end:
/// `http://broker:2113/prefix`. A default port is left out. From `Host` or the
/// advertised address, then X-Forwarded-Port, -Proto, -Host, -Prefix in this
/// order (spec 0.7). Header values that could not stand in a URL are ignored,
/// so the result can be put into a document after its usual escaping.
std::string base_url(const http_request& request,
                     const base_url_options& options);

} // namespace callboard
