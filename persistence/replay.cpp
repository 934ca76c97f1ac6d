// Entry by entry, with the store's memory in view.
#include "persistence/replay.hpp"

#include "actors/core/limits.hpp"
#include "persistence/codec.hpp"

namespace callboard {

wal::visitor replay_into(store& db, std::size_t bytes_max) {
  return [&db, bytes_max, flush_at = bytes_max](
           const wal_format::entry_view& entry) mutable -> result<void> {
    if (entry.partition.value >= db.partitions())
      return errc::corrupt;
    auto applied = db.applied(entry.partition);
    if (entry.index <= applied)
      return {};
    if (entry.index.value != applied.value + 1)
      return errc::corrupt; // entries in between are gone
    auto what = decode(entry.body);
    if (!what)
      return what.error();
    db.apply(entry.partition, entry.index, *what, entry.body.size());
    if (db.unflushed_bytes() < flush_at)
      return {};
    auto done = db.flush();
    if (done) {
      flush_at = bytes_max;
      return done;
    }
    if (done.error() != errc::storage_full)
      return done;
    flush_at = db.unflushed_bytes() + limits::flush_bytes;
    return {};
  };
}

} // namespace callboard
