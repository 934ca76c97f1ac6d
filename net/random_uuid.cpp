// 122 random bits of libsodium.
#include "net/random_uuid.hpp"

#include <sodium/randombytes.h>

namespace callboard {

uuid random_uuid() {
  uuid out;
  randombytes_buf(out.bytes.data(), out.bytes.size());
  out.bytes[6] = static_cast<std::uint8_t>((out.bytes[6] & 0x0f) | 0x40);
  out.bytes[8] = static_cast<std::uint8_t>((out.bytes[8] & 0x3f) | 0x80);
  return out;
}

} // namespace callboard
