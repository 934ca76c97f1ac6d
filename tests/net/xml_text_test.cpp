// Text, attributes and names of XML, for every input.
#include "net/xml_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace callboard::test::xml_text_test {

namespace {

std::string text(std::string_view from) {
  std::string out;
  append_xml_text(out, from);
  return out;
}

std::string attribute(std::string_view from) {
  std::string out;
  append_xml_attribute(out, from);
  return out;
}

std::string value(std::string_view from) {
  std::string out;
  append_xml_value(out, from);
  return out;
}

std::string name(std::string_view from) {
  std::string out;
  append_xml_name(out, from);
  return out;
}

} // namespace

TEST_CASE("markup is escaped in text and attributes") {
  CHECK(text(R"(a<b>&"c']]>)") == R"(a&lt;b&gt;&amp;"c']]&gt;)");
  CHECK(attribute(R"(a<b>&"c')") == "a&lt;b&gt;&amp;&quot;c'");
}

TEST_CASE("line ends and tabs come back from where a parser changes them") {
  CHECK(text("a\tb\nc\r\n") == "a\tb\nc&#xD;\n");
  CHECK(attribute("a\tb\nc\r") == "a&#x9;b&#xA;c&#xD;");
}

TEST_CASE("what XML cannot hold becomes U+FFFD") {
  using namespace std::string_literals;
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(text("a\0b\x01\x1F"s) == "a" + bad + "b" + bad + bad);
  CHECK(text("\xFF\xC3") == bad + bad);
  CHECK(text("\xED\xA0\x80") == bad + bad + bad); // a surrogate
  CHECK(text("\xE2\x82\x61") == bad + "a");
  CHECK(text("\xEF\xBF\xBE\xEF\xBF\xBF") == bad + bad);
  CHECK(attribute("\x02\xEF\xBF\xBF") == bad + bad);
  CHECK(text("\xEF\xBF\xBD\x7F\xC2\x80") == "\xEF\xBF\xBD\x7F\xC2\x80");
  CHECK(text("\u00e9\u20ac\U0001F600") == "\u00e9\u20ac\U0001F600");
}

TEST_CASE("nothing but white space is kept from readers that drop it") {
  CHECK(value(" ") == "&#x20;");
  CHECK(value("\n\n") == "&#xA;\n");
  CHECK(value("\r") == "&#xD;");
  CHECK(value(" a ") == " a ");
  CHECK(value("").empty());
}

TEST_CASE("names are escaped as XmlConvert does") {
  CHECK(name("order") == "order");
  CHECK(name("a-b.c1_") == "a-b.c1_");
  CHECK(name("order id") == "order_x0020_id");
  CHECK(name("1st") == "_x0031_st");
  CHECK(name("-") == "_x002D_");
  CHECK(name("a:b") == "a_x003A_b");
  CHECK(name("$type") == "_x0024_type");
  CHECK(name("\u00fcber") == "\u00fcber");
  CHECK(name("\u0446\u0435\u043d\u0430") == "\u0446\u0435\u043d\u0430");
  CHECK(name("\u20ac") == "_x20AC_");
  CHECK(name("\U0001F600") == "_x0001F600_");
  CHECK(name("_x0020_") == "_x005F_x0020_");
  CHECK(name("_x") == "_x");
  CHECK(name("_xyz_") == "_xyz_");
  CHECK(name("") == "_x_");
  CHECK(name("xmlns") == "_x0078_mlns");
  CHECK(name("\xFF") == "_xFFFD_");
}

TEST_CASE("escaped names are read back") {
  for (std::string n :
       {"order", "order id", "1st", "a:b", "$type", "\u20ac\u00fc",
        "\U0001F600", "_x0020_", "_x0020 ", "_x0020\u20ac", "_X00201234 ",
        "__x0020_", "xmlns", "#text", "@a", "_x005F_x0020_", "_xD83D_",
        "_x12345678_", "a\tb"}) {
    INFO(n);
    CHECK(decode_xml_name(name(n)) == n);
  }
  CHECK(decode_xml_name("_xD83D_") == "_xD83D_");
  CHECK(decode_xml_name("_x00110000_") == "_x00110000_");
  CHECK(decode_xml_name("_X0041_") == "A");
  CHECK(decode_xml_name("_x+041_") == "_x+041_");
}

} // namespace callboard::test::xml_text_test
