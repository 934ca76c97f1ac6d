// Big-endian numbers, one checksum.
#include "net/producer_frames.hpp"

#include <zlib.h>

namespace callboard {

namespace {

constexpr std::uint8_t protocol_version = 1;
constexpr std::uint8_t timestamp_flag = 0x01;
constexpr std::size_t checked_bytes = frame_header_bytes - 4;
constexpr std::size_t error_text_bytes_max = 511;

std::uint32_t checksum(std::string_view bytes) {
  return std::uint32_t(
    crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), uInt(bytes.size())));
}

std::uint64_t number(std::string_view bytes) {
  std::uint64_t out = 0;
  for (auto c : bytes)
    out = (out << 8) | static_cast<unsigned char>(c);
  return out;
}

void append_number(std::string& out, std::uint64_t x, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((x >> shift) & 0xff));
}

void append_header(std::string& out, frame_opcode opcode, std::uint16_t stream,
                   std::size_t body_bytes) {
  auto at = out.size();
  append_number(out, protocol_version, 1);
  append_number(out, 0, 1);
  append_number(out, stream, 2);
  append_number(out, std::uint8_t(opcode), 1);
  append_number(out, body_bytes, 4);
  append_number(out, checksum(std::string_view{out}.substr(at)), 4);
}

/// The front of a body, piece by piece.
class body_reader {
public:
  explicit body_reader(std::string_view in) : in_(in) {}

  std::string_view take(std::uint64_t bytes) {
    if (bytes > in_.size()) {
      good_ = false;
      in_ = {};
      return {};
    }
    auto out = in_.substr(0, std::size_t(bytes));
    in_.remove_prefix(std::size_t(bytes));
    return out;
  }

  std::uint64_t take_number(std::size_t bytes) { return number(take(bytes)); }

  bool good() const noexcept { return good_; }

  bool at_end() const noexcept { return in_.empty(); }

private:
  std::string_view in_;
  bool good_ = true;
};

} // namespace

accepted<frame_header> read_frame_header(std::string_view bytes) {
  auto at = [&](std::size_t from, std::size_t size) {
    return number(bytes.substr(from, size));
  };
  if (at(9, 4) != checksum(bytes.substr(0, checked_bytes)))
    return refusal{400, "Header checksum does not match"};
  if (at(0, 1) != protocol_version)
    return refusal{400, "Version " + std::to_string(at(0, 1))
                          + " is not supported; 1 is"};
  return frame_header{std::uint8_t(at(0, 1)), (at(1, 1) & timestamp_flag) != 0,
                      std::uint16_t(at(2, 2)), std::uint8_t(at(4, 1)),
                      std::uint32_t(at(5, 4))};
}

accepted<produce_frame> read_produce_frame(std::string_view body,
                                           bool timestamped) {
  body_reader in{body};
  produce_frame out;
  if (timestamped)
    out.timestamp = std::int64_t(in.take_number(8));
  out.key = in.take(in.take_number(1));
  out.topic = in.take(in.take_number(1));
  while (in.good() && !in.at_end())
    out.records.push_back(in.take(in.take_number(4)));
  if (!in.good())
    return refusal{400, "EOF"};
  if (out.records.empty())
    return refusal{400, "A produce frame needs at least one message"};
  return out;
}

void append_frame(std::string& out, frame_opcode opcode, std::uint16_t stream) {
  append_header(out, opcode, stream, 0);
}

void append_error_frame(std::string& out, std::uint16_t stream,
                        frame_error code, std::string_view text) {
  text = text.substr(0, error_text_bytes_max);
  append_header(out, frame_opcode::error, stream, text.size() + 1);
  append_number(out, std::uint8_t(code), 1);
  out.append(text);
}

} // namespace callboard
