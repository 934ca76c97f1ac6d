// Packing, reading with every check, erasing.
#include "persistence/blocks.hpp"

#include "actors/core/limits.hpp"
#include "persistence/keys.hpp"
#include "persistence/values.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace callboard {

std::uint32_t checksum(std::string_view bytes, std::uint64_t seed) noexcept {
  return std::uint32_t(XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed));
}

namespace blocks {

namespace {

constexpr std::uint8_t packed = 1;
constexpr std::uint8_t in_pieces = 2;
constexpr std::size_t page = limits::value_bytes_max;

/// `length, event, checksum`: what a block is a sequence of.
void pack(std::string& into, const event& what, std::string& scratch) {
  scratch.clear();
  byte_writer body{scratch};
  write(body, what);
  byte_writer out{into};
  out.text(scratch);
  auto sum = checksum(scratch, what.number.value);
  into.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

result<event_ptr> unpack(byte_reader& in, event_number number) {
  auto body = in.text();
  auto sum = in.take(sizeof(std::uint32_t));
  if (!in.good())
    return errc::corrupt;
  std::uint32_t expected = 0;
  std::memcpy(&expected, sum.data(), sizeof expected);
  if (checksum(body, number.value) != expected)
    return errc::corrupt;
  auto out = std::make_shared<event>();
  byte_reader fields{body};
  read(fields, *out);
  if (!fields.good() || !fields.at_end())
    return errc::corrupt;
  out->number = number;
  return event_ptr{std::move(out)};
}

struct located {
  stream_id stream;
  event_number first;
  std::uint16_t piece = 0;
};

std::optional<located> locate(std::string_view key, partition_id p) {
  if (key.size() != keys::block_bytes || keys::number(key, 0, 2) != p.value)
    return std::nullopt;
  return located{{keys::number(key, 2, 8)},
                 {keys::number(key, 10, 8)},
                 std::uint16_t(keys::number(key, 18, 2))};
}

/// How many events a packed block holds; errors if its lengths do not add up.
result<std::uint64_t> count_events(std::string_view value) {
  byte_reader in{value};
  in.byte();
  std::uint64_t count = 0;
  for (; in.good() && !in.at_end(); ++count) {
    in.text();
    in.take(sizeof(std::uint32_t));
  }
  if (!in.good())
    return errc::corrupt;
  return count;
}

/// The block that is being filled: its first number and its bytes.
struct open_block {
  event_number first;
  std::string bytes;
};

/// The last block of a stream, if the event `next` can follow in it.
result<std::optional<open_block>> last_block(const transaction& view,
                                             partition_id p, stream_id s,
                                             event_number next) {
  auto rows = view.rows(table::events);
  if (!rows)
    return rows.error();
  auto last = rows->before(keys::block(p, {s.value + 1}, {0}));
  if (!last)
    return last.error();
  if (!*last)
    return std::optional<open_block>{};
  auto at = locate((*last)->key, p);
  auto value = (*last)->value;
  if (!at || at->stream != s || at->piece != 0 || value.empty()
      || value.front() != packed || value.size() > page - 64)
    return std::optional<open_block>{};
  auto count = count_events(value);
  if (!count)
    return count.error();
  if (at->first + *count != next)
    return std::optional<open_block>{}; // events were erased in between
  return std::optional{open_block{at->first, std::string{value}}};
}

result<void> put_pieces(write_transaction& into, partition_id p, stream_id s,
                        event_number number, std::string_view whole) {
  std::string first;
  byte_writer out{first};
  out.byte(in_pieces);
  out.varint(whole.size());
  auto room = page - first.size();
  first.append(whole.substr(0, room));
  if (auto done = into.put(table::events, keys::block(p, s, number), first);
      !done)
    return done;
  std::uint16_t piece = 1;
  for (auto rest = whole.substr(std::min(room, whole.size())); !rest.empty();
       rest.remove_prefix(std::min(page, rest.size())))
    if (auto done = into.put(table::events, keys::block(p, s, number, piece++),
                             rest.substr(0, page));
        !done)
      return done;
  return {};
}

/// The event in pieces that begins at `row`; leaves the cursor on its last one.
result<event_ptr> read_pieces(cursor& rows, const row_view& row, partition_id p,
                              const located& at) {
  byte_reader in{row.value};
  in.byte();
  auto length = in.varint();
  if (!in.good() || length > 2 * limits::event_bytes_max)
    return errc::corrupt;
  std::string whole{in.take(in.left())};
  whole.reserve(length);
  for (std::uint16_t piece = 1; whole.size() < length; ++piece) {
    auto next = rows.next();
    if (!next)
      return next.error();
    auto where = *next ? locate((*next)->key, p) : std::nullopt;
    if (!where || where->stream != at.stream || where->first != at.first
        || where->piece != piece)
      return errc::corrupt;
    whole.append((*next)->value);
  }
  if (whole.size() != length)
    return errc::corrupt;
  byte_reader body{whole};
  auto out = unpack(body, at.first);
  return out && !body.at_end() ? result<event_ptr>{errc::corrupt} : out;
}

/// Events of one packed block that lie in [from, end).
result<void> read_packed(std::string_view value, event_number first,
                         event_number from, event_number end,
                         std::size_t bytes_max, std::size_t& bytes,
                         std::vector<event_ptr>& out) {
  byte_reader in{value};
  in.byte();
  for (auto n = first; !in.at_end() && n < end && bytes < bytes_max;
       n = n + 1) {
    if (n < from) {
      in.text();
      in.take(sizeof(std::uint32_t));
      if (!in.good())
        return errc::corrupt;
      continue;
    }
    auto one = unpack(in, n);
    if (!one)
      return one.error();
    bytes += memory_bytes(**one);
    out.push_back(std::move(*one));
  }
  return {};
}

} // namespace

result<void> append(write_transaction& into, partition_id p, stream_id s,
                    const std::vector<event_ptr>& events) {
  auto last = last_block(into, p, s, events.front()->number);
  if (!last)
    return last.error();
  auto open = std::move(*last);
  std::string packed_event;
  std::string scratch;
  auto close = [&]() -> result<void> {
    if (!open)
      return {};
    auto block = std::move(*open);
    open.reset();
    return into.put(table::events, keys::block(p, s, block.first), block.bytes);
  };
  for (auto& e : events) {
    packed_event.clear();
    pack(packed_event, *e, scratch);
    if (open && open->bytes.size() + packed_event.size() > page)
      if (auto done = close(); !done)
        return done;
    if (packed_event.size() + 1 > page) {
      if (auto done = close(); !done)
        return done;
      if (auto done = put_pieces(into, p, s, e->number, packed_event); !done)
        return done;
      continue;
    }
    if (!open) {
      open.emplace();
      open->first = e->number;
      open->bytes.reserve(page);
      open->bytes.push_back(char(packed));
    }
    open->bytes += packed_event;
  }
  return close();
}

result<void> read(const transaction& view, partition_id p, stream_id s,
                  event_number from, event_number end, std::size_t bytes_max,
                  std::vector<event_ptr>& out) {
  auto rows = view.rows(table::events);
  if (!rows)
    return rows.error();
  // The block that holds `from` begins at it or before it.
  auto row = rows->before(keys::block(p, s, from, 1));
  if (!row)
    return row.error();
  auto at = *row ? locate((*row)->key, p) : std::nullopt;
  if (!at || at->stream != s || at->piece != 0)
    row = rows->seek(keys::block(p, s, from));
  std::size_t bytes = 0;
  while (row && *row && bytes < bytes_max) {
    at = locate((*row)->key, p);
    if (!at || at->stream != s || at->first >= end)
      break;
    auto value = (*row)->value;
    if (value.empty())
      return errc::corrupt;
    if (at->piece != 0) {
      // Pieces of an event before `from`: over them.
    } else if (value.front() == in_pieces) {
      if (at->first >= from) {
        auto one = read_pieces(*rows, **row, p, *at);
        if (!one)
          return one.error();
        bytes += memory_bytes(**one);
        out.push_back(std::move(*one));
      }
    } else if (value.front() == packed) {
      if (auto done =
            read_packed(value, at->first, from, end, bytes_max, bytes, out);
          !done)
        return done;
    } else {
      return errc::corrupt;
    }
    row = rows->next();
  }
  if (!row)
    return row.error();
  for (std::size_t i = 1; i < out.size(); ++i)
    if (out[i]->number != out[i - 1]->number + 1)
      return errc::corrupt; // only the front of a stream is ever erased
  return {};
}

result<std::size_t> trim(write_transaction& from, partition_id p, stream_id s,
                         event_number first, std::size_t count) {
  std::vector<std::string> doomed;
  {
    auto rows = from.rows(table::events);
    if (!rows)
      return rows.error();
    auto row = rows->seek(keys::block(p, s, {0}));
    for (; row && *row && doomed.size() < count; row = rows->next()) {
      auto at = locate((*row)->key, p);
      if (!at || at->stream != s || at->first >= first)
        break;
      if (at->piece != 0) {
        doomed.emplace_back((*row)->key);
        continue;
      }
      auto value = (*row)->value;
      auto events = !value.empty() && value.front() == packed
                      ? count_events(value)
                      : result<std::uint64_t>{std::uint64_t{1}};
      if (!events)
        return events.error();
      if (at->first + *events > first)
        break;
      doomed.emplace_back((*row)->key);
    }
    if (!row)
      return row.error();
  }
  for (auto& key : doomed)
    if (auto done = from.erase(table::events, key); !done)
      return done.error();
  return doomed.size();
}

} // namespace blocks

} // namespace callboard
