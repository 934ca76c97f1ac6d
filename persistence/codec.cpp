// A version byte, the time, the events, the changes; each change has a tag.
#include "persistence/codec.hpp"

#include "persistence/values.hpp"

namespace callboard {

namespace {

constexpr std::uint8_t format_version = 1;

// The tags are the alternatives' places in `change`: part of the format.
struct change_writer {
  byte_writer& out;

  void operator()(const put_stream& x) {
    out.text(x.name);
    write(out, x.row);
  }

  void operator()(const put_group& x) {
    out.text(x.stream);
    out.text(x.group);
    write(out, x.row);
  }

  void operator()(const erase_group& x) {
    out.text(x.stream);
    out.text(x.group);
  }

  void operator()(const put_run& x) {
    out.varint(x.group.value);
    out.byte(std::uint8_t(x.row.in));
    out.varint(x.row.first.value);
    write(out, x.row);
  }

  void operator()(const erase_run& x) {
    out.varint(x.group.value);
    out.byte(std::uint8_t(x.in));
    out.varint(x.first.value);
  }

  void operator()(const put_delayed& x) {
    out.varint(x.message.id.value);
    out.varint(x.message.due.value);
    write(out, x.message);
  }

  void operator()(const erase_delayed& x) {
    out.varint(x.due.value);
    out.varint(x.id.value);
  }

  void operator()(const put_user& x) {
    out.text(x.login);
    write(out, x.row);
  }

  void operator()(const erase_user& x) { out.text(x.login); }

  void operator()(const put_consumer& x) {
    write(out, x.key);
    write(out, x.row);
  }

  void operator()(const erase_consumer& x) { write(out, x.key); }

  void operator()(const put_position& x) {
    out.text(x.group);
    out.text(x.stream);
    out.varint(x.next.value);
  }

  void operator()(const put_history& x) {
    out.varint(x.group.value);
    out.byte(std::uint8_t(x.row.in));
    out.varint(x.row.first.value);
    out.varint(x.row.lease.value);
    write(out, x.row);
  }

  void operator()(const erase_history& x) {
    out.varint(x.group.value);
    out.byte(std::uint8_t(x.in));
    out.varint(x.first.value);
    out.varint(x.lease.value);
  }

  void operator()(const put_scheduled& x) {
    out.id(x.id);
    write(out, x.row);
  }

  void operator()(const erase_scheduled& x) { out.id(x.id); }

  void operator()(const put_piece& x) {
    out.varint(x.of.value);
    out.varint(x.piece);
    out.text(x.bytes);
  }

  void operator()(const erase_piece& x) {
    out.varint(x.of.value);
    out.varint(x.piece);
  }

  void operator()(const put_answer& x) {
    out.varint(x.group.value);
    out.text(x.key);
    write(out, x.row);
  }

  void operator()(const erase_answer& x) {
    out.varint(x.group.value);
    out.text(x.key);
  }
};

struct change_reader {
  byte_reader& in;

  void operator()(put_stream& x) {
    x.name = in.text();
    read(in, x.row);
  }

  void operator()(put_group& x) {
    x.stream = in.text();
    x.group = in.text();
    read(in, x.row);
  }

  void operator()(erase_group& x) {
    x.stream = in.text();
    x.group = in.text();
  }

  void operator()(put_run& x) {
    x.group = {in.varint()};
    x.row.in = lane(in.byte() & 1);
    x.row.first = {in.varint()};
    read(in, x.row);
  }

  void operator()(erase_run& x) {
    x.group = {in.varint()};
    x.in = lane(in.byte() & 1);
    x.first = {in.varint()};
  }

  void operator()(put_delayed& x) {
    x.message.id = {in.varint()};
    x.message.due = {in.varint()};
    read(in, x.message);
  }

  void operator()(erase_delayed& x) {
    x.due = {in.varint()};
    x.id = {in.varint()};
  }

  void operator()(put_user& x) {
    x.login = in.text();
    read(in, x.row);
  }

  void operator()(erase_user& x) { x.login = in.text(); }

  void operator()(put_consumer& x) {
    read(in, x.key);
    read(in, x.row);
  }

  void operator()(erase_consumer& x) { read(in, x.key); }

  void operator()(put_position& x) {
    x.group = in.text();
    x.stream = in.text();
    x.next = {in.varint()};
  }

  void operator()(put_history& x) {
    x.group = {in.varint()};
    x.row.in = lane(in.byte() & 1);
    x.row.first = {in.varint()};
    x.row.lease = {in.varint()};
    read(in, x.row);
  }

  void operator()(erase_history& x) {
    x.group = {in.varint()};
    x.in = lane(in.byte() & 1);
    x.first = {in.varint()};
    x.lease = {in.varint()};
  }

  void operator()(put_scheduled& x) {
    x.id = in.id();
    read(in, x.row);
  }

  void operator()(erase_scheduled& x) { x.id = in.id(); }

  void operator()(put_piece& x) {
    x.of = {in.varint()};
    x.piece = std::uint32_t(in.varint());
    x.bytes = in.text();
  }

  void operator()(erase_piece& x) {
    x.of = {in.varint()};
    x.piece = std::uint32_t(in.varint());
  }

  void operator()(put_answer& x) {
    x.group = {in.varint()};
    x.key = in.text();
    read(in, x.row);
  }

  void operator()(erase_answer& x) {
    x.group = {in.varint()};
    x.key = in.text();
  }
};

template <std::size_t I = 0>
bool read_change(std::size_t tag, byte_reader& in, change& into) {
  if constexpr (I < std::variant_size_v<change>) {
    if (tag != I)
      return read_change<I + 1>(tag, in, into);
    change_reader{in}(into.emplace<I>());
    return in.good();
  } else {
    return false;
  }
}

std::size_t expected_bytes(const record& what) {
  std::size_t bytes = 32 + what.changes.size() * 96;
  for (auto& [stream, e] : what.events)
    bytes += e->type.size() + e->data.size() + e->metadata.size() + 64;
  return bytes;
}

} // namespace

std::string encode(const record& what) {
  std::string bytes;
  bytes.reserve(expected_bytes(what));
  byte_writer out{bytes};
  out.byte(format_version);
  out.varint(what.at.value);
  out.varint(what.events.size());
  for (auto& [stream, e] : what.events) {
    out.varint(stream.value);
    out.varint(e->number.value);
    write(out, *e);
  }
  out.varint(what.changes.size());
  for (auto& one : what.changes) {
    out.byte(std::uint8_t(one.index()));
    std::visit(change_writer{out}, one);
  }
  return bytes;
}

result<record> decode(std::string_view bytes) {
  byte_reader in{bytes};
  if (in.byte() != format_version)
    return in.good() ? errc::unknown_format : errc::corrupt;
  record out;
  out.at = {in.varint()};
  for (auto left = in.count(); left > 0 && in.good(); --left) {
    stream_id stream{in.varint()};
    auto e = std::make_shared<event>();
    e->number = {in.varint()};
    read(in, *e);
    out.events.push_back({stream, std::move(e)});
  }
  for (auto left = in.count(); left > 0 && in.good(); --left) {
    out.changes.emplace_back();
    if (!read_change(in.byte(), in, out.changes.back()))
      return errc::corrupt;
  }
  if (!in.good() || !in.at_end())
    return errc::corrupt;
  return out;
}

} // namespace callboard
