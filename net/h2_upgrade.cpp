// The headers of an upgrade; its settings are base64url.
#include "net/h2_upgrade.hpp"

#include <boost/beast/http/rfc7230.hpp>
#include <sodium/utils.h>

namespace callboard {

namespace {

constexpr std::size_t setting_bytes = 6; // number and value
constexpr std::size_t settings_max = 32; // of those; few are defined

bool lists(const http_request& request, http_field name,
           std::string_view token) {
  auto all = request.header_list(name);
  return boost::beast::http::token_list{all}.exists(token);
}

} // namespace

std::optional<std::string> h2_settings_of(const http_request& request) {
  constexpr std::string_view name = "HTTP2-Settings";
  if (request.header_count(http_field::upgrade) == 0
      || request.header_count(http_field::http2_settings) != 1
      || !lists(request, http_field::upgrade, "h2c")
      || !lists(request, http_field::connection, "upgrade")
      || !lists(request, http_field::connection, name))
    return std::nullopt;
  auto encoded = *request.header(http_field::http2_settings);
  std::string out(encoded.size(), '\0'); // more than enough
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()),
                        out.size(), encoded.data(), encoded.size(), nullptr,
                        &size, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
        != 0
      || end != encoded.data() + encoded.size() || size % setting_bytes != 0
      || size > settings_max * setting_bytes)
    return std::nullopt;
  out.resize(size);
  return out;
}

} // namespace callboard
