// A version and a key in front of all; then varints and texts.
#include "net/forwarded_messages.hpp"

#include "actors/core/bytes.hpp"

#include <limits>
#include <utility>

namespace callboard {

namespace {

constexpr std::uint8_t version = 1;

// Of a request.
constexpr std::uint8_t keep_alive_flag = 1;

// Of an answer.
constexpr std::uint8_t close_flag = 1;
constexpr std::uint8_t wants_delivered_flag = 2;

// More than all fields with numbers take.
constexpr std::size_t fixed_bytes_max = 128;

void write_key(byte_writer& out, const forwarded_key& key) {
  out.byte(version);
  out.varint(key.thread);
  out.varint(key.number);
}

result<forwarded_key> read_key(byte_reader& in) {
  auto found = in.byte();
  if (!in.good())
    return errc::corrupt;
  if (found != version)
    return errc::unknown_format;
  auto thread = in.varint();
  auto number = in.varint();
  if (!in.good() || thread > std::numeric_limits<std::uint32_t>::max())
    return errc::corrupt;
  return forwarded_key{static_cast<std::uint32_t>(thread), number};
}

bool complete(const byte_reader& in) noexcept {
  return in.good() && in.at_end();
}

} // namespace

std::optional<std::uint32_t>
forwarding_thread(std::string_view bytes) noexcept {
  byte_reader in{bytes};
  auto key = read_key(in);
  return key ? std::optional{key->thread} : std::nullopt;
}

// --- requests ---------------------------------------------------------------

std::string encode(const forwarded_request::origin& from,
                   const http_request& request) {
  std::string bytes;
  bytes.reserve(fixed_bytes_max + 2 * request.target().size()
                + request.body.size() + 64 * request.header_count());
  byte_writer out{bytes};
  write_key(out, from.key);
  out.varint(from.round);
  out.varint(from.client);
  out.byte(static_cast<std::uint8_t>(from.to));
  out.byte(request.keep_alive ? keep_alive_flag : 0);
  out.text(boost::beast::http::to_string(request.method));
  out.text(request.target());
  out.text(request.remote_address);
  out.varint(request.header_count());
  request.each_header([&](std::string_view name, std::string_view value) {
    out.text(name);
    out.text(value);
  });
  out.text(request.body);
  return bytes;
}

result<forwarded_request> decode_forwarded_request(std::string_view bytes) {
  byte_reader in{bytes};
  auto key = read_key(in);
  if (!key)
    return key.error();
  forwarded_request out;
  out.from.key = *key;
  out.from.round = in.varint();
  out.from.client = in.varint();
  auto to = in.byte();
  auto flags = in.byte();
  auto verb = in.text();
  auto target = in.text();
  auto remote_address = in.text();
  if (!in.good() || to >= listener_count || (flags & ~keep_alive_flag) != 0)
    return errc::corrupt;
  out.from.to = static_cast<listener>(to);
  out.request.keep_alive = (flags & keep_alive_flag) != 0;
  out.request.method = boost::beast::http::string_to_verb(verb);
  if (!out.request.set_target(target))
    return errc::corrupt;
  out.request.remote_address = remote_address;
  for (auto left = in.count(); left > 0 && in.good(); --left) {
    auto name = in.text();
    out.request.add_header(name, in.text());
  }
  auto body = in.text();
  if (!complete(in))
    return errc::corrupt;
  out.request.body = body;
  return out;
}

// --- answers ----------------------------------------------------------------

std::string encode(const forwarded_key& key, const http_answer& answer,
                   std::string_view header_block) {
  std::string bytes;
  bytes.reserve(fixed_bytes_max + answer.reason.size()
                + answer.content_type.size() + header_block.size()
                + answer.headers.size() + answer.body.size());
  byte_writer out{bytes};
  write_key(out, key);
  out.byte(static_cast<std::uint8_t>(forwarded_outcome::served));
  out.byte(
    static_cast<std::uint8_t>((answer.close ? close_flag : 0)
                              | (answer.unsent ? wants_delivered_flag : 0)));
  out.varint(static_cast<unsigned>(answer.status));
  out.text(answer.reason);
  out.text(answer.content_type);
  out.varint(header_block.size() + answer.headers.size());
  bytes.append(header_block).append(answer.headers);
  out.text(answer.body);
  return bytes;
}

std::string encode(const forwarded_key& key, forwarded_outcome why) {
  std::string bytes;
  byte_writer out{bytes};
  write_key(out, key);
  out.byte(static_cast<std::uint8_t>(why));
  return bytes;
}

result<forwarded_answer> decode_forwarded_answer(std::string_view bytes) {
  byte_reader in{bytes};
  auto key = read_key(in);
  if (!key)
    return key.error();
  forwarded_answer out;
  out.key = *key;
  auto outcome = in.byte();
  if (!in.good()
      || outcome > static_cast<std::uint8_t>(forwarded_outcome::unknown))
    return errc::corrupt;
  out.outcome = static_cast<forwarded_outcome>(outcome);
  if (out.outcome != forwarded_outcome::served)
    return in.at_end() ? result<forwarded_answer>{std::move(out)}
                       : errc::corrupt;
  auto flags = in.byte();
  auto status = in.varint();
  auto reason = in.text();
  auto content_type = in.text();
  auto headers = in.text();
  auto body = in.text();
  if (!complete(in) || status < 200 || status > 599
      || (flags & ~(close_flag | wants_delivered_flag)) != 0)
    return errc::corrupt;
  out.wants_delivered = (flags & wants_delivered_flag) != 0;
  out.content_type = content_type;
  out.answer.status = static_cast<http_status>(status);
  out.answer.reason = reason;
  out.answer.headers = headers;
  out.answer.body = body;
  out.answer.close = (flags & close_flag) != 0;
  return out;
}

// --- notes ------------------------------------------------------------------

std::string encode(const forwarding_note& note) {
  std::string bytes;
  byte_writer out{bytes};
  write_key(out, note.key);
  out.varint(note.value);
  return bytes;
}

result<forwarding_note> decode_forwarding_note(std::string_view bytes) {
  byte_reader in{bytes};
  auto key = read_key(in);
  if (!key)
    return key.error();
  forwarding_note out{*key, in.varint()};
  if (!complete(in))
    return errc::corrupt;
  return out;
}

} // namespace callboard
