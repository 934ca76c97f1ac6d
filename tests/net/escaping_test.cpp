// Escaping in blocks gives what escaping byte by byte gives, wherever a byte
// lies.
#include "net/json_text.hpp"
#include "net/utf8.hpp"
#include "net/xml_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace callboard::test::escaping_test {

namespace {

/// What stands for an ASCII character.
using replacement = std::function<std::string(unsigned char)>;

std::string json_of(unsigned char c) {
  constexpr std::string_view named = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (std::size_t i = 0; i < named.size(); i += 2)
    if (static_cast<unsigned char>(named[i]) == c)
      return std::string{'\\', named[i + 1]};
  constexpr std::string_view hex = "0123456789abcdef";
  if (c < 0x20)
    return std::string{"\\u00"} + hex[c >> 4] + hex[c & 15];
  return std::string(1, static_cast<char>(c));
}

std::string xml_text_of(unsigned char c) {
  if (c == '&')
    return "&amp;";
  if (c == '<')
    return "&lt;";
  if (c == '>')
    return "&gt;";
  if (c == '\r')
    return "&#xD;";
  if (c < 0x20 && c != '\t' && c != '\n')
    return std::string{replacement_character};
  return std::string(1, static_cast<char>(c));
}

std::string xml_attribute_of(unsigned char c) {
  return c == '"'    ? "&quot;"
         : c == '\t' ? "&#x9;"
         : c == '\n' ? "&#xA;"
                     : xml_text_of(c);
}

/// A way to escape: ours, and the same said simply.
struct way {
  const char* name;
  void (*append)(std::string&, std::string_view);
  replacement of;
  bool noncharacters; // U+FFFE and U+FFFF stay

  std::string ours(std::string_view text) const {
    std::string out = "before";
    append(out, text);
    return out;
  }

  std::string expected(std::string_view text) const {
    std::string out = "before";
    for (std::size_t i = 0; i < text.size();) {
      auto c = static_cast<unsigned char>(text[i]);
      if (c < 0x80) {
        out += of(c);
        ++i;
        continue;
      }
      auto step = next_utf8(text.data() + i, text.data() + text.size());
      auto sequence = text.substr(i, step.length);
      auto shown =
        step.valid
        && (noncharacters
            || (sequence != "\xEF\xBF\xBE" && sequence != "\xEF\xBF\xBF"));
      out += shown ? sequence : replacement_character;
      i += step.length;
    }
    return out;
  }
};

const std::array<way, 3> ways{{
  {"JSON", append_escaped, json_of, true},
  {"XML text", append_xml_text, xml_text_of, false},
  {"XML attribute", append_xml_attribute, xml_attribute_of, false},
}};

/// Behind an allocation's end lies nothing that may be read.
void check(const way& how, const std::string& text) {
  std::vector<char> exact(text.begin(), text.end());
  std::string_view view{exact.data(), exact.size()};
  if (how.ours(view) != how.expected(view)) {
    INFO(how.name << ", " << text.size() << " bytes");
    CHECK(how.ours(view) == how.expected(view));
  }
}

} // namespace

TEST_CASE("every byte is escaped at every position, whatever follows") {
  for (auto& how : ways)
    for (std::size_t at = 0; at <= 64; ++at)
      for (std::size_t after : {0, 15, 40})
        for (int c = 0; c < 256; ++c)
          check(how, std::string(at, 'x') + static_cast<char>(c)
                       + std::string(after, 'y'));
}

TEST_CASE("sequences of UTF-8, whole and broken, may lie across blocks") {
  const std::vector<std::string> parts = {
    "\u00fc",           "\u20ac",       "\U0001F600",       "\xEF\xBF\xBE",
    "\xEF\xBF\xBF",     "\xEF\xBF\xBD", "\xEF\xBF",         "\xE2\x82",
    "\xF0\x9F\x98",     "\xED\xA0\x80", "\xC0\x80",         "\x80",
    "\xF4\x90\x80\x80", "\xE2\x82\"",   "\u20ac\"\u20ac<\n"};
  for (auto& how : ways)
    for (auto& part : parts)
      for (std::size_t before = 0; before < 66; ++before)
        for (std::size_t after : {0, 1, 15, 16, 31, 32, 33}) {
          check(how, std::string(before, 'x') + part + std::string(after, 'y'));
          check(how, std::string(before, '"') + part + std::string(after, '&'));
        }
}

TEST_CASE("long texts, plain or dense with escapes, are escaped whole") {
  for (auto& how : ways)
    for (std::size_t size : {1000, 1023, 1024, 1025, 5000}) {
      check(how, std::string(size, 'x'));
      check(how, std::string(size, '\x01'));
      check(how, std::string(size, '"'));
    }
}

TEST_CASE("random texts of few kinds of bytes are escaped as one by one") {
  std::mt19937 random{23};
  const std::vector<std::string> alphabets = {
    "ab\"",        "a\\\n\x01",     "<>&x\t\r",
    "xyz\xC3\xBC", "\xE2\x82\xAC<", "a\xEF\xBF\xBE\xBD"};
  for (int round = 0; round < 5'000; ++round) {
    auto& alphabet = alphabets[random() % alphabets.size()];
    std::string text(random() % 200, ' ');
    for (auto& c : text)
      c = alphabet[random() % alphabet.size()];
    INFO("seed 23, round " << round);
    for (auto& how : ways)
      check(how, text);
  }
}

TEST_CASE("plain text of JSON ends at the first byte that is not") {
  for (std::size_t size = 0; size <= 65; ++size)
    for (std::size_t at = 0; at <= size; ++at)
      for (char c : {'"', '\\', '\n', '\0', '\x1f', ' ', '\x7f', '\x80'}) {
        std::vector<char> text(size, 'x');
        if (at < size)
          text[at] = c;
        bool special = c == '"' || c == '\\' || (c >= 0 && c < 0x20);
        auto end = text.data() + size;
        auto expected = special && at < size ? text.data() + at : end;
        if (skip_plain(text.data(), end) != expected)
          FAIL("size " << size << ", " << int(c) << " at " << at);
      }
}

} // namespace callboard::test::escaping_test
