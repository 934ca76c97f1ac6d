// Random events, written in one representation and read in every other.
#include "net/json_xml.hpp"
#include "net/xml_reader.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <random>

namespace callboard::test::representations_test {

using nlohmann::json;

namespace {

constexpr int rounds = 150;

/// Rerun with `--rng-seed`, as Catch2 prints it.
class generator {
public:
  explicit generator(unsigned salt) : random_(Catch::getSeed() + salt) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  std::string bytes() {
    std::string out(below(40), '\0');
    for (auto& c : out)
      c = static_cast<char>(below(256));
    return out;
  }

  /// Characters that XML has too, among them all that it escapes.
  std::string text(std::size_t least = 0) {
    constexpr std::string_view pieces[] = {
      "a",       "Z",      "7",      " ",      "\n",         "\t",
      "\r",      "<",      "&",      "\"",     "'",          "]]>",
      "_x0041_", "_x",     ":",      "-",      "{}",         "\\u0041",
      "\u00fc",  "\u20ac", "\uFFFD", "\u4e2d", "\U0001F600", "null"};
    std::string out;
    for (auto n = least + below(5); n > 0; --n)
      out += pieces[below(std::size(pieces))];
    return out;
  }

  /// What only JSON can tell apart: numbers, words, nested and short arrays.
  json anything(std::size_t depth) {
    switch (below(depth == 0 ? 6 : 8)) {
      case 0: return nullptr;
      case 1: return below(2) == 0;
      case 2: return static_cast<std::int64_t>(random_());
      case 3: return std::ldexp(double(random_() >> 11), -30);
      case 4: return std::string(1, char(below(32))) + text();
      case 5: return text();
      case 6: {
        auto out = json::array();
        for (auto n = below(4); n > 0; --n)
          out.push_back(anything(depth - 1));
        return out;
      }
      default: {
        auto out = json::object();
        for (auto n = below(4); n > 0; --n)
          out[text()] = anything(depth - 1);
        return out;
      }
    }
  }

  /// What XML can carry as well: members that are texts, nulls, objects with
  /// members, or several of these.
  json members(std::size_t depth) {
    auto out = json::object();
    for (auto n = 1 + below(4); n > 0; --n) {
      auto& value = out[text(1)];
      if (below(4) != 0) {
        value = member(depth);
        continue;
      }
      value = json::array();
      for (auto m = 2 + below(3); m > 0; --m)
        value.push_back(member(depth));
    }
    return out;
  }

private:
  json member(std::size_t depth) {
    auto kind = below(depth == 0 ? 4 : 6);
    return kind == 0 ? json{} : kind < 4 ? json(text()) : members(depth - 1);
  }

  std::mt19937_64 random_;
};

class written_and_read : public dialect_fixture {
public:
  static constexpr const char* batch = "application/vnd.eventstore.events+";

  /// As one event of this type.
  void write(const std::string& type, const std::string& body) {
    sent(post("/streams/s",
              {{"Content-Type", type},
               {"ES-EventType", "t"},
               {"ES-EventId", next_id()}},
              body));
  }

  void write_json_batch(const json& data) {
    json event{{"eventId", next_id()}, {"eventType", "t"}, {"data", data}};
    sent(post("/streams/s", {{"Content-Type", std::string{batch} + "json"}},
              json::array({event}).dump()));
  }

  void write_xml_batch(const json& data) {
    std::string body = "<events><event><EventId>" + next_id()
                       + "</EventId><EventType>t</EventType>";
    REQUIRE(append_json_as_xml(body, {"Data"}, data.dump(), 1 << 20)
            == errc::none);
    sent(post("/streams/s", {{"Content-Type", std::string{batch} + "xml"}},
              body + "</event></events>"));
  }

  std::string read(const std::string& type, const std::string& more = {}) {
    auto got = get(last_ + more, {{"Accept", type}});
    REQUIRE(got.status() == 200);
    return got.body();
  }

  json read_json(const std::string& type, const std::string& more = {}) {
    return json::parse(read(type, more));
  }

  json read_xml(const std::string& type, const std::string& more = {}) {
    auto body = read(type, more);
    INFO(body);
    auto read = xml_to_json(body);
    REQUIRE(read.has_value());
    return json::parse(*read);
  }

  void check_json_readers(const json& data) {
    const std::string vendor = "application/vnd.eventstore.";
    CHECK(read_json("application/json") == data);
    CHECK(read_json(vendor + "event+json")["data"] == data);
    CHECK(read_json(vendor + "atom+json")["content"]["data"] == data);
    auto feed = vendor + "atom+json";
    CHECK(read_json(feed, "/1?embed=content")["entries"][0]["content"]["data"]
          == data);
    for (std::string embed : {"body", "pretty", "tryharder"}) {
      auto text = read_json(feed, "/1?embed=" + embed)["entries"][0]["data"];
      CHECK(json::parse(text.get<std::string>()) == data);
    }
  }

  void check_xml_readers(const json& data) {
    CHECK(read_xml("text/xml") == data);
    CHECK(read_xml("application/xml") == data);
    CHECK(read_xml("application/vnd.eventstore.event+xml")["data"] == data);
    CHECK(read_xml("application/atom+xml")["atom:content"]["data"] == data);
    auto feed = read_xml("application/atom+xml", "/1?embed=content");
    auto shown = feed["entry"]["content"]["data"];
    shown.erase("@xmlns");
    CHECK(shown == data);
  }

private:
  std::string next_id() { return to_string(world::id(++ids_)); }

  void sent(const seen_answer& got) {
    INFO(got.body());
    REQUIRE(got.status() == 201);
    last_ = got.header("Location").substr(std::string{"http://h:2113"}.size());
  }

  std::uint64_t ids_ = 0;
  std::string last_;
};

} // namespace

TEST_CASE("what XML can carry is the same in every representation") {
  generator random{1};
  written_and_read f;
  for (int i = 0; i < rounds; ++i) {
    auto data = random.members(3);
    INFO(data);
    auto way = random.below(3);
    if (way == 0)
      f.write("application/json", data.dump(int(random.below(3)) - 1));
    else if (way == 1)
      f.write_json_batch(data);
    else
      f.write_xml_batch(data);
    f.check_xml_readers(data);
    f.check_json_readers(data);
    CHECK(json::parse(f.read("application/octet-stream")) == data);
  }
}

TEST_CASE("any JSON is the same in every representation of JSON") {
  generator random{2};
  written_and_read f;
  for (int i = 0; i < rounds; ++i) {
    auto data = random.anything(4);
    INFO(data);
    auto text = data.dump(int(random.below(3)) - 1);
    if (data.is_structured() && random.below(2) == 0) {
      f.write_json_batch(data);
    } else {
      f.write("application/json", text);
      CHECK(f.read("application/octet-stream") == text);
    }
    f.check_json_readers(data);
    // XML may not tell a number from a text, but it is XML.
    f.read_xml("text/xml");
    f.read_xml("application/atom+xml");
    f.read_xml("application/atom+xml", "/1?embed=content");
    f.read_xml("application/vnd.eventstore.event+xml");
  }
}

TEST_CASE("bytes are the same bytes, whatever they are said to be") {
  generator random{3};
  written_and_read f;
  for (int i = 0; i < rounds; ++i) {
    auto data = random.bytes();
    for (std::string type : {"application/octet-stream", "application/json",
                             "text/xml", "application/xml"}) {
      f.write(type, data);
      CHECK(f.read("application/octet-stream") == data);
      for (std::string as : {"text/xml", "application/vnd.eventstore.event+xml",
                             "application/atom+xml"})
        f.read_xml(as);
      f.read_json("application/json");
      f.read_json("application/vnd.eventstore.event+json");
    }
  }
}

TEST_CASE("text is the same as text in XML and JSON") {
  generator random{4};
  written_and_read f;
  for (int i = 0; i < rounds; ++i) {
    auto data = random.text(1);
    f.write("text/xml", data);
    CHECK(f.read("application/octet-stream") == data);
    CHECK(f.read_json("application/json") == data);
    CHECK(f.read_xml("text/xml") == data);
    CHECK(f.read_xml("application/vnd.eventstore.event+xml")["data"] == data);
  }
}

} // namespace callboard::test::representations_test
