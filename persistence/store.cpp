// Opening, applying, the thread that moves memory into LMDB, reading events.
#include "persistence/store.hpp"

#include "actors/core/limits.hpp"
#include "persistence/blocks.hpp"
#include "persistence/compact.hpp"
#include "persistence/keys.hpp"
#include "persistence/mapped_pages.hpp"
#include "persistence/store_format.hpp"
#include "persistence/store_impl.hpp"
#include "persistence/wal_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace callboard {

namespace {

constexpr std::size_t small_flush_bytes = std::size_t{512} << 10;
constexpr std::size_t flush_bytes_per_stream = std::size_t{16} << 10;

// A flush that took longer is followed by so many times its duration without
// one: a slow disk is the log's for the most part.
constexpr auto quick_flush = std::chrono::milliseconds{10};
constexpr int flush_rest = 3;

} // namespace

result<void> store::impl::begin() {
  if (auto done = prepare_format(db); !done)
    return done;
  auto view = db.read();
  if (!view)
    return view.error();
  for (std::size_t p = 0; p < options.partitions; ++p) {
    auto key = keys::partition({p});
    auto value = view->get(table::applied, key);
    if (!value)
      return value.error();
    if (*value) {
      auto row = read_applied(key, **value);
      if (!row)
        return row.error();
      flushed[p] = *row;
    }
    auto& row = flushed[p];
    used[p] = row.used;
    memory[p]->begin(row.index, row.at, row.used.stream);
  }
  return {};
}

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
  if (!more) {
    failed(more.error());
    return more.error();
  }
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
  bool full =
    options.disk_bytes_max > 0 && db.used_bytes() > options.disk_bytes_max;
  refusal = full ? errc::storage_full : errc::none;
  if (tell)
    tell(indexes);
  return {};
}

/// A full disk also shows as EIO, because LMDB reports short writes so.
errc store::impl::true_cause(errc why) const {
  std::error_code unknown;
  auto disk = std::filesystem::space(options.folder, unknown);
  bool full = why == errc::storage_failed && !unknown
              && disk.available < limits::disk_bytes_min;
  return full ? errc::storage_full : why;
}

void store::impl::failed(errc why) {
  refusal = true_cause(why);
  if (db.usable())
    return;
  std::unique_lock alone{gate};
  {
    auto closed = std::move(db);
  }
  if (auto again = database::open({.folder = options.folder})) {
    db = std::move(*again);
    take_over_doubtful();
  } // else the next flush tries again
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

/// A small flush holds up the log's for a moment only, a large one for as long
/// as its pages take. But each writes a page of every stream that changed, so
/// with many of them it waits until that is worth it.
bool store::impl::worth_flushing() const noexcept {
  auto most = options.flush_bytes;
  auto worth = most;
  if (!resting) {
    std::size_t streams = 0;
    for (auto& one : memory)
      streams += one->changed_streams();
    worth = std::min(
      most, std::max(small_flush_bytes, streams * flush_bytes_per_stream));
  }
  return unflushed_bytes() >= worth;
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
    auto spent = begun - started;
    rest = !done                  ? limits::flush_interval
           : spent <= quick_flush ? clock::duration{}
                                  : spent * flush_rest;
    if (begun - mapped >= limits::flush_interval) {
      mapped = begun;
      std::shared_lock open{gate};
      bound_mapped_pages(options.folder / "data.mdb", limits::mapped_bytes_max);
    }
    lock.lock();
  }
}

store::store(std::unique_ptr<impl> self) : impl_(std::move(self)) {}

store::~store() {
  {
    std::lock_guard lock{impl_->mutex};
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  if (impl_->thread.joinable())
    impl_->thread.join();
}

result<std::unique_ptr<store>> store::open(const store_options& options) {
  remove_half_copy(options.folder);
  auto db = database::open({.folder = options.folder});
  if (!db)
    return db.error();
  auto self = std::make_unique<impl>(options, std::move(*db));
  if (auto done = self->begin(); !done)
    return done.error();
  auto* running = self.get();
  if (options.flush_in_background)
    self->thread = std::thread{[running] { running->run(); }};
  return std::unique_ptr<store>{new store{std::move(self)}};
}

std::size_t store::partitions() const noexcept {
  return impl_->options.partitions;
}

log_index store::applied(partition_id p) const {
  return impl_->of(p).applied();
}

log_index store::flushed(partition_id p) const {
  std::lock_guard lock{impl_->mutex};
  return impl_->flushed[p.value].index;
}

wall_time store::last_time() const {
  wall_time latest;
  for (auto& one : impl_->memory)
    latest = std::max(latest, one->applied_at());
  return latest;
}

void store::apply(partition_id p, log_index index, const record& what,
                  std::size_t bytes) {
  impl_->of(p).apply(p, index, what, bytes);
  bool wakes = false;
  {
    std::lock_guard lock{impl_->mutex};
    impl_->used[p.value].raise(what);
    wakes = !impl_->woken && impl_->worth_flushing();
    impl_->woken = impl_->woken || wakes;
  }
  if (wakes)
    impl_->wake.notify_one();
}

std::size_t store::unflushed_bytes() const noexcept {
  return impl_->unflushed_bytes();
}

errc store::refusal() const noexcept {
  return impl_->refusal;
}

void store::on_flushed(
  std::function<void(const std::vector<log_index>&)> call) {
  std::lock_guard alone{impl_->flushing};
  impl_->tell = std::move(call);
}

result<void> store::copy_to(const std::filesystem::path& file) const {
  int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return storage_error(errno);
  std::shared_lock open{impl_->gate};
  auto done = impl_->db.copy_to(fd);
  ::close(fd);
  return done;
}

result<void> store::flush() {
  return impl_->flush_once();
}

result<void> store::begin_scavenge() {
  if (auto done = flush(); !done)
    return done;
  std::lock_guard alone{impl_->flushing};
  std::lock_guard lock{impl_->mutex};
  for (auto& one : impl_->sweeps)
    one.events_were_cut();
  return {};
}

result<bool> store::scavenge_slice() {
  std::lock_guard alone{impl_->flushing};
  auto more = impl_->erase_some();
  impl_->erasing_left = !more || *more;
  if (!more)
    impl_->failed(more.error());
  return more;
}

result<bool> store::impl::erase_some() {
  for (std::size_t p = 0; p < options.partitions; ++p) {
    order_sweep how_far;
    {
      std::lock_guard lock{mutex};
      how_far = sweeps[p];
    }
    if (!how_far.running)
      continue;
    if (auto done = sweep_slice(db, {p}, how_far); !done)
      return done.error();
    std::lock_guard lock{mutex};
    sweeps[p] = how_far;
    return true;
  }
  return trim_slice(db);
}

result<void> store::scavenge() {
  if (auto done = begin_scavenge(); !done)
    return done;
  for (;;)
    if (auto more = scavenge_slice(); !more || !*more)
      return more ? result<void>{} : more.error();
}

result<used_ids> store::highest_ids(partition_id p) const {
  std::lock_guard lock{impl_->mutex};
  return impl_->used[p.value];
}

std::optional<std::vector<event_ptr>>
store::try_read(partition_id p, stream_id s, event_number from,
                std::size_t count, std::size_t bytes_max) const {
  return impl_->of(p).read(s, from, count, bytes_max);
}

namespace {

/// Nothing but a cut makes events invisible: what else is missing of [from,
/// end) is damage. `at_end`: no limit kept the reader from going on. The
/// stream's row is only looked up where there are fewer than asked for.
result<void> check_missing(const transaction& view, partition_id p, stream_id s,
                           event_number from, event_number end, bool at_end,
                           const std::vector<event_ptr>& found) {
  auto first = found.empty() ? end : found.front()->number;
  auto behind = found.empty() ? from : found.back()->number + 1;
  if (first <= from && (!at_end || behind >= end))
    return {};
  auto row = stored_stream(view, p, s);
  if (!row)
    return row.error();
  if (!*row)
    return found.empty() ? result<void>{} : errc::corrupt;
  from = std::max(from, (*row)->first_live);
  end = std::min(end, (*row)->next);
  bool whole = from >= end || (first <= from && (!at_end || behind >= end));
  return whole ? result<void>{} : errc::corrupt;
}

} // namespace

result<std::vector<event_ptr>> store::read(partition_id p, stream_id s,
                                           event_number from, std::size_t count,
                                           std::size_t bytes_max) const {
  auto& memory = impl_->of(p);
  auto end = event_number{count > UINT64_MAX - from.value ? UINT64_MAX
                                                          : from.value + count};
  for (std::optional<event_number> first_before;;) {
    if (auto quick = memory.read(s, from, count, bytes_max))
      return std::move(*quick);
    std::vector<event_ptr> out;
    std::shared_lock open{impl_->gate};
    std::optional<result<transaction>> view;
    auto first = memory.first_of(s, [&] { view.emplace(impl_->db.read()); });
    if (!*view)
      return view->error();
    auto stored_end = first ? std::min(end, *first) : end;
    if (from < stored_end)
      if (auto done =
            blocks::read(**view, p, s, from, stored_end, bytes_max, out);
          !done)
        return done.error();
    std::size_t bytes = 0;
    for (auto& e : out)
      bytes += memory_bytes(*e);
    if (from < stored_end)
      if (auto done = check_missing(**view, p, s, from, stored_end,
                                    bytes < bytes_max, out);
          !done)
        return done.error();
    if (!first || end <= *first || bytes >= bytes_max
        || (!out.empty() && out.back()->number + 1 != *first))
      return out;
    auto rest =
      memory.read(s, std::max(from, *first),
                  end.value - std::max(from, *first).value, bytes_max - bytes);
    if (!rest && first_before == first)
      return out; // behind the stream's end
    if (!rest) {
      first_before = first; // evicted since we looked? Then LMDB has it now
      continue;
    }
    out.insert(out.end(), rest->begin(), rest->end());
    return out;
  }
}

} // namespace callboard
