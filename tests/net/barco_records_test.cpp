// Bodies to records: lines, frames, and what none may be.
#include "actors/core/limits.hpp"
#include "net/barco_records.hpp"
#include "net/json_layout.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>

namespace callboard::test::barco_records_test {

namespace {

using texts = std::vector<std::string>;

texts split(record_format format, std::string body) {
  texts out;
  auto records = read_records(format, std::move(body), std::nullopt);
  if (!records)
    return {records.error().text};
  for (auto& one : *records)
    out.push_back(one.data);
  return out;
}

std::string frame(std::string_view data) {
  std::string out;
  for (int shift : {24, 16, 8, 0})
    out += char(data.size() >> shift & 0xff);
  return out.append(data);
}

} // namespace

TEST_CASE("the whole Content-Type decides, case included") {
  using enum record_format;
  CHECK(format_of("application/x-ndjson") == lines);
  CHECK(format_of("application/vnd.polar.producer.frames") == frames);
  CHECK(format_of("application/vnd.barco.producer.frames") == frames);
  CHECK(format_of("application/x-ndjson; charset=utf-8") == whole);
  CHECK(format_of("Application/X-NDJSON") == whole);
  CHECK(format_of("application/json") == whole);
  CHECK(format_of(std::nullopt) == whole);
}

TEST_CASE("any other body is one record, byte for byte (55)") {
  auto records =
    read_records(record_format::whole, "{\n \"a\": 1\r\n}\n", std::nullopt)
      .value();
  REQUIRE(records.size() == 1);
  CHECK(records[0].data == "{\n \"a\": 1\r\n}\n");
  CHECK(records[0].type == "message");
  CHECK(records[0].is_json);
  CHECK(records[0].metadata.empty());
  CHECK(!records[0].id.is_zero());
}

TEST_CASE("lines are records, blank ones are dropped (56, 57)") {
  using enum record_format;
  CHECK(split(lines, "1\n2\r\n\n\r\n3\n") == texts{"1", "2", "3"});
  CHECK(split(lines, "1\n2") == texts{"1", "2"});
  CHECK(split(lines, " \r\r\n") == texts{" \r"});
  for (auto* blank : {"\n", "\r\n\r\n", "\n\n\n", "\r"})
    CHECK(split(lines, blank)
          == texts{"The body has no records: it is empty, or all its lines "
                   "are"});
}

TEST_CASE("a line's end at any place of a body ends the line (129)") {
  for (std::size_t at : {1, 4095, 8190, 8191, 8192, 8193, 16383, 16384}) {
    auto body = std::string(at, 'a') + "\n" + std::string(at, 'b') + "\n";
    INFO(at);
    CHECK(split(record_format::lines, body)
          == texts{std::string(at, 'a'), std::string(at, 'b')});
  }
}

TEST_CASE("frames are records, whatever is in them (60, 61)") {
  using enum record_format;
  std::string large(9000, 'x');
  CHECK(split(frames, frame("{}") + frame({"a\n\0b", 4}) + frame(large))
        == texts{"{}", {"a\n\0b", 4}, large});
}

TEST_CASE("a record of no bytes is refused with its number") {
  CHECK(split(record_format::frames, frame("{}") + frame(""))
        == texts{"Record 2 is empty"});
  std::vector<std::string_view> binary{"", "{}"};
  CHECK(make_records(binary, std::nullopt).error().text == "Record 1 is empty");
}

TEST_CASE("a frame that is cut short is refused with its place") {
  auto body = frame("abc") + frame("defg");
  for (std::size_t size = 1; size < body.size(); ++size) {
    INFO(size);
    auto got = split(record_format::frames, body.substr(0, size));
    if (size == 7)
      CHECK(got == texts{"abc"});
    else
      CHECK(got.front().find(size < 7 ? "at byte 0" : "at byte 7")
            != std::string::npos);
  }
  CHECK(split(record_format::frames, "\xff\xff\xff\xff")
        == texts{"The record at byte 0 should have 4294967295 bytes; only 0 "
                 "are left of the body"});
}

TEST_CASE("what one append cannot take is refused") {
  std::string lines;
  for (std::size_t i = 0; i <= limits::append_events_max; ++i)
    lines += "1\n";
  CHECK(split(record_format::lines, lines)
        == texts{"Too many records: at most 10000 are allowed in one request"});
  CHECK(split(record_format::lines, lines.substr(2)).size()
        == limits::append_events_max);
  CHECK(
    split(record_format::whole, std::string(limits::event_bytes_max + 1, ' '))
    == texts{"Record 1 has 4194305 bytes; at most 4194304 are allowed"});
}

TEST_CASE("only JSON is marked as JSON") {
  for (auto* json : {"1", "{\"a\":[1,\"x\"]}", " null ", "\"\xc3\xa9\"",
                     "123456789012345678901234567890", "1e400"})
    CHECK(is_json_value(json));
  for (auto* other : {"", " ", "not json", "{", "1 2", "{'a':1}", "nul",
                      "\xEF\xBB\xBF{}", "\"\xff\"", "\"\n\""})
    CHECK_FALSE(is_json_value(other));
  auto large = "[" + std::string(100'000, ' ') + "]";
  CHECK(is_json_value(large));
  CHECK_FALSE(is_json_value(large + "]"));
}

TEST_CASE("JSON may be nested as deep in a small record as in a large one") {
  for (std::size_t spaces : {0, 100'000})
    for (std::size_t depth : {1, 254, 255, 256, 257, 258, 1000}) {
      auto text = std::string(depth, '[') + std::string(spaces, ' ') + "1"
                  + std::string(depth, ']');
      INFO(spaces << " " << depth);
      CHECK(is_json_value(text) == (depth <= json_depth_max));
      text.replace(text.find('1'), 1, " "); // the innermost one is empty
      CHECK(is_json_value(text) == (depth <= json_depth_max));
    }
}

TEST_CASE("a timestamp is microseconds, and becomes metadata") {
  CHECK(!read_timestamp(std::nullopt).value());
  CHECK(read_timestamp("0").value() == 0);
  CHECK(read_timestamp("9223372036854775807").value()
        == std::uint64_t{INT64_MAX});
  for (auto* bad : {"", "-1", "+1", "1.5", "x", "1x", "9223372036854775808",
                    "99999999999999999999"})
    CHECK(read_timestamp(bad).error().status == 400);
  auto records =
    read_records(record_format::lines, "1\n2", 1'700'000'000'000'000).value();
  for (auto& one : records)
    CHECK(one.metadata == R"({"timestampMicros":1700000000000000})");
}

TEST_CASE("names of topics, and why some are none") {
  for (std::string topic :
       {"a", "my-topic1", "a b", "..", "日本", "a@b", "@", "1", "a::b", "a@1b"})
    CHECK(check_topic(topic));
  CHECK(check_topic(std::string(255, 'x')));
  auto why = [](std::string_view topic) {
    return check_topic(topic).error().text;
  };
  CHECK(why("") == "Invalid topic");
  CHECK(why(std::string(256, 'x')).find("256 bytes; at most 255")
        != std::string::npos);
  CHECK(why("$ce").find("begin with $") != std::string::npos);
  CHECK(why("a\tb").find("control") != std::string::npos);
  CHECK(why({"a\0b", 3}).find("control") != std::string::npos);
  CHECK(why("a\xff").find("UTF-8") != std::string::npos);
  for (auto* part : {"a@2", "a@99", "a@007", "@1", "a@1::b", "a::b@2"})
    CHECK(why(part).find("part of another topic") != std::string::npos);
}

TEST_CASE("every record has an id of its own") {
  std::string lines;
  for (int i = 0; i < 1000; ++i)
    lines += "1\n";
  std::set<uuid> ids;
  for (auto& one :
       read_records(record_format::lines, lines, std::nullopt).value())
    ids.insert(one.id);
  CHECK(ids.size() == 1000);
}

} // namespace callboard::test::barco_records_test
