// A version, then the fields.
#include "actors/replication/snapshot_messages.hpp"

#include "actors/core/bytes.hpp"

namespace callboard {

namespace {

constexpr std::uint8_t format_version = 1;

/// Reads all of `bytes`, or says why not.
template <class T, class Read>
result<T> read_whole_message(std::string_view bytes, Read read) {
  byte_reader in{bytes};
  if (in.byte() != format_version)
    return in.good() ? errc::unknown_format : errc::corrupt;
  T out;
  read(in, out);
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return out;
}

} // namespace

std::string encode(const snapshot_ask& what) {
  std::string text;
  byte_writer out{text};
  out.byte(format_version);
  out.varint(what.copy);
  out.varint(what.offset);
  return text;
}

std::string encode(const snapshot_piece& what) {
  std::string text;
  text.reserve(what.bytes.size() + what.base.configuration.size() + 64);
  byte_writer out{text};
  out.byte(format_version);
  out.varint(what.copy);
  out.varint(what.size);
  out.varint(what.offset);
  out.varint(what.base.index);
  out.varint(what.base.term);
  out.varint(what.base.configuration_index);
  out.text(what.base.configuration);
  out.text(what.bytes);
  return text;
}

result<snapshot_ask> decode_snapshot_ask(std::string_view bytes) {
  return read_whole_message<snapshot_ask>(bytes, [](auto& in, auto& out) {
    out.copy = in.varint();
    out.offset = in.varint();
  });
}

result<snapshot_piece> decode_snapshot_piece(std::string_view bytes) {
  return read_whole_message<snapshot_piece>(bytes, [](auto& in, auto& out) {
    out.copy = in.varint();
    out.size = in.varint();
    out.offset = in.varint();
    out.base.index = in.varint();
    out.base.term = in.varint();
    out.base.configuration_index = in.varint();
    out.base.configuration = in.text();
    out.bytes = in.text();
  });
}

} // namespace callboard
