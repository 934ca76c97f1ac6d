// GUID text, and the key that ids are hashed with.
#include "actors/core/ids.hpp"

#include <random>

namespace callboard {

namespace {

int digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blank = " \t\r\n\f\v";
  auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// Reads pairs of digits; '-' only where 8-4-4-4-12 has it, if `dashes`.
std::optional<uuid> parse_digits(std::string_view text, bool dashes) {
  if (text.size() != (dashes ? 36U : 32U))
    return std::nullopt;
  uuid id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
      return std::nullopt;
    int high = digit(text[at]);
    int low = digit(text[at + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

/// `{0x8,0x4,0x4,{0x2,...}}` without the outer braces: eleven hex numbers.
std::optional<uuid> parse_struct(std::string_view text) {
  constexpr std::array<std::size_t, 11> widths{8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2};
  std::string digits;
  std::size_t at = 0;
  auto skip = [&](char c) {
    while (at < text.size() && text[at] == ' ')
      ++at;
    return at < text.size() && text[at] == c && ++at > 0;
  };
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (i > 0 && !skip(','))
      return std::nullopt;
    if (i == 3 && !skip('{'))
      return std::nullopt;
    if (!skip('0') || at >= text.size() || (text[at] | 0x20) != 'x')
      return std::nullopt;
    auto first = ++at;
    while (at < text.size() && digit(text[at]) >= 0)
      ++at;
    auto length = at - first;
    if (length == 0 || length > widths[i])
      return std::nullopt;
    digits.append(widths[i] - length, '0').append(text.substr(first, length));
  }
  if (!skip('}') || at != text.size())
    return std::nullopt;
  return parse_digits(digits, false);
}

/// Of what the system has that nobody can guess.
hash_key random_key() {
  std::random_device bits;
  auto number = [&bits] {
    hash_key::number out = 0;
    for (int i = 0; i < 4; ++i)
      out = out << 32 | bits();
    return out;
  };
  return {number(), number(), number()};
}

} // namespace

const hash_key uuid_hash_key = random_key();

std::string to_string(const uuid& id) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      text.push_back('-');
    text.push_back(hex[id.bytes[i] >> 4]);
    text.push_back(hex[id.bytes[i] & 15]);
  }
  return text;
}

std::optional<uuid> parse_uuid(std::string_view text) {
  text = trimmed(text);
  if (text.size() == 32)
    return parse_digits(text, false);
  if (text.size() < 36)
    return std::nullopt;
  bool braced = (text.front() == '{' && text.back() == '}')
                || (text.front() == '(' && text.back() == ')');
  if (!braced)
    return parse_digits(text, true);
  auto inner = text.substr(1, text.size() - 2);
  if (inner.starts_with("0x") || inner.starts_with("0X"))
    return parse_struct(inner);
  return parse_digits(inner, true);
}

} // namespace callboard
