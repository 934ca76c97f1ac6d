// A version, then the fields.
#include "actors/replication/clock_message.hpp"

#include "actors/core/bytes.hpp"

namespace callboard {

namespace {

constexpr std::uint8_t without_term = 1; // nodes that are not upgraded yet
constexpr std::uint8_t format_version = 2;

} // namespace

std::string encode(const clock_message& what) {
  std::string text;
  byte_writer out{text};
  out.byte(format_version);
  out.byte(what.of_leader ? 1 : 0);
  out.varint(what.now.value);
  out.varint(what.term);
  return text;
}

result<clock_message> decode_clock_message(std::string_view bytes) {
  byte_reader in{bytes};
  auto version = in.byte();
  if (version != format_version && version != without_term)
    return in.good() ? errc::unknown_format : errc::corrupt;
  clock_message out;
  out.of_leader = in.byte() == 1;
  out.now = {in.varint()};
  if (version == format_version)
    out.term = in.varint();
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return out;
}

} // namespace callboard
