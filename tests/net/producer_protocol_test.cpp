// Frames of the binary producer, byte by byte; numbers are those of
// barco-http.md 8.
#include "actors/core/limits.hpp"
#include "net/producer_protocol.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace callboard::test::producer_protocol_test {

namespace {

std::string from_hex(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != ' '; });
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    out.push_back(char(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return out;
}

const std::string startup = from_hex("01 00 0007 01 00000000 d11719e5");
const std::string ready = from_hex("01 00 0007 02 00000000 96b76335");
const std::string two_messages =
  from_hex("01 01 0009 04 00000024 d35413aa 00060a24181e4000 01 6b 03 627031 "
           "00000007 7b2261223a317d 00000007 7b2261223a327d");
const std::string produced = from_hex("01 00 0009 05 00000000 1e9dde55");

struct taken {
  std::uint16_t stream;
  std::string topic;
  std::string key;
  std::optional<std::int64_t> timestamp;
  std::vector<std::string> records;
};

struct connection {
  std::vector<taken> frames;
  producer_protocol protocol{
    [this](std::uint16_t stream, const produce_frame& frame) {
      frames.push_back({stream,
                        std::string{frame.topic},
                        std::string{frame.key},
                        frame.timestamp,
                        {frame.records.begin(), frame.records.end()}});
    }};

  std::size_t send(std::string_view bytes) {
    std::size_t at = 0;
    while (auto n = protocol.take(bytes.substr(at)))
      at += n;
    return at;
  }
};

/// CRC-32 by the bit, so that the codec's is not compared with itself.
void seal(std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 0; i < 9; ++i) {
    crc ^= static_cast<unsigned char>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ (0xedb88320U & (0 - (crc & 1)));
  }
  crc = ~crc;
  for (std::size_t i = 0; i < 4; ++i)
    bytes[9 + i] = char(crc >> (24 - 8 * i));
}

/// A produce frame with an empty key: `append_error_frame` puts a zero first.
std::string produce(std::string_view body) {
  std::string out;
  append_error_frame(out, 5, frame_error::server, body);
  out[4] = char(frame_opcode::produce);
  seal(out);
  return out;
}

} // namespace

TEST_CASE("33, 125: the exchange of the documentation") {
  connection c;
  CHECK(c.send(startup) == startup.size());
  CHECK(c.protocol.out() == ready);
  c.protocol.out().clear();
  CHECK(c.send(two_messages) == two_messages.size());
  REQUIRE(c.frames.size() == 1);
  CHECK(c.frames[0].stream == 9);
  CHECK(c.frames[0].topic == "bp1");
  CHECK(c.frames[0].key == "k");
  CHECK(c.frames[0].timestamp == 1'700'000'000'000'000);
  CHECK(c.frames[0].records
        == std::vector<std::string>{R"({"a":1})", R"({"a":2})"});
  CHECK(c.protocol.out().empty());
  c.protocol.answer(9);
  CHECK(c.protocol.out() == produced);
  std::string error;
  append_error_frame(error, 14, frame_error::server,
                     "Only producer operations are supported");
  CHECK(error.starts_with(from_hex("01 00 000e 03 00000027 29d2ae26 00")));
}

TEST_CASE("124: whatever comes before a startup ends the connection") {
  connection c;
  CHECK(c.send(two_messages) == 0);
  CHECK(c.protocol.closed());
  CHECK(c.frames.empty());
  CHECK(c.protocol.out().find("Invalid first message") != std::string::npos);
  CHECK(c.send(startup) == 0);
}

TEST_CASE("125: what is not a producer's is refused, the rest goes on") {
  connection c;
  c.send(startup);
  c.protocol.out().clear();
  c.send(ready + startup + two_messages);
  CHECK(c.protocol.out().find("Only producer operations are supported")
        != std::string::npos);
  CHECK(c.frames.size() == 1);
  CHECK_FALSE(c.protocol.closed());
}

TEST_CASE("a frame may come in pieces of any size") {
  for (std::size_t cut = 0; cut < two_messages.size(); ++cut) {
    connection c;
    c.send(startup);
    CHECK(c.send(two_messages.substr(0, cut)) == 0);
    CHECK(c.send(two_messages) == two_messages.size());
    CHECK(c.frames.size() == 1);
  }
}

TEST_CASE("bodies that end too early, or too late, are refused alone") {
  connection c;
  c.send(startup);
  using namespace std::string_view_literals;
  // All with an empty key: the first byte of the body is 0.
  for (auto& [body, why] :
       {std::pair{"\1t"sv, "A produce frame needs at least one message"sv},
        std::pair{"\1t\0\0\0\11short"sv, "EOF"sv},
        std::pair{"\1t\0\0\0\1a\0"sv, "EOF"sv},
        std::pair{"\1t\0\0\0\1a\0\0"sv, "EOF"sv},
        std::pair{"\1t\0\0\0\1a\0\0\0"sv, "EOF"sv},
        std::pair{"\377topic"sv, "EOF"sv}, std::pair{""sv, "EOF"sv}}) {
    c.protocol.out().clear();
    auto bytes = produce(body);
    CHECK(c.send(bytes) == bytes.size());
    CHECK(c.protocol.out().find(why) != std::string::npos);
  }
  CHECK(c.frames.empty());
  CHECK_FALSE(c.protocol.closed());
  c.send(produce("\1t\0\0\0\1a\0\0\0\0"sv)); // an empty record is one
  REQUIRE(c.frames.size() == 1);
  CHECK(c.frames[0].records == std::vector<std::string>{"a", ""});
}

TEST_CASE("a header that is none ends the connection") {
  SECTION("a wrong checksum") {
    connection c;
    c.send(startup);
    auto bytes = two_messages;
    bytes[12] ^= 1;
    CHECK(c.send(bytes) == 0);
    CHECK(c.protocol.closed());
  }
  SECTION("a body larger than anything") {
    connection c;
    c.send(startup);
    auto bytes = from_hex("01 00 0009 04 7fffffff 00000000");
    seal(bytes);
    CHECK(c.send(bytes) == 0);
    CHECK(c.protocol.closed());
    CHECK(c.protocol.out().find("too large") != std::string::npos);
  }
}

TEST_CASE("an error's text fits the buffer of the official client") {
  std::string out;
  append_error_frame(out, 1, frame_error::no_leader, std::string(5'000, 'x'));
  CHECK(out.size() == frame_header_bytes + 512);
  out.clear();
  append_error_frame(out, 1, frame_error::routing, "");
  CHECK(out.size() == frame_header_bytes + 1);
}

} // namespace callboard::test::producer_protocol_test
