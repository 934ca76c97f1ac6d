// Re-indenting: exact output, exact numbers, what is refused.
#include "net/json_layout.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <random>

namespace callboard::test::json_layout_test {

namespace {

std::string indented(std::string_view text,
                     json_grammar grammar = json_grammar::strict) {
  std::string out;
  auto outcome = append_indented(out, text, 1'000'000, grammar);
  return outcome == errc::none ? out
                               : "refused: " + std::string{to_string(outcome)};
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

} // namespace

TEST_CASE("objects and arrays are indented by two spaces") {
  CHECK(indented(R"({"a":1,"b":[true,null,{"c":"d"}],"e":{},"f":[]})") == R"({
  "a": 1,
  "b": [
    true,
    null,
    {
      "c": "d"
    }
  ],
  "e": {},
  "f": []
})");
  CHECK(indented(" [ ] ") == "[]");
  CHECK(indented("\xEF\xBB\xBF{ \r\n\t}") == "{}");
  CHECK(indented(" \"x\" ") == "\"x\"");
}

TEST_CASE("numbers, escapes and the order of members stay as written") {
  CHECK(indented(R"([1.10,1e400,-0,123456789012345678901234567890,5E-7])")
        == "[\n  1.10,\n  1e400,\n  -0,\n  123456789012345678901234567890,\n"
           "  5E-7\n]");
  CHECK(indented(R"({"z":"\u0041\/\"","a":"\ud800"})")
        == "{\n  \"z\": \"\\u0041\\/\\\"\",\n  \"a\": \"\\ud800\"\n}");
  CHECK(indented(R"({"$type":"x","$ref":"y","a":1,"a":2})")
        == "{\n  \"$type\": \"x\",\n  \"$ref\": \"y\",\n  \"a\": 1,\n"
           "  \"a\": 2\n}");
}

TEST_CASE("what is not JSON is refused and leaves no trace") {
  for (auto text : {"",
                    " ",
                    "{",
                    "}",
                    "[1,]",
                    "{\"a\":1,}",
                    "{a:1}",
                    "{'a':1}",
                    "[1 2]",
                    "{\"a\" 1}",
                    "{\"a\":}",
                    "01",
                    "1.",
                    ".5",
                    "+1",
                    "1e",
                    "-",
                    "tru",
                    "nul",
                    "[] []",
                    "\"a",
                    "\"\\x\"",
                    "\"\\u12\"",
                    "\"a\nb\"",
                    "/**/1",
                    "\"\xFF\"",
                    "NaN",
                    "\"\\",
                    "{\"a\":1,,\"b\":2}",
                    "[,1]"}) {
    INFO(text);
    std::string out = "before";
    CHECK(append_indented(out, text, 1000) == errc::invalid_argument);
    CHECK(out == "before");
    CHECK_FALSE(is_json(text));
  }
}

TEST_CASE("the lenient grammar takes what Event Store's reader takes") {
  auto lenient = json_grammar::lenient;
  CHECK(indented("{a : \"1\"}", lenient) == "{\n  \"a\": \"1\"\n}");
  CHECK(indented("{'it''s':1}", lenient) == "refused: invalid_argument");
  CHECK(indented(R"({'it\'s "x"':[1,],/*c*/$b_1:2,} // end)", lenient)
        == "{\n  \"it's \\\"x\\\"\": [\n    1\n  ],\n  \"$b_1\": 2\n}");
  CHECK(indented("{\"a\":\"line\nend\"}", lenient)
        == "{\n  \"a\": \"line\\nend\"\n}");
  CHECK(to_strict_json(" {a:'b', /* */ c:[1,2,],} ")
        == "{\"a\":\"b\",\"c\":[1,2]}");
  for (auto text : {"{a:}", "{:1}", "[1,,2]", "/*", "'a", "a", "{a 1}"})
    CHECK_FALSE(to_strict_json(text));
}

TEST_CASE("depth and size are bounded") {
  CHECK(is_json(nested(json_depth_max)));
  CHECK_FALSE(is_json(nested(json_depth_max + 1)));
  CHECK_FALSE(is_json(nested(1'000'000)));
  std::string out;
  CHECK(append_indented(out, "[1,2,3]", 15) == errc::too_large);
  CHECK(out.empty());
  CHECK(append_indented(out, "[1,2,3]", 17) == errc::none);
  CHECK(out.size() == 17);
  out.clear();
  CHECK(append_indented(out, "\"0123456789\"", 11) == errc::too_large);
  CHECK(out.empty());
}

TEST_CASE("depth is counted outside of strings") {
  CHECK(json_depth("") == 0);
  CHECK(json_depth("1") == 0);
  CHECK(json_depth("[{}]") == 2);
  CHECK(json_depth("[[],[[]],[]]") == 3);
  CHECK(json_depth("{\"[[[\": \"\\\"[[[[\", 'b': '[[[\"'}") == 1);
  CHECK(json_depth("]]][") == 1);
  CHECK(json_depth("\"open [[") == 0);
  CHECK(json_depth(nested(1'000'000)) == 1'000'000);
}

TEST_CASE("the first byte tells what a document is") {
  CHECK(first_of_json(" \t{}") == '{');
  CHECK(first_of_json("\xEF\xBB\xBF\n[") == '[');
  CHECK(first_of_json("") == '\0');
  CHECK(first_of_json("  ") == '\0');
}

TEST_CASE("mutated documents are judged as a full parser judges them") {
  std::mt19937 random{11};
  const std::string seed =
    R"({"a":[1,-2.5e+3,true,false,null,"x\n\u00e9"],"b":{"c":{}},"d":""})";
  const std::string alphabet = R"({}[]",:\0123456789.eE+-truefalsn u)";
  for (int round = 0; round < 20'000; ++round) {
    auto text = seed;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      auto at = random() % text.size();
      if (random() % 2 == 0)
        text[at] = alphabet[random() % alphabet.size()];
      else
        text.erase(at, 1);
    }
    INFO("seed 11, round " << round << ": " << text);
    std::string out;
    auto ours = append_indented(out, text, SIZE_MAX) == errc::none;
    auto theirs = nlohmann::json::accept(text);
    if (ours != theirs) {
      // The only difference allowed: nlohmann refuses a lone surrogate.
      REQUIRE((ours && text.find("\\u") != std::string::npos));
    } else if (ours) {
      CHECK(nlohmann::json::parse(text) == nlohmann::json::parse(out));
      std::string again;
      CHECK(append_indented(again, out, SIZE_MAX) == errc::none);
      CHECK(again == out);
    }
  }
}

} // namespace callboard::test::json_layout_test
