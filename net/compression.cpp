// zlib, once over the whole body.
#include "net/compression.hpp"

#include <zlib.h>

#include <cassert>
#include <string>

namespace callboard {

namespace {

// Others wait meanwhile, for this thread or its core: fast counts, not the last
// byte.
constexpr int level = 1;
constexpr int gzip_window = 15 + 16; // zlib: + 16 writes a gzip header
constexpr int zlib_window = 15;
constexpr int memory_level = 8; // zlib's default

/// Nothing if it did not get shorter.
std::string deflated(std::string& body, int window) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, window, memory_level,
                   Z_DEFAULT_STRATEGY)
      != Z_OK)
    return {}; // no memory
  std::string out(body.size(), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(body.data());
  stream.avail_in = uInt(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = uInt(out.size());
  bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

} // namespace

void compress(http_answer& answer,
              std::optional<std::string_view> accept_encoding) {
  if (!accept_encoding || answer.as_it_is
      || answer.body.size() < compress_bytes_min
      || answer.headers.find("Content-Encoding:") != std::string::npos)
    return;
  bool gzip = *accept_encoding == "gzip";
  if (!gzip && *accept_encoding != "deflate")
    return;
  assert(answer.body.size() <= UINT32_MAX);
  auto shorter = deflated(answer.body, gzip ? gzip_window : zlib_window);
  if (shorter.empty())
    return;
  answer.body = std::move(shorter);
  answer.add_header("Content-Encoding", *accept_encoding);
  // Only here: without an encoding the answer suits everybody.
  answer.add_header("Vary", "Accept-Encoding");
}

} // namespace callboard
