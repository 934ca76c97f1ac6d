// As much of it as is kept.
#include "net/lease_holders.hpp"

#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"

namespace callboard {

lease_holder holder_of(const http_request& request) {
  lease_holder out;
  if (auto name = request.header("Consumer-Name"))
    out.name = clipped(*name, limits::holder_bytes_max);
  else if (request.user != nullptr)
    out.name = clipped(request.user->login, limits::holder_bytes_max);
  out.address = clipped(request.remote_address, limits::holder_bytes_max);
  return out;
}

std::string kept_words(std::string_view text) {
  return clipped(text, limits::words_bytes_max);
}

} // namespace callboard
