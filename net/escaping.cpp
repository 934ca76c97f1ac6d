// What the sixteen bytes at a time leave over: text that is not clean.
#include "net/escaping.hpp"

#include "net/utf8.hpp"

#include <simdjson.h>

namespace callboard {

namespace {

/// U+FFFE and U+FFFF begin so, and U+FFC0 to U+FFFD too.
constexpr std::string_view near_the_end = "\xEF\xBF";

bool is_noncharacter(std::string_view sequence) {
  return sequence == "\xEF\xBF\xBE" || sequence == "\xEF\xBF\xBF";
}

bool has_noncharacter(std::string_view text) {
  for (auto at = text.find(near_the_end); at != std::string_view::npos;
       at = text.find(near_the_end, at + 1))
    if (is_noncharacter(text.substr(at, 3)))
      return true;
  return false;
}

} // namespace

bool is_clean(std::string_view text, bool noncharacters) noexcept {
  return simdjson::validate_utf8(text.data(), text.size())
         && (noncharacters || !has_noncharacter(text));
}

void append_repaired(std::string& out, std::string_view text,
                     const escape_table& escapes, bool noncharacters) {
  auto at = text.data();
  auto end = at + text.size();
  while (at != end) {
    auto c = static_cast<unsigned char>(*at);
    if (c < 0x80) {
      if (escapes[c].size == 0)
        out += *at;
      else
        out.append(escapes[c].text, escapes[c].size);
      ++at;
      continue;
    }
    auto step = next_utf8(at, end);
    std::string_view sequence{at, step.length};
    if (step.valid && (noncharacters || !is_noncharacter(sequence)))
      out += sequence;
    else
      out += replacement_character;
    at += step.length;
  }
}

} // namespace callboard
