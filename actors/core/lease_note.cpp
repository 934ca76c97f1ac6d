// Fields one after the other.
#include "actors/core/lease_note.hpp"

#include "actors/core/bytes.hpp"

#include <charconv>
#include <utility>

namespace callboard {

std::string to_body(const lease_note& note) {
  std::string bytes;
  byte_writer out{bytes};
  out.varint(note.since.value);
  out.varint(note.extensions);
  out.byte(note.apart ? 1 : 0);
  out.text(note.who.name);
  out.text(note.who.address);
  return bytes;
}

std::optional<lease_note> parse_lease_note(std::string_view body) {
  byte_reader in{body};
  lease_note out;
  out.since = {in.varint()};
  out.extensions = std::uint32_t(in.varint());
  out.apart = in.byte() != 0;
  out.who.name = in.text();
  out.who.address = in.text();
  if (!in.good() || !in.at_end())
    return std::nullopt;
  return out;
}

namespace {

constexpr std::string_view apart_text = "apart";
constexpr std::string_view moved_text = "moved ";

} // namespace

std::string to_retry_body(const lease_note& note) {
  std::string out{note.apart ? apart_text : ""};
  if (note.moved_by.value != 0)
    out.append(moved_text).append(std::to_string(note.moved_by.value));
  return out;
}

lease_note parse_retry_note(std::string_view body) {
  lease_note out;
  out.apart = body.starts_with(apart_text);
  if (out.apart)
    body.remove_prefix(apart_text.size());
  if (body.starts_with(moved_text))
    std::from_chars(body.data() + moved_text.size(), body.data() + body.size(),
                    out.moved_by.value);
  return out;
}

std::string pack(const std::vector<retry_move>& moves) {
  std::string bytes;
  byte_writer out{bytes};
  for (auto& one : moves) {
    out.varint(one.ticket.value);
    out.varint(one.due.value);
    out.varint(one.to.value);
  }
  return bytes;
}

std::optional<std::vector<retry_move>> unpack_moves(std::string_view bytes) {
  byte_reader in{bytes};
  std::vector<retry_move> out;
  while (in.good() && !in.at_end()) {
    auto& one = out.emplace_back();
    one.ticket = {in.varint()};
    one.due = {in.varint()};
    one.to = {in.varint()};
  }
  return in.good() ? std::optional{std::move(out)} : std::nullopt;
}

std::string clipped(std::string_view text, std::size_t bytes) {
  if (text.size() > bytes) {
    while (bytes > 0
           && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80)
      --bytes;
    text = text.substr(0, bytes);
  }
  return std::string{text};
}

} // namespace callboard
