// XML that clients send: what it means as JSON, and what is refused.
#include "net/xml_check.hpp"
#include "net/xml_reader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace callboard::test::xml_reader_test {

namespace {

std::string json(std::string_view xml) {
  auto out = xml_to_json(xml);
  INFO(xml);
  REQUIRE(out.has_value());
  return *out;
}

errc refused(std::string_view xml) {
  auto out = xml_to_json(xml);
  return out ? errc::none : out.error();
}

std::string nested(std::size_t depth) {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i)
    out += "<a>";
  for (std::size_t i = 0; i < depth; ++i)
    out += "</a>";
  return out;
}

} // namespace

TEST_CASE("elements become members") {
  CHECK(json("<r><a>1</a><b>x y</b><c><d>2</d></c></r>")
        == R"({"a":"1","b":"x y","c":{"d":"2"}})");
  CHECK(json("<r>text</r>") == R"("text")");
  CHECK(json("<?xml version=\"1.0\"?>\n<!-- c --><r/>\n") == "null");
  CHECK(json("\xEF\xBB\xBF<r></r>") == R"("")");
}

TEST_CASE("an element without end tag is null, one without text is empty") {
  CHECK(json("<r><a/><b />"
             "<c\n/><d></d><e> </e></r>")
        == R"({"a":null,"b":null,"c":null,"d":"","e":""})");
}

TEST_CASE("elements of one name become an array in the place of the first") {
  CHECK(json("<r><a>1</a><b>2</b><a>3</a></r>")
        == R"({"a":["1","3"],"b":"2"})");
  CHECK(json("<r><a><b>1</b></a><a/></r>") == R"({"a":[{"b":"1"},null]})");
  CHECK(json(R"(<r xmlns:json="http://james.newtonking.com/projects/json">)"
             R"(<a json:Array="true">1</a></r>)")
        == R"({"a":["1"]})");
}

TEST_CASE("attributes and text have names of their own") {
  CHECK(json(R"(<r id="1" b='&lt;"'>x</r>)")
        == R"({"@id":"1","@b":"<\"","#text":"x"})");
  CHECK(json("<r>x<b>1</b>y<b>2</b></r>")
        == R"({"#text":["x","y"],"b":["1","2"]})");
  CHECK(json(R"(<r xmlns="urn:x"><p:a xmlns:p="y">1</p:a></r>)")
        == R"({"@xmlns":"urn:x","p:a":{"@xmlns:p":"y","#text":"1"}})");
}

TEST_CASE("CDATA and references are text, comments are nothing") {
  CHECK(json("<r>a<![CDATA[<b>&amp;]]>&amp;&#65;&#x20AC;<!-- c -->d<?pi?></r>")
        == "\"a<b>&amp;&A\u20ac"
           "d\"");
  CHECK(json("<r><![CDATA[ ]]></r>") == R"(" ")");
  CHECK(json("<r>&#x20;</r>") == R"(" ")");
  CHECK(json("<r> a\r\nb </r>") == R"(" a\nb ")");
}

TEST_CASE("escaped names are what they were") {
  CHECK(json("<r _x0031_a=\"2\"><order_x0020_id>1</order_x0020_id></r>")
        == R"({"@1a":"2","order id":"1"})");
  CHECK(json("<r><_x0061_>1</_x0061_><a>2</a></r>") == R"({"a":["1","2"]})");
  CHECK(json("<r>t<_x0023_text>u</_x0023_text></r>")
        == R"({"#text":["t","u"]})");
}

TEST_CASE("children of the root are a list") {
  CHECK(*xml_children_to_json("<r>x<a>1</a><b><c/></b></r>")
        == R"(["1",{"c":null}])");
  CHECK(*xml_children_to_json("<r/>") == "[]");
}

TEST_CASE("what is not well-formed is refused") {
  for (auto xml : {"",
                   "x",
                   "<r>",
                   "<r></s>",
                   "<r/><r/>",
                   "<r/>x",
                   "</r>",
                   "<r><</r>",
                   "<r a=1/>",
                   "<r a=\"<\"/>",
                   "<r a=\"1\" a=\"2\"/>",
                   "<r a=\"1\"b=\"2\"/>",
                   "<r>&foo;</r>",
                   "<r>&</r>",
                   "<r>&#0;</r>",
                   "<r>&#xD800;</r>",
                   "<r>&#x110000;</r>",
                   "<r>&#-1;</r>",
                   "<r>&#;</r>",
                   "<r a=\"&x;\"/>",
                   "<r>\x01</r>",
                   "<r>\xFF</r>",
                   "<r>\xEF\xBF\xBF</r>",
                   "<r><!-- </r>",
                   "<r><![CDATA[</r>",
                   "<![CDATA[x]]><r/>",
                   "<1/>",
                   "<r a=\"1/>",
                   "< r/>",
                   "<!DOCTYPE r><r/>",
                   "<!DOCTYPE r [<!ENTITY a \"b\">]><r>&a;</r>"}) {
    INFO(xml);
    CHECK(refused(xml) == errc::invalid_argument);
  }
}

TEST_CASE("depth and size have bounds") {
  CHECK(refused(nested(xml_depth_max)) == errc::none);
  CHECK(refused(nested(xml_depth_max + 1)) == errc::invalid_argument);
  CHECK(refused(nested(100'000)) == errc::invalid_argument);
  std::string many = "<r>";
  for (std::size_t i = 0; i < xml_items_max; ++i)
    many += "<a/>";
  CHECK(refused(many + "</r>") == errc::too_large);
  std::string attributes = "<r";
  for (std::size_t i = 0; i <= xml_items_max; ++i)
    attributes += " a" + std::to_string(i) + "=\"\"";
  CHECK(refused(attributes + "/>") == errc::too_large);
}

} // namespace callboard::test::xml_reader_test
