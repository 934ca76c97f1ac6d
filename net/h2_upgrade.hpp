// How a connection comes to speak HTTP/2.
#pragma once

#include "net/http.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// What a client that knows begins with.
inline constexpr std::string_view h2_preface =
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The client's settings, if an HTTP/1.1 request asks to go on in HTTP/2
/// (`Upgrade: h2c`, RFC 7540, 3.2): for `h2_protocol::upgrade`. Nothing if it
/// does not, or not in the right way: it is answered in HTTP/1.1 then.
std::optional<std::string> h2_settings_of(const http_request& request);

} // namespace callboard
