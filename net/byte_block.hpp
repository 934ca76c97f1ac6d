// Sixteen bytes of text side by side: which of them are this, or below that.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace callboard {

inline constexpr std::size_t block_bytes = 16;

/// GCC's and clang's vectors: operators work on all sixteen bytes at once,
/// whatever the processor has for it. A comparison gives 0xFF where it is true.
using byte_block [[gnu::vector_size(block_bytes)]] = std::uint8_t;
using block_marks [[gnu::vector_size(block_bytes)]] = signed char;

inline byte_block load_block(const char* at) noexcept {
  byte_block out;
  std::memcpy(&out, at, block_bytes);
  return out;
}

/// A bit for each marked byte, the lowest for the first.
inline unsigned to_bits(block_marks marks) noexcept {
#if defined(__SSE2__)
  return static_cast<unsigned>(_mm_movemask_epi8(__m128i(marks)));
#else
  unsigned out = 0;
  for (std::size_t i = 0; i < block_bytes; ++i)
    out |= (marks[i] != 0 ? 1U : 0U) << i;
  return out;
#endif
}

/// The bits of those bytes that are not ASCII.
inline unsigned beyond_ascii(byte_block block) noexcept {
  return to_bits(block >= 0x80);
}

} // namespace callboard
