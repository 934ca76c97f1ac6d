// Compressed answers: for whom, and that they come back.
#include "net/compression.hpp"

#include <catch2/catch_test_macros.hpp>
#include <zlib.h>

#include <string>

namespace callboard::test::compression_test {

namespace {

http_answer compressed(std::string body,
                       std::optional<std::string_view> accept_encoding) {
  http_answer answer{.body = std::move(body)};
  compress(answer, accept_encoding);
  return answer;
}

std::string inflated(std::string body, int window) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, window) == Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(body.data());
  stream.avail_in = uInt(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = uInt(out.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

const std::string text(10'000, 'x');

} // namespace

TEST_CASE("gzip and deflate come back as they were") {
  auto gzip = compressed(text, "gzip");
  CHECK(gzip.headers.starts_with("Content-Encoding: gzip\r\n"));
  CHECK(gzip.body.size() < 100);
  CHECK(inflated(gzip.body, 15 + 16) == text);
  auto deflate = compressed(text, "deflate");
  CHECK(deflate.headers.starts_with("Content-Encoding: deflate\r\n"));
  CHECK(inflated(deflate.body, 15) == text);
}

TEST_CASE("a compressed answer says that it varies by encoding") {
  http_answer answer{.body = text};
  answer.add_header("Vary", "Accept");
  compress(answer, "gzip");
  CHECK(answer.headers
        == "Vary: Accept\r\nContent-Encoding: gzip\r\n"
           "Vary: Accept-Encoding\r\n");
}

TEST_CASE("what has a coding is not compressed again") {
  http_answer answer{.body = text};
  compress(answer, "gzip");
  auto once = answer;
  compress(answer, "gzip");
  CHECK(answer.body == once.body);
  CHECK(answer.headers == once.headers);
}

TEST_CASE("a list of codings, or none, leaves the answer alone") {
  for (auto wish : {"gzip, deflate", "gzip;q=1", "GZIP", "br", "*", ""}) {
    INFO(wish);
    auto answer = compressed(text, wish);
    CHECK(answer.body == text);
    CHECK(answer.headers.empty());
  }
  CHECK(compressed(text, std::nullopt).body == text);
}

TEST_CASE("what is short or does not get shorter is left alone") {
  auto small = std::string(compress_bytes_min - 1, 'x');
  CHECK(compressed(small, "gzip").body == small);
  std::string noise;
  for (std::uint32_t x = 1; noise.size() < 4096; x = x * 1664525 + 1013904223)
    noise += char(x >> 24);
  CHECK(compressed(noise, "gzip").body == noise);
  CHECK(compressed(noise, "gzip").headers.empty());
}

} // namespace callboard::test::compression_test
