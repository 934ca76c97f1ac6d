// Which codec a body has and which one an answer gets (spec 0.3, 0.4).
#include "net/negotiation.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>

namespace callboard::test::negotiation_test {

namespace {

constexpr std::array standard{media::json, media::text_xml};
constexpr std::array competing{media::es_competing_xml, media::k_competing_json,
                               media::es_competing_json};
constexpr std::array atom{media::atom_xml, media::k_atom_json,
                          media::es_atom_json, media::text_xml, media::json};

std::string name(const media_type* type) {
  return type == nullptr ? "none" : std::string{type->name()};
}

std::string request_type(std::optional<std::string_view> content_type) {
  return name(choose_request_type(content_type, standard));
}

std::string accepted_type(std::optional<std::string_view> accept,
                          std::span<const media_type> offered = standard) {
  return name(choose_response_type(accept, std::nullopt, offered));
}

std::string named(std::string_view value,
                  std::span<const media_type> offered = atom) {
  return name(choose_response_type("text/html", value, offered));
}

} // namespace

TEST_CASE("a body's type must be named exactly") {
  CHECK(request_type("application/json") == "application/json");
  CHECK(request_type("text/xml") == "text/xml");
  CHECK(request_type(" application/json ") == "application/json");
  CHECK(request_type("Application/Json") == "none");
  CHECK(request_type("application/*") == "none");
  CHECK(request_type("application/json2") == "none");
  CHECK(request_type("application/xml") == "none");
  CHECK(request_type("") == "none");
  CHECK(request_type(std::nullopt) == "none");
}

TEST_CASE("the only charset of a body is utf-8, in any case") {
  CHECK(request_type("application/json;charset=utf-8") == "application/json");
  CHECK(request_type("application/json; charset=UTF-8") == "application/json");
  CHECK(request_type("application/json; a=b ; Charset = \"Utf-8\"")
        == "application/json");
  CHECK(request_type("application/json; charset=utf-16") == "none");
  CHECK(request_type("application/json; charset=iso-8859-1") == "none");
  CHECK(request_type("application/json; charset=") == "none");
  CHECK(request_type("application/json; version=1") == "application/json");
}

TEST_CASE("without Accept the first offer is taken") {
  CHECK(accepted_type(std::nullopt) == "application/json");
  CHECK(accepted_type("") == "application/json");
  CHECK(accepted_type("  ") == "application/json");
}

TEST_CASE("a range takes the first offer that suits") {
  CHECK(accepted_type("*/*") == "application/json");
  CHECK(accepted_type("*") == "application/json");
  CHECK(accepted_type("text/*") == "text/xml");
  CHECK(accepted_type("TEXT/XML") == "text/xml");
  CHECK(accepted_type("text/xml; charset=utf-8") == "text/xml");
  CHECK(accepted_type("application/xml") == "none");
  CHECK(accepted_type("image/*") == "none");
  CHECK(accepted_type("tex/*") == "none");
  CHECK(accepted_type("*/* ", competing)
        == "application/vnd.eventstore.competingatom+xml");
  CHECK(accepted_type("application/*", competing)
        == "application/vnd.eventstore.competingatom+xml");
  CHECK(
    accepted_type("application/vnd.eventstore.competingatom+json", competing)
    == "application/vnd.eventstore.competingatom+json");
  CHECK(accepted_type("text/xml", competing) == "none");
}

TEST_CASE("ranges are tried by q, and in their order where it is the same") {
  CHECK(accepted_type("application/json,*/*;q=0.1") == "application/json");
  CHECK(accepted_type("application/json;q=0.1, text/xml") == "text/xml");
  CHECK(accepted_type("text/xml;q=0.5,application/json;q=0.5") == "text/xml");
  CHECK(accepted_type("image/png, text/xml;q=0.2, application/json;q=0.3")
        == "application/json");
  CHECK(accepted_type("application/json ; q=0.8 , text/xml ; Q=0.9")
        == "text/xml");
  CHECK(accepted_type("image/png,image/jpeg;q=0.9") == "none");
}

TEST_CASE("q=0 is the last choice but one, as in Event Store") {
  CHECK(accepted_type("application/json;q=0") == "application/json");
  CHECK(accepted_type("application/json;q=0, text/xml;q=0.001") == "text/xml");
}

TEST_CASE("a q that is no number between 0 and 1 counts as 1") {
  for (auto q : {"nan", "inf", "-1", "7", "x", ""}) {
    INFO(q);
    CHECK(
      accepted_type("text/xml;q=" + std::string{q} + ", application/json;q=0.9")
      == "text/xml");
  }
}

TEST_CASE("a comma in quotes separates nothing") {
  CHECK(accepted_type(R"(image/png;p="a,text/xml\",b", application/json)")
        == "application/json");
  CHECK(accepted_type(R"(image/png;p="unclosed, application/json)") == "none");
  CHECK(accepted_type(R"(image/png;p="\)") == "none");
}

TEST_CASE("format= overrides Accept") {
  CHECK(named("json") == "application/json");
  CHECK(named("xml") == "text/xml");
  CHECK(named("atom") == "application/atom+xml");
  CHECK(named("atomxj") == "application/vnd.kurrent.atom+json");
  CHECK(named("text") == "none");
  CHECK(named("atomsvc") == "none");
  CHECK(named("unknown") == "none");
  CHECK(named("JSON") == "none");
  CHECK(named("") == "none");
}

TEST_CASE("competing reads know no format") {
  for (auto f : {"json", "xml", "atom", "atomxj", "text", "atomsvc"}) {
    INFO(f);
    CHECK(named(f, competing) == "none");
  }
}

TEST_CASE("an answer's type names its charset, except for bytes") {
  CHECK(media::json.content_type == "application/json; charset=utf-8");
  CHECK(media::json.name() == "application/json");
  CHECK(media::octet_stream.content_type == "application/octet-stream");
  CHECK(media::octet_stream.name() == "application/octet-stream");
}

} // namespace callboard::test::negotiation_test
