// 122 random bits of libsodium each, fetched from the system for many at once.
#include "net/random_uuid.hpp"

#include <sodium/randombytes.h>

#include <array>
#include <cstddef>

namespace callboard {

uuid random_uuid() {
  // A system call costs more than all the rest.
  thread_local std::array<uuid, 64> ready;
  thread_local std::size_t used = ready.size();
  if (used == ready.size()) {
    randombytes_buf(ready.data(), sizeof ready);
    used = 0;
  }
  auto out = ready[used];
  ready[used++] = {}; // nobody gets it again
  out.bytes[6] = static_cast<std::uint8_t>((out.bytes[6] & 0x0f) | 0x40);
  out.bytes[8] = static_cast<std::uint8_t>((out.bytes[8] & 0x3f) | 0x80);
  return out;
}

} // namespace callboard
