// Percent escapes, both ways.
#include "net/url.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace callboard::test::url_test {

namespace {

std::string decoded(std::string_view escaped) {
  std::string out;
  return append_decoded(out, escaped) ? out : "broken";
}

std::string decoded_form(std::string_view escaped) {
  std::string out;
  return append_decoded_form(out, escaped) ? out : "broken";
}

} // namespace

TEST_CASE("a segment keeps only letters, digits and - . _ ~") {
  CHECK(escape_segment("aZ09-._~") == "aZ09-._~");
  CHECK(escape_segment("$ce-a@b:c/d e") == "%24ce-a%40b%3Ac%2Fd%20e");
  CHECK(escape_segment("!'()*+,;=&%?#")
        == "%21%27%28%29%2A%2B%2C%3B%3D%26%25%3F%23");
  CHECK(escape_segment("\xd1\x81") == "%D1%81");
  CHECK(escape_segment("").empty());
  std::string out = "/streams/";
  append_segment(out, "a b");
  CHECK(out == "/streams/a%20b");
}

TEST_CASE(
  "a light escape leaves what a URL can hold and keeps the segment whole") {
  CHECK(escape_lightly("$a@b:c;d=e") == "$a@b:c;d=e");
  CHECK(escape_lightly("a b\"<>\\^`{|}") == "a%20b%22%3C%3E%5C%5E%60%7B%7C%7D");
  CHECK(escape_lightly("a/b?c#d%") == "a%2Fb%3Fc%23d%25");
  CHECK(escape_lightly("\xd1\x81\n") == "%D1%81%0A");
}

TEST_CASE("what was escaped comes back") {
  std::string all;
  for (int c = 1; c < 256; ++c)
    all += char(c);
  CHECK(decoded(escape_segment(all)) == all);
  CHECK(decoded(escape_lightly(all)) == all);
}

TEST_CASE("only in a form is a plus a space") {
  CHECK(decoded("a+b%20c%2B") == "a+b c+");
  CHECK(decoded_form("a+b%20c%2B") == "a b c+");
  CHECK(decoded_form("") == "");
}

TEST_CASE("a broken escape is noticed") {
  for (auto text : {"%", "a%", "%4", "%4g", "%g4", "%%41", "a%20%"}) {
    INFO(text);
    CHECK(decoded(text) == "broken");
    CHECK(decoded_form(text) == "broken");
  }
}

} // namespace callboard::test::url_test
