// Little-endian numbers in bytes, as links between nodes send them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace callboard {

/// Reads all of `bytes`, at most eight.
constexpr std::uint64_t little_endian(std::string_view bytes) noexcept {
  std::uint64_t out = 0;
  for (auto i = bytes.size(); i > 0; --i)
    out = (out << 8) | static_cast<unsigned char>(bytes[i - 1]);
  return out;
}

/// Writes the lowest `size` bytes of `x` and returns where they end.
constexpr char* put_little_endian(char* at, std::uint64_t x,
                                  std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i, x >>= 8)
    *at++ = static_cast<char>(x & 0xff);
  return at;
}

} // namespace callboard
