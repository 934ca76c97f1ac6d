// Who a client says it is: the Authorization header.
#pragma once

#include "net/http.hpp"

#include <string>

namespace callboard {

/// What a request says about who sent it.
struct credentials {
  enum class kind : std::uint8_t {
    none,   // anonymous
    broken, // a login that cannot succeed: answer as for a wrong password
    basic,
  };

  kind what = kind::none;
  std::string login{};
  std::string password{};

  friend bool operator==(const credentials&, const credentials&) = default;
};

/// Only the scheme `Basic`, in this spelling, counts. Another scheme, several
/// Authorization headers or text without a colon are no credentials at all;
/// text that is not base64 is broken (spec 7.1).
credentials read_credentials(const http_request& request);

/// What failed logins from this address are counted under: the address, or of
/// IPv6 the network of 64 bits, which is one customer's.
std::string failure_name(const std::string& remote_address);

} // namespace callboard
