// Hex digits, and back.
#include "actors/core/log_position.hpp"

#include <charconv>

namespace callboard {

namespace {

constexpr std::size_t half = 16; // digits

void append_hex(std::string& out, std::uint64_t x) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (int shift = 60; shift >= 0; shift -= 4)
    out.push_back(digits[(x >> shift) & 0xf]);
}

bool parse_hex(std::string_view text, std::uint64_t& into) {
  auto end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, into, 16);
  return failed == std::errc{} && stop == end;
}

} // namespace

std::string to_string(const log_position& position) {
  std::string out;
  out.reserve(2 * half);
  append_hex(out, position.at);
  append_hex(out, position.place);
  return out;
}

std::optional<log_position> parse_log_position(std::string_view text) {
  log_position out;
  if (text.size() != 2 * half || !parse_hex(text.substr(0, half), out.at)
      || !parse_hex(text.substr(half), out.place))
    return std::nullopt;
  return out;
}

} // namespace callboard
