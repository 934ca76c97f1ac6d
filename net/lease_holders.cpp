// As much of it as is kept.
#include "net/lease_holders.hpp"

#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"
#include "net/utf8.hpp"

#include <algorithm>

namespace callboard {

accepted<lease_holder> holder_of(const http_request& request) {
  lease_holder out;
  auto name = request.header("Consumer-Name");
  if (name && has_control_characters(*name))
    return refusal{400, "The consumer's name has control characters; allowed: "
                        "a name on one line, without any."};
  if (name)
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
