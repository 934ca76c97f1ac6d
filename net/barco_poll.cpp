// Chunks to bytes; the sizes are known before, so each buffer grows once.
#include "net/barco_poll.hpp"

#include "net/barco_records.hpp"
#include "net/json_text.hpp"

#include <zstd.h>

#include <memory>
#include <new>

namespace callboard {

namespace {

// The io thread does it: fast counts, not the last byte.
constexpr int compression_level = 1;

template <class Unsigned>
void append_big_endian(std::string& out, Unsigned x) {
  for (auto shift = 8 * sizeof(x); shift > 0;) {
    shift -= 8;
    out.push_back(static_cast<char>((x >> shift) & 0xff));
  }
}

std::string payload_of(const std::vector<event_ptr>& records) {
  std::size_t bytes = 0;
  for (auto& one : records)
    bytes += 12 + one->data.size();
  std::string out;
  out.reserve(bytes);
  for (auto& one : records) {
    append_big_endian(out, std::uint64_t(record_timestamp(*one)));
    append_big_endian(out, std::uint32_t(one->data.size()));
    out.append(one->data);
  }
  return out;
}

/// Making a context costs more than compressing a small chunk.
ZSTD_CCtx* thread_context() {
  struct freer {
    void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
  };

  thread_local std::unique_ptr<ZSTD_CCtx, freer> context;
  if (!context) {
    context.reset(ZSTD_createCCtx());
    if (!context)
      throw std::bad_alloc{};
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel,
                           compression_level);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  }
  return context.get();
}

/// Appends the payload, compressed, behind its length.
void append_compressed(std::string& out, const std::string& payload) {
  auto at = out.size();
  out.resize(at + 4 + ZSTD_compressBound(payload.size()));
  auto bytes =
    ZSTD_compress2(thread_context(), out.data() + at + 4, out.size() - at - 4,
                   payload.data(), payload.size());
  if (ZSTD_isError(bytes))
    throw std::bad_alloc{}; // nothing else can go wrong here
  out.resize(at + 4 + bytes);
  std::string length;
  append_big_endian(length, std::uint32_t(bytes));
  out.replace(at, 4, length);
}

/// An event of the other dialect is JSON because its publisher said so.
void append_value(std::string& out, const event& record) {
  if (record.is_json && is_json_value(record.data))
    out.append(record.data);
  else
    append_json_string(out, record.data);
}

void append_chunk(std::string& out, const ring& placement,
                  const topic_chunk& chunk) {
  auto label = label_of(placement, chunk.from.partition);
  out.append(R"({"topic":)");
  append_json_string(out, chunk.from.topic);
  out.append(R"(,"token":")");
  append_number(out, label.token);
  out.append(R"(","rangeIndex":)");
  append_number(out, unsigned{label.range});
  out.append(R"(,"version":)");
  append_number(out, label.version);
  out.append(R"(,"startOffset":")");
  append_number(out, chunk.records.front()->number.value);
  out.append(R"(","values":[)");
  for (auto& one : chunk.records) {
    append_value(out, *one);
    out.push_back(',');
  }
  out.back() = ']';
  out.push_back('}');
}

} // namespace

partition_label label_of(const ring& placement, partition_id p) noexcept {
  auto at = placement.slice_of(p);
  return {ring_token(placement.tokens(), at.broker), std::uint8_t(at.range), 1};
}

std::int64_t record_timestamp(const event& record) noexcept {
  auto said = said_timestamp(record);
  return said ? std::int64_t(*said) : std::int64_t(record.created.value) * 1000;
}

std::string poll_json(const ring& placement,
                      const std::vector<topic_chunk>& chunks) {
  std::size_t bytes = 2;
  for (auto& chunk : chunks) {
    bytes += 160 + chunk.from.topic.size();
    for (auto& one : chunk.records)
      bytes += one->data.size() + 3;
  }
  std::string out;
  out.reserve(bytes);
  out.push_back('[');
  for (auto& chunk : chunks) {
    append_chunk(out, placement, chunk);
    out.push_back(',');
  }
  if (chunks.empty())
    out.push_back(']');
  else
    out.back() = ']';
  return out;
}

std::string poll_binary(const ring& placement,
                        const std::vector<topic_chunk>& chunks) {
  std::string out;
  append_big_endian(out, std::uint16_t(chunks.size()));
  for (auto& [from, records] : chunks) {
    auto label = label_of(placement, from.partition);
    append_big_endian(out, std::uint64_t(label.token));
    append_big_endian(out, label.range);
    append_big_endian(out, label.version);
    append_big_endian(out, std::uint8_t(from.topic.size()));
    out.append(from.topic);
    append_big_endian(out, records.front()->number.value);
    append_compressed(out, payload_of(records));
  }
  return out;
}

} // namespace callboard
