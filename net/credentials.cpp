// Basic authentication, decoded by libsodium.
#include "net/credentials.hpp"

#include <boost/asio/ip/address.hpp>
#include <sodium/utils.h>

#include <algorithm>

namespace callboard {

credentials read_credentials(const http_request& request) {
  constexpr std::string_view scheme = "Basic ";
  auto header = request.header(http_field::authorization);
  if (!header || request.header_count(http_field::authorization) > 1
      || !header->starts_with(scheme))
    return {};
  auto encoded = header->substr(scheme.size());
  std::string text(encoded.size(), '\0'); // more than enough
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(text.data()),
                        text.size(), encoded.data(), encoded.size(), " ", &size,
                        &end, sodium_base64_VARIANT_ORIGINAL)
        != 0
      || end != encoded.data() + encoded.size())
    return {.what = credentials::kind::broken};
  text.resize(size);
  auto colon = text.find(':');
  if (colon == std::string::npos)
    return {};
  return {credentials::kind::basic, text.substr(0, colon),
          text.substr(colon + 1)};
}

std::string failure_name(const std::string& remote_address) {
  namespace ip = boost::asio::ip;
  boost::system::error_code failed;
  auto address = ip::make_address(remote_address, failed);
  if (failed || !address.is_v6())
    return remote_address;
  auto v6 = address.to_v6();
  if (v6.is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, v6).to_string();
  auto bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return ip::address_v6{bytes}.to_string();
}

} // namespace callboard
