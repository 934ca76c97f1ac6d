// Opening, applying, reading events.
#include "persistence/store.hpp"

#include "persistence/blocks.hpp"
#include "persistence/compact.hpp"
#include "persistence/keys.hpp"
#include "persistence/store_format.hpp"
#include "persistence/store_impl.hpp"
#include "persistence/wal_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace callboard {

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

result<std::unique_ptr<store>> store::open(const store_options& options,
                                           std::string* diagnosis) {
  remove_half_copy(options.folder);
  auto db = database::open({.folder = options.folder}, diagnosis);
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

bool store::over_quota() const noexcept {
  return impl_->over_quota;
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

std::uint64_t store::used_bytes() const {
  std::shared_lock open{impl_->gate};
  return impl_->db.used_bytes();
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
