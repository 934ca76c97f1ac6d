// Rows in key order, events as blocks, ids, cuts, and how far it is complete.
#include "persistence/flusher.hpp"

#include "actors/core/limits.hpp"
#include "persistence/blocks.hpp"
#include "persistence/keys.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace callboard {

namespace {

result<void> write_rows(write_transaction& into, const generation& what) {
  for (std::size_t t = 0; t < table_count; ++t)
    for (auto& [key, value] : what.rows[t]) {
      auto done =
        value ? into.put(table(t), key, *value) : into.erase(table(t), key);
      if (!done)
        return done;
    }
  return {};
}

result<void> write_events(write_transaction& into, partition_id p,
                          const generation& what) {
  std::map<stream_id, std::vector<event_ptr>> by_stream;
  for (auto& [stream, e] : what.events)
    by_stream[stream].push_back(e);
  for (auto& [stream, events] : by_stream)
    if (auto done = blocks::append(into, p, stream, events); !done)
      return done;
  return {};
}

/// Remembers the ids of new events, and forgets rows that hold none of the last
/// `limits::recent_ids_max` any more.
result<void> write_ids_of(write_transaction& into, const generation& what,
                          flush_part& part) {
  std::vector<remembered_id> some;
  auto& sequence = part.row.next_sequence;
  auto put = [&]() -> result<void> {
    auto key = keys::recent_ids(part.partition, sequence);
    auto done = into.put(table::recent_ids, key, write_ids(key, some));
    sequence += some.size();
    some.clear();
    return done;
  };
  for (auto& [stream, e] : what.events) {
    if (e->id.is_zero())
      continue; // nobody comes with it again: see `stream_heads`
    some.push_back({e->id, stream, e->number});
    if (some.size() == ids_per_row)
      if (auto done = put(); !done)
        return done;
  }
  if (!some.empty())
    if (auto done = put(); !done)
      return done;
  auto keep = limits::recent_ids_max + ids_per_row;
  if (sequence <= keep)
    return {};
  auto end = keys::recent_ids(part.partition, sequence - keep);
  for (;;) {
    std::string key;
    {
      auto rows = into.rows(table::recent_ids);
      if (!rows)
        return rows.error();
      auto oldest = rows->seek(keys::recent_ids(part.partition, 0));
      if (!oldest)
        return oldest.error();
      if (!*oldest || (*oldest)->key >= end)
        return {};
      key = (*oldest)->key;
    }
    if (auto done = into.erase(table::recent_ids, key); !done)
      return done;
  }
}

using cuts = std::map<stream_id, event_number>;

/// The streams whose first visible event really rose, and to what. To be called
/// before their rows are written.
result<cuts> raised_cuts(const transaction& before, partition_id p,
                         const generation& what) {
  cuts latest;
  for (auto& [stream, row] : what.cuts)
    latest[stream] = std::max(latest[stream], row.first_live);
  for (auto at = latest.begin(); at != latest.end();) {
    auto known = stored_stream(before, p, at->first);
    // A damaged row is about to be written anew.
    if (!known && known.error() != errc::corrupt)
      return known.error();
    bool was_cut = known && *known && (*known)->first_live >= at->second;
    at = was_cut ? latest.erase(at) : std::next(at);
  }
  return latest;
}

result<void> write_cuts(write_transaction& into, partition_id p,
                        const cuts& raised) {
  for (auto& [stream, first] : raised) {
    auto key = keys::trim(p, stream);
    std::string value;
    keys::append(value, first.value, 8);
    seal(key, value);
    if (auto done = into.put(table::trims, key, value); !done)
      return done;
  }
  return {};
}

/// Appends to the order, and sweeps it as fast as it grows, and faster.
result<void> write_order(write_transaction& into, const cuts& raised,
                         flush_part& part) {
  auto written = order_blocks::append(into, part.partition, part.what->order);
  if (!written)
    return written.error();
  if (!raised.empty())
    part.sweep.events_were_cut();
  return sweep_order(into, part.partition, part.sweep, 2 * *written);
}

result<void> write_part(write_transaction& into, flush_part& part) {
  auto& what = *part.what;
  auto raised = raised_cuts(into, part.partition, what);
  if (!raised)
    return raised.error();
  if (auto done = write_rows(into, what); !done)
    return done;
  if (auto done = write_events(into, part.partition, what); !done)
    return done;
  if (auto done = write_ids_of(into, what, part); !done)
    return done;
  if (auto done = write_cuts(into, part.partition, *raised); !done)
    return done;
  if (auto done = write_order(into, *raised, part); !done)
    return done;
  part.row.index = what.last;
  part.row.at = what.at;
  part.row.used.raise(what.used);
  auto key = keys::partition(part.partition);
  return into.put(table::applied, key, write_applied(key, part.row));
}

/// Erases up to `budget` invisible blocks. Returns whether there are more.
result<bool> trim_some(write_transaction& in, std::size_t budget) {
  for (;;) {
    std::string key;
    std::optional<event_number> first; // none: the row is damaged
    {
      auto rows = in.rows(table::trims);
      if (!rows)
        return rows.error();
      auto next = rows->seek({});
      if (!next)
        return next.error();
      if (!*next)
        return false;
      if (budget == 0)
        return true;
      key = (*next)->key;
      auto value = unseal(key, (*next)->value);
      if (value && value->size() == 8 && key.size() == 10)
        first = event_number{keys::number(*value, 0, 8)};
    }
    if (!first) { // erases nothing; the stream's next cut makes it anew
      if (auto done = in.erase(table::trims, key); !done)
        return done.error();
      continue;
    }
    auto erased = blocks::trim(in, {keys::number(key, 0, 2)},
                               {keys::number(key, 2, 8)}, *first, budget);
    if (!erased)
      return erased.error();
    if (*erased < budget)
      if (auto done = in.erase(table::trims, key); !done)
        return done.error();
    budget -= *erased;
  }
}

} // namespace

result<bool> flush(database& db, std::vector<flush_part>& parts) {
  auto txn = db.write();
  if (!txn)
    return txn.error();
  auto budget = limits::trim_blocks_max;
  for (auto& part : parts) {
    if (!part.what)
      continue;
    budget += part.what->events.size(); // never falls behind what is written
    if (auto done = write_part(*txn, part); !done)
      return done.error();
  }
  auto more = trim_some(*txn, budget);
  if (!more)
    return more;
  for (auto& part : parts) {
    if (auto done = sweep_order(*txn, part.partition, part.sweep,
                                limits::sweep_blocks_max);
        !done)
      return done.error();
    more = *more || part.sweep.running;
  }
  if (auto done = txn->commit(); !done)
    return done.error();
  return more;
}

result<bool> trim_slice(database& db) {
  auto txn = db.write();
  if (!txn)
    return txn.error();
  auto more = trim_some(*txn, limits::trim_blocks_max);
  if (!more)
    return more;
  if (auto done = txn->commit(); !done)
    return done.error();
  return more;
}

result<void> sweep_slice(database& db, partition_id p, order_sweep& how_far) {
  auto txn = db.write();
  if (!txn)
    return txn.error();
  if (auto done = sweep_order(*txn, p, how_far, limits::trim_blocks_max); !done)
    return done;
  return txn->commit();
}

} // namespace callboard
