// The thread that moves memory into LMDB: when, and what a failure leaves.
#include "actors/core/limits.hpp"
#include "persistence/flush_timing.hpp"
#include "persistence/keys.hpp"
#include "persistence/mapped_pages.hpp"
#include "persistence/store_impl.hpp"
#include "persistence/wal_file.hpp"

#include <algorithm>
#include <chrono>

namespace callboard {

result<void> store::impl::flush_once() {
  std::lock_guard alone{flushing};
  std::vector<flush_part> parts;
  bool anything = erasing_left || refusal != errc::none;
  {
    std::lock_guard lock{mutex};
    for (std::size_t p = 0; p < options.partitions; ++p)
      parts.push_back({{p}, nullptr, flushed[p], sweeps[p]});
  }
  for (auto& part : parts) {
    part.what = of(part.partition).freeze();
    anything = anything || part.what != nullptr;
  }
  if (!anything)
    return {};
  auto more = callboard::flush(db, parts);
  if (!more)
    return failed(more.error());
  erasing_left = *more;
  std::vector<log_index> indexes;
  {
    std::lock_guard lock{mutex};
    for (auto& part : parts) {
      flushed[part.partition.value] = part.row;
      sweeps[part.partition.value] = part.sweep;
      indexes.push_back(part.row.index);
    }
  }
  // The budget of memory is shared evenly: one busy partition may use it all
  // only as far as the others do not.
  std::size_t rest = options.recent_bytes_max;
  for (auto& part : parts) {
    if (part.what)
      of(part.partition).flushed();
    auto left = parts.size() - part.partition.value;
    rest -= std::min(rest, of(part.partition).evict(rest / left));
  }
  over_quota =
    options.disk_bytes_max > 0 && db.used_bytes() > options.disk_bytes_max;
  refusal = over_quota ? errc::storage_full : errc::none;
  if (tell)
    tell(indexes);
  return {};
}

/// Returns the true cause.
errc store::impl::failed(errc why) {
  over_quota = false;
  refusal = why = true_cause(why, options.folder);
  if (db.usable())
    return why;
  std::unique_lock alone{gate};
  {
    auto closed = std::move(db);
  }
  if (auto again = database::open({.folder = options.folder})) {
    db = std::move(*again);
    take_over_doubtful();
  } // else the next flush tries again
  return why;
}

/// A commit that failed may be there all the same: what LMDB has by now must
/// not be written to it once more.
void store::impl::take_over_doubtful() {
  auto view = db.read();
  for (std::size_t p = 0; view && p < options.partitions; ++p) {
    auto key = keys::partition({p});
    auto value = view->get(table::applied, key);
    auto row = value && *value ? read_applied(key, **value)
                               : result<applied_row>{errc::not_found};
    std::lock_guard lock{mutex};
    if (!row || row->index <= flushed[p].index)
      continue;
    memory[p]->flushed();
    flushed[p] = *row;
  }
}

std::size_t store::impl::unflushed_bytes() const noexcept {
  std::size_t bytes = 0;
  for (auto& one : memory)
    bytes += one->unflushed_bytes();
  return bytes;
}

bool store::impl::worth_flushing() const noexcept {
  flush_need need{unflushed_bytes(), 0, options.flush_bytes, resting};
  for (auto& one : memory)
    need.streams += one->changed_streams();
  return callboard::worth_flushing(need);
}

void store::impl::run() {
  using clock = std::chrono::steady_clock;
  std::unique_lock lock{mutex};
  auto wait_until = [&](clock::time_point end) {
    woken = false;
    wake.wait_until(lock, end, [this] { return stopping || worth_flushing(); });
  };
  auto begun = clock::now();
  clock::duration rest{};
  for (auto mapped = begun;;) {
    resting = true;
    wait_until(begun + rest);
    resting = false;
    wait_until(begun + limits::flush_interval);
    if (stopping)
      return;
    lock.unlock();
    auto started = clock::now();
    auto done = flush_once(); // `refusal` tells of failures
    begun = clock::now();
    rest = rest_after(begun - started, done.has_value());
    if (begun - mapped >= limits::flush_interval) {
      mapped = begun;
      std::shared_lock open{gate};
      bound_mapped_pages(options.folder / "data.mdb", limits::mapped_bytes_max);
    }
    lock.lock();
  }
}

} // namespace callboard
