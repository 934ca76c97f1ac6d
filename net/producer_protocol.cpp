// Header, body, one answer a frame.
#include "net/producer_protocol.hpp"

#include "actors/core/limits.hpp"

#include <utility>

namespace callboard {

std::size_t producer_protocol::take(std::string_view input) {
  if (closed_ || input.size() < frame_header_bytes)
    return 0;
  auto header = read_frame_header(input.substr(0, frame_header_bytes));
  if (!header) {
    close(0, header.error().text);
    return 0;
  }
  if (!started_ && header->opcode != std::uint8_t(frame_opcode::startup)) {
    close(header->stream, "Invalid first message");
    return 0;
  }
  if (header->body_bytes > limits::producer_frame_bytes_max) {
    close(header->stream, "A frame of " + std::to_string(header->body_bytes)
                            + " bytes is too large; allowed: up to "
                            + std::to_string(limits::producer_frame_bytes_max));
    return 0;
  }
  auto whole = frame_header_bytes + header->body_bytes;
  if (input.size() < whole)
    return 0;
  serve(*header, input.substr(frame_header_bytes, header->body_bytes));
  return whole;
}

void producer_protocol::serve(const frame_header& header,
                              std::string_view body) {
  auto stream = header.stream;
  if (!std::exchange(started_, true)
      || header.opcode == std::uint8_t(frame_opcode::heartbeat))
    return append_frame(out_, frame_opcode::ready, stream);
  if (header.opcode != std::uint8_t(frame_opcode::produce))
    return refuse(stream, frame_error::server,
                  "Only producer operations are supported");
  auto frame = read_produce_frame(body, header.timestamped);
  if (!frame)
    return refuse(stream, frame_error::server, frame.error().text);
  produce_(stream, *frame);
}

void producer_protocol::answer(std::uint16_t stream) {
  append_frame(out_, frame_opcode::produced, stream);
}

void producer_protocol::refuse(std::uint16_t stream, frame_error code,
                               std::string_view text) {
  append_error_frame(out_, stream, code, text);
}

void producer_protocol::close(std::uint16_t stream, std::string_view why) {
  refuse(stream, frame_error::server, why);
  closed_ = true;
}

} // namespace callboard
