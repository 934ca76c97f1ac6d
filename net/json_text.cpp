// The escaping loop: many bytes at a time while none of them needs attention.
#include "net/json_text.hpp"

#include "net/utf8.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace callboard {

namespace {

constexpr std::uint64_t each(std::uint8_t byte) {
  return 0x0101010101010101U * byte;
}

constexpr std::uint64_t high_bits = each(0x80);

/// Not zero if one of eight bytes is a quote, a backslash, below a space or not
/// ASCII. (Bit tricks of "Hacker's Delight" 6-1; it may name a byte too many
/// above a byte that does need attention, never one too few.)
constexpr std::uint64_t attention(std::uint64_t word) {
  auto quote = word ^ each('"');
  auto backslash = word ^ each('\\');
  auto is_quote = (quote - each(1)) & ~quote;
  auto is_backslash = (backslash - each(1)) & ~backslash;
  auto is_control = (word - each(0x20)) & ~word;
  return (is_quote | is_backslash | is_control | word) & high_bits;
}

bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

const char* skip_plain(const char* at, const char* end) {
  std::array<std::uint64_t, 4> words{};
  while (end - at >= 32) {
    std::memcpy(words.data(), at, 32);
    if ((attention(words[0]) | attention(words[1]) | attention(words[2])
         | attention(words[3]))
        != 0)
      break;
    at += 32;
  }
  std::uint64_t word = 0;
  while (end - at >= 8) {
    std::memcpy(&word, at, 8);
    if (attention(word) != 0)
      break;
    at += 8;
  }
  while (at != end && is_plain(static_cast<unsigned char>(*at)))
    ++at;
  return at;
}

void append_special(std::string& out, unsigned char c) {
  constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
  }
}

/// Copies one UTF-8 sequence, or replaces the longest prefix of one.
const char* append_sequence(std::string& out, const char* at, const char* end) {
  auto step = next_utf8(at, end);
  if (step.valid)
    out.append(at, step.length);
  else
    out += replacement_character;
  return at + step.length;
}

void append_padded(std::string& out, unsigned x, int width) {
  char digits[8];
  for (int i = width; i > 0; --i, x /= 10)
    digits[i - 1] = static_cast<char>('0' + x % 10);
  out.append(digits, static_cast<std::size_t>(width));
}

} // namespace

void append_escaped(std::string& out, std::string_view text) {
  auto at = text.data();
  auto end = at + text.size();
  while (at != end) {
    auto run = at;
    at = skip_plain(at, end);
    out.append(run, at);
    while (at != end && !is_plain(static_cast<unsigned char>(*at))) {
      auto c = static_cast<unsigned char>(*at);
      if (c >= 0x80) {
        at = append_sequence(out, at, end);
      } else {
        append_special(out, c);
        ++at;
      }
    }
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

void append_time(std::string& out, wall_time x) {
  using namespace std::chrono;
  auto since_1970 = milliseconds{x.value};
  auto day = floor<days>(since_1970);
  year_month_day date{sys_days{day}};
  hh_mm_ss time{since_1970 - day};
  append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, static_cast<unsigned>(time.hours().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(time.minutes().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(time.seconds().count()), 2);
  if (auto fraction = static_cast<unsigned>(time.subseconds().count())) {
    out += '.';
    append_padded(out, fraction, 3);
    while (out.back() == '0')
      out.pop_back();
  }
  out += 'Z';
}

} // namespace callboard
