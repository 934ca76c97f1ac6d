// Packing by differences, reading both ways, dropping what nobody can see.
#include "persistence/order_blocks.hpp"

#include "actors/core/limits.hpp"
#include "persistence/bytes.hpp"
#include "persistence/keys.hpp"
#include "persistence/rows.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace callboard::order_blocks {

namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t page = limits::value_bytes_max - seal_bytes;

constexpr std::uint64_t offset_mask =
  (std::uint64_t{1} << log_position::offset_bits) - 1;

std::uint64_t index_of(log_position position) noexcept {
  return position.place >> log_position::offset_bits;
}

/// Most records append to one stream: their runs begin at offset 0.
void pack(byte_writer& out, log_position before, const ordered_run& run) {
  auto offset = run.first.place & offset_mask;
  out.varint(run.first.at - before.at);
  out.varint((index_of(run.first) - index_of(before)) << 1
             | (offset != 0 ? 1 : 0));
  if (offset != 0)
    out.varint(offset);
  out.varint(run.stream.value);
  out.varint(run.number.value);
  out.varint(run.count);
}

result<std::vector<ordered_run>> unpack(const row_view& row) {
  auto key = keys::position_of(row.key);
  auto whole = unseal(row.key, row.value);
  if (!whole)
    return whole.error();
  byte_reader in{*whole};
  if (!key || in.byte() != version)
    return errc::corrupt;
  std::vector<ordered_run> out;
  for (auto last = *key; in.good() && !in.at_end(); last = out.back().first) {
    auto& run = out.emplace_back();
    run.first.at = last.at + in.varint();
    auto index = in.varint();
    run.first.place = (index_of(last) + (index >> 1))
                      << log_position::offset_bits;
    if ((index & 1) != 0)
      run.first.place |= in.varint() & offset_mask;
    run.stream = {in.varint()};
    run.number = {in.varint()};
    run.count = in.varint();
    if (run.first < last)
      return errc::corrupt;
  }
  if (!in.good())
    return errc::corrupt;
  return out;
}

/// A block on its way into the table.
class open_block {
public:
  open_block(write_transaction& into, partition_id p) : into_(into), p_(p) {}

  /// Goes on in the last stored block.
  result<void> resume() {
    auto rows = into_.rows(table::order);
    if (!rows)
      return rows.error();
    auto row = rows->before(keys::partition({p_.value + 1}));
    if (!row)
      return row.error();
    if (!*row || !(*row)->key.starts_with(keys::partition(p_)))
      return {};
    auto runs = unpack(**row);
    if (!runs)
      return runs.error();
    key_ = *keys::position_of((*row)->key);
    last_ = runs->empty() ? key_ : runs->back().first;
    bytes_ = (*row)->value.substr(0, (*row)->value.size() - seal_bytes);
    return {};
  }

  void begin(log_position key) {
    key_ = last_ = key;
    bytes_.assign(1, char(version));
  }

  result<void> add(const ordered_run& run) {
    scratch_.clear();
    byte_writer out{scratch_};
    pack(out, last_, run);
    if (bytes_.empty() || bytes_.size() + scratch_.size() > page) {
      if (auto done = close(); !done)
        return done;
      begin(run.first);
      scratch_.clear();
      pack(out, last_, run);
    }
    bytes_ += scratch_;
    last_ = run.first;
    return {};
  }

  result<void> close() {
    if (bytes_.size() <= 1)
      return {};
    ++written_;
    auto key = keys::order(p_, key_);
    seal(key, bytes_);
    return into_.put(table::order, key, bytes_);
  }

  std::size_t written() const noexcept { return written_; }

private:
  write_transaction& into_;
  partition_id p_;
  log_position key_;
  log_position last_;
  std::string bytes_;
  std::string scratch_;
  std::size_t written_ = 0;
};

} // namespace

result<std::size_t> append(write_transaction& into, partition_id p,
                           const std::vector<ordered_run>& runs) {
  if (runs.empty())
    return std::size_t{0};
  open_block block{into, p};
  if (auto done = block.resume(); !done)
    return done.error();
  for (auto& run : runs)
    if (auto done = block.add(run); !done)
      return done.error();
  if (auto done = block.close(); !done)
    return done.error();
  return block.written();
}

namespace {

/// The block that holds `from`, or the first one behind it.
result<std::optional<row_view>> seek(cursor& rows, partition_id p,
                                     log_position from) {
  auto row = rows.before(keys::order(p, from + 1));
  if (!row || (*row && (*row)->key.starts_with(keys::partition(p))))
    return row;
  return rows.seek(keys::order(p, from));
}

} // namespace

result<std::vector<ordered_run>> read(const transaction& view, partition_id p,
                                      log_position from, log_position to,
                                      std::size_t count, reading_order order) {
  std::vector<ordered_run> out;
  auto rows = view.rows(table::order);
  if (!rows)
    return rows.error();
  auto forward = order == reading_order::oldest_first;
  auto row = forward ? seek(*rows, p, from) : rows->before(keys::order(p, to));
  while (row && *row && out.size() < count) {
    auto key = keys::position_of((*row)->key);
    if (!key || !(*row)->key.starts_with(keys::partition(p))
        || (forward && *key >= to))
      break;
    auto runs = unpack(**row);
    if (!runs)
      return runs.error();
    if (!forward)
      std::reverse(runs->begin(), runs->end());
    for (auto& run : *runs)
      if (run.end() > from && run.first < to)
        out.push_back(run);
    if (!forward && *key < from)
      break;
    std::string here{(*row)->key};
    row = forward ? rows->next() : rows->before(here);
  }
  if (!row)
    return row.error();
  return out;
}

result<std::optional<log_position>>
sweep(write_transaction& in, partition_id p, log_position from,
      std::size_t blocks,
      const std::function<result<bool>(const ordered_run&)>& is_dead) {
  for (;; --blocks) {
    std::string key;
    std::vector<ordered_run> live;
    std::size_t before = 0;
    {
      auto rows = in.rows(table::order);
      if (!rows)
        return rows.error();
      auto row = rows->seek(keys::order(p, from));
      if (!row)
        return row.error();
      if (!*row || !(*row)->key.starts_with(keys::partition(p)))
        return std::optional<log_position>{};
      key = (*row)->key;
      if (blocks == 0)
        return std::optional{*keys::position_of(key)};
      auto runs = unpack(**row);
      if (!runs)
        return runs.error();
      before = runs->size();
      live = std::move(*runs);
    }
    for (auto& run : live) {
      auto dead = is_dead(run);
      if (!dead)
        return dead.error();
      if (*dead)
        run.count = 0;
    }
    std::erase_if(live, [](auto& run) { return run.count == 0; });
    auto position = *keys::position_of(key);
    from = position + 1;
    if (live.size() == before)
      continue;
    if (auto done = in.erase(table::order, key); !done)
      return done.error();
    open_block block{in, p};
    block.begin(position);
    for (auto& run : live)
      if (auto done = block.add(run); !done)
        return done.error();
    if (auto done = block.close(); !done)
      return done.error();
  }
}

} // namespace callboard::order_blocks
