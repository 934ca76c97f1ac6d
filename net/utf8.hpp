// UTF-8, one sequence at a time: what is one, and what it stands for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace callboard {

/// What stands for everything that cannot be shown: U+FFFD.
inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

struct utf8_step {
  std::size_t length = 1; // of the sequence, or of the longest prefix of one
  bool valid = false;
};

/// Looks at the bytes at `at`, which is before `end` and not ASCII (Unicode 15,
/// table 3-7).
constexpr utf8_step next_utf8(const char* at, const char* end) noexcept {
  auto lead = static_cast<unsigned char>(*at);
  if (lead < 0xC2 || lead > 0xF4)
    return {};
  std::size_t whole = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  std::size_t length = 1;
  for (; length < whole && at + length != end; ++length) {
    auto c = static_cast<unsigned char>(at[length]);
    if (c < low || c > high)
      break;
    low = 0x80;
    high = 0xBF;
  }
  return {length, length == whole};
}

/// The code point of a valid sequence, ASCII included.
constexpr char32_t decode_utf8(const char* at, std::size_t length) noexcept {
  auto lead = static_cast<unsigned char>(*at);
  auto out =
    static_cast<char32_t>(length == 1 ? lead : lead & (0x7F >> length));
  for (std::size_t i = 1; i < length; ++i)
    out = out << 6 | (static_cast<unsigned char>(at[i]) & 0x3F);
  return out;
}

/// Names with them would begin lines of a log, or steer a terminal: those of
/// ASCII, and U+0080 to U+009F (0xC2 and one more byte).
inline bool has_control_characters(std::string_view text) noexcept {
  unsigned char before = 0;
  return std::any_of(text.begin(), text.end(), [&before](unsigned char c) {
    auto last = before;
    before = c;
    return c < 0x20 || c == 0x7F || (last == 0xC2 && c >= 0x80 && c < 0xA0);
  });
}

inline constexpr char32_t code_point_max = 0x10FFFF;

constexpr bool is_surrogate(char32_t c) noexcept {
  return c >= 0xD800 && c <= 0xDFFF;
}

/// Appends a code point that is not a surrogate.
inline void append_utf8(std::string& out, char32_t c) {
  auto byte = [&out](char32_t x) { out += static_cast<char>(x); };
  if (c < 0x80)
    return byte(c);
  if (c < 0x800) {
    byte(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      byte(0xE0 | c >> 12);
    } else {
      byte(0xF0 | c >> 18);
      byte(0x80 | (c >> 12 & 0x3F));
    }
    byte(0x80 | (c >> 6 & 0x3F));
  }
  byte(0x80 | (c & 0x3F));
}

} // namespace callboard
