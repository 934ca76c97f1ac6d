// JSON as XML elements: byte goldens for every kind of value.
#include "net/json_xml.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace callboard::test::json_xml_test {

namespace {

std::string xml(std::string_view json, xml_element element = {"data"}) {
  std::string out;
  REQUIRE(append_json_as_xml(out, element, json, 1 << 20) == errc::none);
  return out;
}

} // namespace

TEST_CASE("members become elements, in their order") {
  CHECK(xml(R"({"a":1,"b":"x","c":{"d":true,"e":null},"f":""})")
        == "<data><a>1</a><b>x</b><c><d>true</d><e /></c><f></f></data>");
  CHECK(xml(" { \"a\" : 1 , \"b\" : [ 2 , 3 ] } \n")
        == "<data><a>1</a><b>2</b><b>3</b></data>");
}

TEST_CASE("numbers keep their text") {
  CHECK(xml(R"({"a":1.10,"b":12345678901234567890123,"c":-0.0e+10})")
        == "<data><a>1.10</a><b>12345678901234567890123</b><c>-0.0e+10</c>"
           "</data>");
}

TEST_CASE("a document can be any value") {
  CHECK(xml("{}") == "<data />");
  CHECK(xml("[]") == "<data />");
  CHECK(xml("null") == "<data />");
  CHECK(xml("5") == "<data>5</data>");
  CHECK(xml(R"("<&")") == "<data>&lt;&amp;</data>");
  CHECK(xml("[1,2]") == "<data><data>1</data><data>2</data></data>");
}

TEST_CASE("arrays repeat their element, inside of arrays they have one") {
  CHECK(xml(R"({"a":[[1,2],[3],[]],"b":[]})")
        == "<data><a><a>1</a><a>2</a></a><a><a>3</a></a><a /></data>");
  CHECK(xml(R"({"a":[{"b":1},{"b":2}]})")
        == "<data><a><b>1</b></a><a><b>2</b></a></data>");
  CHECK(xml("[1,2]", {"data", R"( xmlns="")", true})
        == R"(<data xmlns="">1</data><data xmlns="">2</data>)");
  CHECK(xml("[]", {"data", "", true}).empty());
  CHECK(xml(R"({"data":[1]})", {"data", R"( xmlns="")", true})
        == R"(<data xmlns=""><data>1</data></data>)");
}

TEST_CASE("@name is an attribute and #text is text") {
  CHECK(xml(R"({"@id":1,"@b":"\"<\n","#text":"x"})")
        == R"(<data id="1" b="&quot;&lt;&#xA;">x</data>)");
  CHECK(xml(R"({"@id":null})") == R"(<data id="" />)");
  CHECK(xml(R"({"a":1,"@late":2,"b":{"c":1,"@in":3},"@last":4})")
        == R"(<data late="2" last="4"><a>1</a><b in="3"><c>1</c></b></data>)");
  // Not to be an attribute twice, or with something in it.
  CHECK(xml(R"({"@a":1,"@a":2})")
        == R"(<data a="1"><_x0040_a>2</_x0040_a></data>)");
  CHECK(xml(R"({"@a":{"b":1}})")
        == "<data><_x0040_a><b>1</b></_x0040_a></data>");
  CHECK(xml(R"({"@":1})") == "<data><_x0040_>1</_x0040_></data>");
  CHECK(xml(R"({"#text":["a","b"]})")
        == "<data><_x0023_text>a</_x0023_text><_x0023_text>b</_x0023_text>"
           "</data>");
  // Data declares no namespaces.
  CHECK(xml(R"({"@xmlns":"u","@xmlns:p":"v"})")
        == R"(<data _x0078_mlns="u" xmlns_x003A_p="v" />)");
}

TEST_CASE("names that XML does not know are escaped") {
  CHECK(xml(R"({"order id":1,"$type":"x","\u20ac":2,"":3,"a\"b":4})")
        == "<data><order_x0020_id>1</order_x0020_id>"
           "<_x0024_type>x</_x0024_type><_x20AC_>2</_x20AC_><_x_>3</_x_>"
           "<a_x0022_b>4</a_x0022_b></data>");
}

TEST_CASE("escapes of JSON are resolved") {
  CHECK(xml(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00")")
        == "<data>\"\\/\xEF\xBF\xBD\xEF\xBF\xBD\n&#xD;\tA\u00e9\u20ac"
           "\U0001F600</data>");
  for (auto half : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")",
                    R"("\ud800x")", R"("\u0000")", R"("\uffff")"})
    CHECK(xml(half).find("\xEF\xBF\xBD") != std::string::npos);
  CHECK(xml(R"("\ud800\u0041")")
        == "<data>\xEF\xBF\xBD"
           "A</data>");
  CHECK(xml(R"({"@\ud800":1,"@\ud801":2})")
        == R"(<data _xFFFD_="1"><_x0040__xFFFD_>2</_x0040__xFFFD_></data>)");
}

TEST_CASE("a document that would grow too much is not begun") {
  std::string json = "{\"" + std::string(1000, 'n') + "\":[";
  for (int i = 0; i < 1000; ++i)
    json += i == 0 ? "1" : ",1";
  json += "]}";
  std::string out = "before";
  CHECK(append_json_as_xml(out, {"data"}, json, 16 * json.size())
        == errc::too_large);
  CHECK(out == "before");
}

} // namespace callboard::test::json_xml_test
