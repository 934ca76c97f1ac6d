// Basic authentication, decoded by libsodium.
#include "net/credentials.hpp"

#include <sodium/utils.h>

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

} // namespace callboard
