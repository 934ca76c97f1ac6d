// What JSON escapes, and digits of ids and times in one piece each.
#include "net/json_text.hpp"

#include "net/escaping.hpp"

#include <array>
#include <chrono>
#include <cstring>

namespace callboard {

namespace {

constexpr escape_table json_escapes = [] {
  constexpr std::string_view hex = "0123456789abcdef";
  escape_table out{};
  for (std::size_t c = 0; c < 0x20; ++c) {
    char text[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    out[c] = std::string_view{text, sizeof text};
  }
  out['"'] = "\\\"";
  out['\\'] = "\\\\";
  out['\b'] = "\\b";
  out['\f'] = "\\f";
  out['\n'] = "\\n";
  out['\r'] = "\\r";
  out['\t'] = "\\t";
  return out;
}();

struct json_rules {
  static constexpr const escape_table& escapes = json_escapes;
  static constexpr bool noncharacters = true;

  static block_marks marks(byte_block x) noexcept {
    return (x == '"') | (x == '\\') | (x < 0x20);
  }
};

bool is_special(char c) noexcept {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

constexpr auto hex_pairs = [] {
  constexpr std::string_view hex = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = {hex[i >> 4], hex[i & 15]};
  return out;
}();

/// Two decimal digits.
void put_pair(char* to, unsigned x) {
  to[0] = static_cast<char>('0' + x / 10);
  to[1] = static_cast<char>('0' + x % 10);
}

} // namespace

void append_escaped(std::string& out, std::string_view text) {
  escaper<json_rules>{out}.append(text);
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

const char* skip_plain(const char* at, const char* end) noexcept {
  for (; end - at >= std::ptrdiff_t{block_bytes}; at += block_bytes)
    if (auto marks = to_bits(json_rules::marks(load_block(at))); marks != 0)
      return at + std::countr_zero(marks);
  while (at != end && !is_special(*at))
    ++at;
  return at;
}

void append_id(std::string& out, const uuid& id) {
  char text[36];
  auto to = text;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *to++ = '-';
    std::memcpy(to, hex_pairs[id.bytes[i]].data(), 2);
    to += 2;
  }
  out.append(text, sizeof text);
}

void append_time(std::string& out, wall_time x) {
  using namespace std::chrono;
  auto since_1970 = milliseconds{x.value};
  auto day = floor<days>(since_1970);
  year_month_day date{sys_days{day}};
  hh_mm_ss time{since_1970 - day};
  auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  char text[] = "....-..-..T..:..:......";
  put_pair(text, year / 100 % 100);
  put_pair(text + 2, year % 100);
  put_pair(text + 5, static_cast<unsigned>(date.month()));
  put_pair(text + 8, static_cast<unsigned>(date.day()));
  put_pair(text + 11, static_cast<unsigned>(time.hours().count()));
  put_pair(text + 14, static_cast<unsigned>(time.minutes().count()));
  put_pair(text + 17, static_cast<unsigned>(time.seconds().count()));
  auto end = text + 19;
  if (auto fraction = static_cast<unsigned>(time.subseconds().count())) {
    put_pair(text + 20, fraction / 10);
    text[22] = static_cast<char>('0' + fraction % 10);
    for (end = text + 23; end[-1] == '0';)
      --end;
  }
  out.append(text, end);
  out += 'Z';
}

std::string time_text(wall_time x) {
  std::string out;
  append_time(out, x);
  return out;
}

} // namespace callboard
