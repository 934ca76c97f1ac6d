// Packing by differences, reading both ways, dropping what nobody can see.
#include "persistence/order_blocks.hpp"

#include "actors/core/bytes.hpp"
#include "actors/core/limits.hpp"
#include "persistence/keys.hpp"
#include "persistence/rows.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace callboard::order_blocks {

namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t head_bytes = 1 + 16; // version, the key that follows
constexpr std::size_t page = limits::value_bytes_max - seal_bytes;

/// The key of a partition's first block. It stays, whatever is dropped.
constexpr log_position first_key{};
constexpr log_position nothing{}; // follows the last block

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

struct stored_block {
  log_position key;
  log_position next; // the key that follows, or `nothing`
  std::vector<ordered_run> runs;
};

std::string head(log_position next) {
  std::string out(1, char(version));
  keys::append(out, next.at, 8);
  keys::append(out, next.place, 8);
  return out;
}

result<stored_block> unpack(const row_view& row) {
  auto key = keys::position_of(row.key);
  auto whole = unseal(row.key, row.value);
  if (!whole)
    return whole.error();
  if (!key || whole->size() < head_bytes || whole->front() != char(version))
    return errc::corrupt;
  stored_block out{
    *key, {keys::number(*whole, 1, 8), keys::number(*whole, 9, 8)}, {}};
  byte_reader in{whole->substr(head_bytes)};
  for (auto last = *key; in.good() && !in.at_end();
       last = out.runs.back().first) {
    auto& run = out.runs.emplace_back();
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

/// The last block of a partition that begins before `border`. Nothing: it never
/// had an event. Errors: corrupt, if one lies hidden that could be it.
result<std::optional<stored_block>> block_before(const transaction& view,
                                                 cursor& rows, partition_id p,
                                                 log_position border) {
  auto row = rows.before(keys::order(p, border));
  if (!row)
    return row.error();
  if (*row && (*row)->key.starts_with(keys::partition(p))) {
    auto block = unpack(**row);
    if (!block)
      return block.error();
    if (block->next != nothing && block->next < border)
      return errc::corrupt;
    return std::optional{std::move(*block)};
  }
  // Each flush of events counts their ids, and leaves a block.
  auto key = keys::partition(p);
  auto applied = view.get(table::applied, key);
  if (!applied)
    return applied.error();
  if (!*applied)
    return std::optional<stored_block>{};
  auto known = read_applied(key, **applied);
  if (!known)
    return known.error();
  if (known->next_sequence != 0)
    return errc::corrupt;
  return std::optional<stored_block>{};
}

/// A block on its way into the table.
class open_block {
public:
  open_block(write_transaction& into, partition_id p) : into_(into), p_(p) {}

  /// Goes on in the last stored block, or begins one at `first`: the
  /// partition's first, or one behind damage.
  result<void> resume(log_position first) {
    auto rows = into_.rows(table::order);
    if (!rows)
      return rows.error();
    auto last = block_before(into_, *rows, p_, {UINT64_MAX, UINT64_MAX});
    if (!last)
      return last.error() == errc::corrupt ? begin_behind_damage(*rows, first)
                                           : last.error();
    if (!*last) {
      begin(first_key, nothing);
      return {};
    }
    auto value = into_.get(table::order, keys::order(p_, (*last)->key));
    if (!value || !*value)
      return value ? errc::corrupt : value.error();
    key_ = (*last)->key;
    last_ = (*last)->runs.empty() ? key_ : (*last)->runs.back().first;
    bytes_ = (*value)->substr(0, (*value)->size() - seal_bytes);
    return {};
  }

  /// What is damaged stays as it is, and keeps nothing else from being written.
  /// No block names this one, so who reads from one to the other is told. One
  /// whose damaged key is too high lies behind this one, which names it.
  result<void> begin_behind_damage(cursor& rows, log_position first) {
    auto behind = rows.seek(keys::order(p_, first));
    if (!behind)
      return behind.error();
    bool in_front = *behind && (*behind)->key.starts_with(keys::partition(p_));
    auto next = in_front ? keys::position_of((*behind)->key) : nothing;
    if (!next)
      return errc::corrupt;
    begin(first, *next);
    return {};
  }

  void begin(log_position key, log_position next) {
    key_ = last_ = key;
    next_ = next;
    fresh_ = true;
    bytes_ = head(nothing);
  }

  result<void> add(const ordered_run& run) {
    scratch_.clear();
    byte_writer out{scratch_};
    pack(out, last_, run);
    if (bytes_.size() + scratch_.size() > page) {
      auto behind = std::exchange(next_, run.first);
      if (auto done = close(); !done)
        return done;
      begin(run.first, behind);
      scratch_.clear();
      pack(out, last_, run);
    }
    bytes_ += scratch_;
    last_ = run.first;
    return {};
  }

  result<void> close() {
    ++written_;
    auto key = keys::order(p_, key_);
    bytes_.replace(0, head_bytes, head(next_));
    seal(key, bytes_);
    return fresh_ ? into_.put_new(table::order, key, bytes_)
                  : into_.put(table::order, key, bytes_);
  }

  std::size_t written() const noexcept { return written_; }

private:
  write_transaction& into_;
  partition_id p_;
  log_position key_;
  log_position next_ = nothing;
  log_position last_;
  bool fresh_ = false; // not stored yet
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
  if (auto done = block.resume(runs.front().first); !done)
    return done.error();
  for (auto& run : runs)
    if (auto done = block.add(run); !done)
      return done.error();
  if (auto done = block.close(); !done)
    return done.error();
  return block.written();
}

result<std::vector<ordered_run>> read(const transaction& view, partition_id p,
                                      log_position from, log_position to,
                                      std::size_t count, reading_order order) {
  std::vector<ordered_run> out;
  if (to == first_key)
    return out;
  auto rows = view.rows(table::order);
  if (!rows)
    return rows.error();
  auto forward = order == reading_order::oldest_first;
  auto block = block_before(view, *rows, p, forward ? from + 1 : to);
  if (!block)
    return block.error();
  while (*block) {
    auto& runs = (*block)->runs;
    auto key = (*block)->key;
    auto next = (*block)->next;
    if (!forward)
      std::reverse(runs.begin(), runs.end());
    for (auto& run : runs)
      if (run.end() > from && run.first < to)
        out.push_back(run);
    if (out.size() >= count
        || (forward ? next == nothing || next >= to
                    : key < from || key == first_key))
      break;
    auto row = forward ? rows->next() : rows->before(keys::order(p, key));
    if (!row)
      return row.error();
    // Where another row is found than the one that must be there, it is hidden.
    if (!*row || !(*row)->key.starts_with(keys::partition(p)))
      return errc::corrupt;
    auto beside = unpack(**row);
    if (!beside)
      return beside.error();
    if (forward ? beside->key != next : beside->next != key)
      return errc::corrupt;
    **block = std::move(*beside);
  }
  return out;
}

namespace {

/// Erases a block that has no runs any more, and lets the one before it name
/// the one behind it. One that is not named by it stays.
result<void> drop(write_transaction& in, partition_id p,
                  const stored_block& doomed) {
  std::string key;
  std::string value;
  {
    auto rows = in.rows(table::order);
    if (!rows)
      return rows.error();
    auto row = rows->before(keys::order(p, doomed.key));
    if (!row)
      return row.error();
    if (!*row || !(*row)->key.starts_with(keys::partition(p)))
      return {};
    auto before = unpack(**row);
    if (!before || before->next != doomed.key)
      return {};
    key = (*row)->key;
    value = (*row)->value.substr(0, (*row)->value.size() - seal_bytes);
  }
  value.replace(0, head_bytes, head(doomed.next));
  seal(key, value);
  if (auto done = in.put(table::order, key, value); !done)
    return done;
  return in.erase(table::order, keys::order(p, doomed.key));
}

} // namespace

result<std::optional<log_position>>
sweep(write_transaction& in, partition_id p, log_position from,
      std::size_t blocks,
      const std::function<result<bool>(const ordered_run&)>& is_dead) {
  for (;; --blocks) {
    stored_block block;
    {
      auto rows = in.rows(table::order);
      if (!rows)
        return rows.error();
      auto row = rows->seek(keys::order(p, from));
      if (!row)
        return row.error();
      if (!*row || !(*row)->key.starts_with(keys::partition(p)))
        return std::optional<log_position>{};
      auto at = keys::position_of((*row)->key);
      if (blocks == 0 || !at)
        return at;
      auto found = unpack(**row);
      if (!found) { // stays as it is, with its runs: reading tells of it
        from = *at + 1;
        continue;
      }
      block = std::move(*found);
    }
    auto& live = block.runs;
    auto before = live.size();
    for (auto& run : live) {
      auto dead = is_dead(run);
      if (!dead)
        return dead.error();
      if (*dead)
        run.count = 0;
    }
    std::erase_if(live, [](auto& run) { return run.count == 0; });
    from = block.key + 1;
    if (live.size() == before)
      continue;
    if (live.empty() && block.key != first_key) {
      if (auto done = drop(in, p, block); !done)
        return done.error();
      continue;
    }
    if (auto done = in.erase(table::order, keys::order(p, block.key)); !done)
      return done.error();
    open_block smaller{in, p};
    smaller.begin(block.key, block.next);
    for (auto& run : live)
      if (auto done = smaller.add(run); !done)
        return done.error();
    if (auto done = smaller.close(); !done)
      return done.error();
  }
}

} // namespace callboard::order_blocks
