// Barco's binary producer protocol as bytes (barco-http.md 2.6).
#pragma once

#include "net/refusal.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

enum class frame_opcode : std::uint8_t {
  startup = 1,
  ready,
  error,
  produce,
  produced,
  heartbeat,
};

enum class frame_error : std::uint8_t { server, routing, no_leader };

/// 13 bytes, big-endian, the same in both directions; the last four are the
/// CRC-32 of the others.
struct frame_header {
  std::uint8_t version = 1;
  bool timestamped = false; // flag 1: the body begins with a timestamp
  std::uint16_t stream = 0; // chosen by the client, echoed
  std::uint8_t opcode = 0;
  std::uint32_t body_bytes = 0;
};

inline constexpr std::size_t frame_header_bytes = 13;

/// `bytes`: exactly a header. Refuses one with a wrong checksum or version: the
/// two sides do not agree where frames begin.
accepted<frame_header> read_frame_header(std::string_view bytes);

/// What one produce frame publishes: all of it to one topic, under one key. The
/// views point into the body.
struct produce_frame {
  std::optional<std::int64_t> timestamp; // microseconds since 1970
  std::string_view key;
  std::string_view topic;
  std::vector<std::string_view> records; // at least one
};

/// Refuses a body that ends too early (`EOF`, as the original says), has bytes
/// left over, or no record.
accepted<produce_frame> read_produce_frame(std::string_view body,
                                           bool timestamped);

/// Appends a frame without a body.
void append_frame(std::string& out, frame_opcode opcode, std::uint16_t stream);

/// Appends an error frame. Clients have 512 bytes for code and text: longer
/// texts are cut.
void append_error_frame(std::string& out, std::uint16_t stream,
                        frame_error code, std::string_view text);

} // namespace callboard
