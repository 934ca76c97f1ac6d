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
constexpr std::uint8_t first_piece = 2;
constexpr std::uint8_t later_piece = 3;
constexpr std::size_t page = limits::value_bytes_max;

/// What the checksums of a block's events begin with: its key says where all
/// of them belong.
std::uint64_t seed_of(std::string_view key) noexcept {
  return XXH3_64bits(key.data(), key.size());
}

/// `version, checksum of the key 4`: what every row begins with.
constexpr std::size_t head_bytes = 1 + sizeof(std::uint32_t);

void write_head(std::string& into, std::uint8_t version, std::uint64_t seed) {
  into.push_back(char(version));
  auto sum = std::uint32_t(seed);
  into.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

/// The seed of a row that was written under its key. Errors: corrupt.
result<std::uint64_t> checked_seed(const row_view& row) {
  std::uint32_t sum = 0;
  if (row.key.size() != keys::block_bytes || row.value.size() < head_bytes)
    return errc::corrupt;
  std::memcpy(&sum, row.value.data() + 1, sizeof sum);
  auto seed = seed_of(row.key);
  if (sum != std::uint32_t(seed))
    return errc::corrupt;
  return seed;
}

/// `length, event, checksum`: what a block is a sequence of.
void pack(std::string& into, std::string_view body, std::uint64_t seed,
          event_number number) {
  byte_writer out{into};
  out.text(body);
  auto sum = checksum(body, seed + number.value);
  into.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

/// Bytes that `pack` will add.
std::size_t packed_bytes(std::string_view body) noexcept {
  auto bytes = 1 + body.size() + sizeof(std::uint32_t);
  for (auto length = body.size(); length >= 0x80; length >>= 7)
    ++bytes;
  return bytes;
}

/// The next event's bytes, if they are those that were written.
result<std::string_view> checked(byte_reader& in, std::uint64_t seed,
                                 event_number number) {
  auto body = in.text();
  auto sum = in.take(sizeof(std::uint32_t));
  if (!in.good())
    return errc::corrupt;
  std::uint32_t expected = 0;
  std::memcpy(&expected, sum.data(), sizeof expected);
  if (checksum(body, seed + number.value) != expected)
    return errc::corrupt;
  return body;
}

result<event_ptr> unpack(byte_reader& in, std::uint64_t seed,
                         event_number number) {
  auto found = checked(in, seed, number);
  if (!found)
    return found.error();
  auto body = *found;
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

/// How many events begin in a row. Errors: corrupt, if one of a packed block,
/// or the key, is not what was written.
result<std::uint64_t> count_events(const row_view& row) {
  auto seed = checked_seed(row);
  if (!seed)
    return seed.error();
  bool begins = keys::number(row.key, 18, 2) == 0;
  auto version = std::uint8_t(row.value.front());
  if (!begins && version == later_piece)
    return std::uint64_t{0};
  if (begins && version == first_piece)
    return std::uint64_t{1};
  if (!begins || version != packed)
    return errc::corrupt;
  auto first = keys::number(row.key, 10, 8);
  std::uint64_t count = 0;
  for (byte_reader in{row.value.substr(head_bytes)}; !in.at_end(); ++count)
    if (auto one = checked(in, *seed, {first + count}); !one)
      return one.error();
  return count;
}

/// The block that is being filled.
struct open_block {
  std::string key;
  std::uint64_t seed = 0;
  bool fresh = false; // not stored yet
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
  auto count = count_events(**last);
  // Damaged: left as it is. Otherwise events were erased in between.
  if (!count || at->first + *count != next)
    return std::optional<open_block>{};
  return std::optional{open_block{std::string{(*last)->key},
                                  seed_of((*last)->key), false,
                                  std::string{value}}};
}

result<void> put_pieces(write_transaction& into, partition_id p, stream_id s,
                        event_number number, std::string_view whole) {
  std::string value;
  for (std::uint16_t piece = 0; piece == 0 || !whole.empty(); ++piece) {
    auto key = keys::block(p, s, number, piece);
    value.clear();
    write_head(value, piece == 0 ? first_piece : later_piece, seed_of(key));
    byte_writer out{value};
    if (piece == 0)
      out.varint(whole.size());
    auto part = whole.substr(0, page - value.size());
    whole.remove_prefix(part.size());
    value.append(part);
    if (auto done = into.put_new(table::events, key, value); !done)
      return done;
  }
  return {};
}

/// The event in pieces that begins at `row`; leaves the cursor on its last one.
result<event_ptr> read_pieces(cursor& rows, const row_view& row, partition_id p,
                              const located& at) {
  auto seed = checked_seed(row);
  if (!seed)
    return seed.error();
  byte_reader in{row.value.substr(head_bytes)};
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
    if (!checked_seed(**next) || (*next)->value.front() != char(later_piece))
      return errc::corrupt;
    whole.append((*next)->value.substr(head_bytes));
  }
  if (whole.size() != length)
    return errc::corrupt;
  byte_reader body{whole};
  auto out = unpack(body, *seed, at.first);
  return out && !body.at_end() ? result<event_ptr>{errc::corrupt} : out;
}

/// Events of one packed block that lie in [from, end).
result<void> read_packed(const row_view& row, event_number first,
                         event_number from, event_number end,
                         std::size_t bytes_max, std::size_t& bytes,
                         std::vector<event_ptr>& out) {
  auto seed = checked_seed(row);
  if (!seed)
    return seed.error();
  byte_reader in{row.value.substr(head_bytes)};
  for (auto n = first; !in.at_end() && n < end && bytes < bytes_max;
       n = n + 1) {
    if (n < from) {
      in.text();
      in.take(sizeof(std::uint32_t));
      if (!in.good())
        return errc::corrupt;
      continue;
    }
    auto one = unpack(in, *seed, n);
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
  std::string body;
  auto close = [&]() -> result<void> {
    if (!open)
      return {};
    auto block = std::move(*open);
    open.reset();
    return block.fresh ? into.put_new(table::events, block.key, block.bytes)
                       : into.put(table::events, block.key, block.bytes);
  };
  for (auto& e : events) {
    body.clear();
    byte_writer out{body};
    write(out, *e);
    auto bytes = packed_bytes(body);
    if (open && open->bytes.size() + bytes > page)
      if (auto done = close(); !done)
        return done;
    auto key = open ? std::string{} : keys::block(p, s, e->number);
    if (bytes + head_bytes > page) {
      std::string whole;
      pack(whole, body, seed_of(key), e->number);
      if (auto done = put_pieces(into, p, s, e->number, whole); !done)
        return done;
      continue;
    }
    if (!open) {
      open = open_block{std::move(key), 0, true, {}};
      open->seed = seed_of(open->key);
      open->bytes.reserve(page);
      write_head(open->bytes, packed, open->seed);
    }
    pack(open->bytes, body, open->seed, e->number);
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
    } else if (value.front() == first_piece) {
      if (at->first >= from) {
        auto one = read_pieces(*rows, **row, p, *at);
        if (!one)
          return one.error();
        bytes += memory_bytes(**one);
        out.push_back(std::move(*one));
      }
    } else if (value.front() == packed) {
      if (auto done =
            read_packed(**row, at->first, from, end, bytes_max, bytes, out);
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

bool in_place(const row_view& row) {
  return checked_seed(row).has_value();
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
      auto events = count_events(**row);
      if (!events)
        continue; // it may be another stream's
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
