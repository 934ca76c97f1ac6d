// Escaping byte by byte, invalid UTF-8, times at their edges.
#include "net/json_text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <simdjson.h>

#include <random>

namespace callboard::test::json_text_test {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

std::string time_text(std::uint64_t milliseconds) {
  std::string out;
  append_time(out, {milliseconds});
  return out;
}

} // namespace

TEST_CASE("plain text is copied") {
  CHECK(escaped("") == "");
  CHECK(escaped("a") == "a");
  CHECK(
    escaped("the quick brown fox, 0123456789 !#$%&'()*+,-./:;<=>?@[]^_`{|}~")
    == "the quick brown fox, 0123456789 !#$%&'()*+,-./:;<=>?@[]^_`{|}~");
}

TEST_CASE("quotes, backslashes and control characters are escaped anywhere") {
  CHECK(escaped("\"\\\b\f\n\r\t") == R"(\"\\\b\f\n\r\t)");
  CHECK(escaped(std::string_view{"\0\x01\x1f\x7f", 4})
        == "\\u0000\\u0001\\u001f\x7f");
  for (std::size_t at = 0; at < 20; ++at) {
    std::string text(20, 'x');
    text[at] = '"';
    CHECK(escaped(text)
          == std::string(at, 'x') + "\\\"" + std::string(19 - at, 'x'));
  }
}

TEST_CASE("UTF-8 is copied, what is not UTF-8 becomes U+FFFD") {
  CHECK(escaped("gr\u00fc\u00dfe \u20ac \U0001F600")
        == "gr\u00fc\u00dfe \u20ac \U0001F600");
  std::string bad = "\xEF\xBF\xBD";
  CHECK(escaped("\x80") == bad);
  CHECK(escaped("a\xFFz") == "a" + bad + "z");
  CHECK(escaped("\xC0\x80") == bad + bad);           // overlong
  CHECK(escaped("\xE2\x82") == bad);                 // cut off
  CHECK(escaped("\xE2\x82\"") == bad + "\\\"");      // cut off by a quote
  CHECK(escaped("\xED\xA0\x80") == bad + bad + bad); // a surrogate
  CHECK(escaped("\xF4\x90\x80\x80") == bad + bad + bad + bad); // > U+10FFFF
  CHECK(escaped("\xF0\x9F\x98") == bad);
}

TEST_CASE("random bytes become a JSON string that a parser takes") {
  std::mt19937 random{7};
  simdjson::dom::parser parser;
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 40, '\0');
    for (auto& c : text)
      c = static_cast<char>(random());
    std::string json;
    append_json_string(json, text);
    std::string_view read;
    INFO("seed 7, round " << round);
    REQUIRE(parser.parse(json).get(read) == simdjson::SUCCESS);
    if (simdjson::validate_utf8(text))
      CHECK(read == text);
  }
}

TEST_CASE("numbers are appended at their extremes") {
  std::string out;
  append_number(out, std::int64_t{INT64_MIN});
  out += ' ';
  append_number(out, std::uint64_t{UINT64_MAX});
  out += ' ';
  append_number(out, 0);
  CHECK(out == "-9223372036854775808 18446744073709551615 0");
}

TEST_CASE("times are ISO 8601 in UTC without trailing zeros") {
  CHECK(time_text(0) == "1970-01-01T00:00:00Z");
  CHECK(time_text(1449047868556) == "2015-12-02T09:17:48.556Z");
  CHECK(time_text(1449047868500) == "2015-12-02T09:17:48.5Z");
  CHECK(time_text(1449047868050) == "2015-12-02T09:17:48.05Z");
  CHECK(time_text(1709164799999) == "2024-02-28T23:59:59.999Z");
  CHECK(time_text(1709164800000) == "2024-02-29T00:00:00Z");
}

} // namespace callboard::test::json_text_test
