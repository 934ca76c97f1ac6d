// What XML escapes, and names that are none to XML.
#include "net/xml_text.hpp"

#include "net/escaping.hpp"
#include "net/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>

namespace callboard {

namespace {

/// What cannot be in XML at all, and what would be taken for markup.
constexpr escape_table text_escapes = [] {
  escape_table out{};
  for (std::size_t c = 0; c < 0x20; ++c)
    if (c != '\t' && c != '\n')
      out[c] = replacement_character;
  out['\r'] = "&#xD;";
  out['&'] = "&amp;";
  out['<'] = "&lt;";
  out['>'] = "&gt;";
  return out;
}();

constexpr escape_table attribute_escapes = [] {
  auto out = text_escapes;
  out['\t'] = "&#x9;";
  out['\n'] = "&#xA;";
  out['"'] = "&quot;";
  return out;
}();

struct text_rules {
  static constexpr const escape_table& escapes = text_escapes;
  static constexpr bool noncharacters = false;

  static block_marks marks(byte_block x) noexcept {
    return (x == '&') | (x == '<') | (x == '>')
           | ((x < 0x20) & (x != '\t') & (x != '\n'));
  }
};

struct attribute_rules {
  static constexpr const escape_table& escapes = attribute_escapes;
  static constexpr bool noncharacters = false;

  static block_marks marks(byte_block x) noexcept {
    return (x == '&') | (x == '<') | (x == '>') | (x == '"') | (x < 0x20);
  }
};

struct character_range {
  char32_t first;
  char32_t last;
};

/// Letters that both editions of XML 1.0's rules allow in names, the scripts
/// most used; the others are escaped, which a reader of names undoes.
constexpr character_range letters[] = {
  {0x00C0, 0x00D6}, {0x00D8, 0x00F6}, {0x00F8, 0x0131}, {0x0134, 0x013E},
  {0x0141, 0x0148}, {0x014A, 0x017E}, {0x0388, 0x038A}, {0x038E, 0x03A1},
  {0x03A3, 0x03CE}, {0x0401, 0x040C}, {0x040E, 0x044F}, {0x0451, 0x045C},
  {0x045E, 0x0481}, {0x05D0, 0x05EA}, {0x0621, 0x063A}, {0x0641, 0x064A},
  {0x3041, 0x3094}, {0x30A1, 0x30FA}, {0x4E00, 0x9FA5}, {0xAC00, 0xD7A3},
};

bool can_begin_name(char32_t c) {
  if (c < 0x80)
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return std::any_of(
    std::begin(letters), std::end(letters),
    [c](const character_range& r) { return c >= r.first && c <= r.last; });
}

bool can_be_in_name(char32_t c) {
  return can_begin_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/// The code point of the `_xHHHH_` or `_xHHHHHHHH_` that `text` begins with,
/// and its length; no length: it does not.
struct escape_sequence {
  std::size_t length = 0;
  char32_t code = 0;
};

escape_sequence read_escape(std::string_view text) {
  if (text.size() < 7 || text[0] != '_' || (text[1] | 0x20) != 'x')
    return {};
  auto close = text.find('_', 2);
  if (close != 6 && close != 10)
    return {};
  std::uint32_t code = 0;
  auto end = text.data() + close;
  auto [stop, failed] = std::from_chars(text.data() + 2, end, code, 16);
  if (failed != std::errc{} || stop != end)
    return {};
  return {close + 1, code};
}

/// Whether an underscore, the first of `rest`, must be escaped: a reader would
/// take it, with what follows or will follow it, for an escape.
bool looks_like_escape(std::string_view rest) {
  auto hex_end = rest.find_first_not_of("0123456789abcdefABCDEF", 2);
  if (rest.size() < 7 || (rest[1] | 0x20) != 'x' || hex_end < 6)
    return false;
  for (std::size_t close : {6, 10})
    if (close < rest.size() && close <= hex_end
        && (rest[close] == '_' || !can_be_in_name(rest[close] & 0x7F)
            || (rest[close] & 0x80) != 0))
      return true;
  return false;
}

/// A name of ASCII that is written as it is: nearly every one.
bool is_plain_name(std::string_view name) {
  auto first = static_cast<unsigned char>(name.front());
  if (first >= 0x80 || !can_begin_name(first) || name == "xmlns")
    return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    auto c = static_cast<unsigned char>(name[i]);
    if (c >= 0x80 || !can_be_in_name(c))
      return false;
    if (c == '_' && i + 1 < name.size() && (name[i + 1] | 0x20) == 'x')
      return false; // may look like an escape
  }
  return true;
}

void append_escape(std::string& out, char32_t c) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  out += "_x";
  for (int shift = c > 0xFFFF ? 28 : 12; shift >= 0; shift -= 4)
    out += hex[c >> shift & 15];
  out += '_';
}

} // namespace

bool is_xml_character(char32_t c) noexcept {
  return c < 0x20 ? c == '\t' || c == '\n' || c == '\r'
                  : !is_surrogate(c) && c != 0xFFFE && c != 0xFFFF
                      && c <= code_point_max;
}

void append_xml_text(std::string& out, std::string_view text) {
  escaper<text_rules>{out}.append(text);
}

void append_xml_attribute(std::string& out, std::string_view text) {
  escaper<attribute_rules>{out}.append(text);
}

void append_xml_value(std::string& out, std::string_view text) {
  if (!text.empty()
      && text.find_first_not_of(xml_blank) == std::string_view::npos) {
    if (text.front() == ' ')
      out += "&#x20;";
    else
      append_xml_attribute(out, text.substr(0, 1));
    text.remove_prefix(1);
  }
  append_xml_text(out, text);
}

void append_xml_element(std::string& out, std::string_view name,
                        std::string_view text) {
  out += '<';
  out += name;
  if (text.empty()) {
    out += " />";
    return;
  }
  out += '>';
  append_xml_value(out, text);
  out += "</";
  out += name;
  out += '>';
}

void append_xml_name(std::string& out, std::string_view name) {
  if (name.empty()) {
    out += "_x_";
    return;
  }
  if (is_plain_name(name)) {
    out += name;
    return;
  }
  auto at = name.data();
  auto end = at + name.size();
  bool first = true;
  if (name == "xmlns")
    append_escape(out, static_cast<unsigned char>(*at++));
  while (at != end) {
    auto step = static_cast<unsigned char>(*at) < 0x80 ? utf8_step{1, true}
                                                       : next_utf8(at, end);
    auto c = step.valid ? decode_utf8(at, step.length) : char32_t{0xFFFD};
    auto fits = first ? can_begin_name(c) : can_be_in_name(c);
    if (c == '_')
      fits = !looks_like_escape({at, static_cast<std::size_t>(end - at)});
    if (fits)
      out.append(at, step.length);
    else
      append_escape(out, c);
    first = false;
    at += step.length;
  }
}

std::string decode_xml_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    auto escape = read_escape(name);
    if (escape.length == 0 || is_surrogate(escape.code)
        || escape.code > code_point_max) {
      out += name.front();
      name.remove_prefix(1);
      continue;
    }
    append_utf8(out, escape.code);
    name.remove_prefix(escape.length);
  }
  return out;
}

} // namespace callboard
