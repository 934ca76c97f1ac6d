// As much of it as is kept.
#include "net/lease_holders.hpp"

#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"

#include <algorithm>

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
  auto out = clipped(text, limits::words_bytes_max);
  // Words are stored in JSON, where each of these would be six bytes.
  std::replace_if(
    out.begin(), out.end(),
    [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return out;
}

} // namespace callboard
