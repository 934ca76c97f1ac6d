// One member file and one frame for all that waits.
#include "actors/replication/log_disk.hpp"

#include "actors/core/limits.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

namespace {

constexpr auto retry_interval = 200ms;
constexpr partition_id the_log{0};

std::int64_t now_ms() {
  return std::chrono::steady_clock::now().time_since_epoch() / 1ms;
}

journal_entry to_wal(entry_index index, const log_entry& entry) {
  journal_entry out{the_log, {index}, entry.term, {}};
  auto size = entry.payload ? entry.payload->size() : 0;
  out.body.reserve(size + 1);
  out.body.push_back(static_cast<char>(entry.kind));
  if (entry.payload)
    out.body.append(*entry.payload);
  return out;
}

log_entry from_wal(std::uint64_t term, std::string_view body) {
  return {term, static_cast<entry_kind>(body.front()),
          std::make_shared<const std::string>(body.substr(1))};
}

} // namespace

std::vector<std::size_t>
lasting_entries(const std::deque<log_disk::step>& steps) {
  std::vector<std::size_t> out(steps.size());
  entry_index end = UINT64_MAX;
  for (auto i = steps.size(); i-- > 0;) {
    auto& one = steps[i];
    if (one.entries.empty())
      continue;
    end = std::min(end, one.first + one.entries.size());
    out[i] = end > one.first ? std::size_t(end - one.first) : 0;
    end = std::min(end, one.first);
  }
  return out;
}

result<void> take_entry(stored_member& into,
                        const wal_format::entry_view& entry) {
  auto base = into.state.base.index;
  auto index = entry.index.value;
  if (entry.partition != the_log || entry.body.empty())
    return errc::corrupt;
  auto kind = static_cast<entry_kind>(entry.body.front());
  if (kind != entry_kind::command && kind != entry_kind::barrier
      && kind != entry_kind::configuration)
    return errc::corrupt;
  // An older term behind the base: it was replaced, and the base was saved
  // before what replaced it.
  if (index <= base || entry.term < into.state.base.term)
    return {};
  if (index > base + into.entries.size() + 1)
    return errc::corrupt; // entries in between are gone
  into.entries.resize(index - base - 1);
  into.entries.push_back(from_wal(entry.term, entry.body));
  return {};
}

result<stored_member> open_log(const std::filesystem::path& folder,
                               member_state state, std::string& diagnosis,
                               std::size_t file_bytes) {
  stored_member out;
  out.state = std::move(state);
  auto files = wal::open(
    {folder, file_bytes, log_index{out.state.base.index + 1}},
    [&](auto& entry) { return take_entry(out, entry); }, diagnosis);
  if (!files)
    return files.error();
  out.files = std::move(*files);
  // Not only at its first start: it may have been killed before it heard what
  // it has lost. If it gave a vote its group is new: while it has no entry only
  // who has none either is given one, and asks only if a majority has none.
  auto& own = out.state;
  out.fresh = !own.recovering && own.base.index <= 1 && out.entries.empty()
              && own.vote.vote == 0;
  return out;
}

stored_log log_of(const stored_member& from) {
  return {from.state.vote,
          from.state.base.index == 0
            ? nullptr
            : std::make_shared<const log_snapshot>(from.state.base),
          from.state.base.index + 1, from.entries};
}

log_disk::log_disk(std::unique_ptr<wal> files,
                   std::filesystem::path member_file, member_state state,
                   std::function<void(std::size_t)> done,
                   std::uint64_t keep_bytes)
    : files_(std::move(files)), member_file_(std::move(member_file)),
      state_(std::move(state)), done_(std::move(done)), keep_bytes_(keep_bytes),
      base_(state_.base.index), thread_([this] { run(); }) {}

log_disk::~log_disk() {
  stop();
}

void log_disk::stop() {
  {
    std::lock_guard lock{mutex_};
    if (std::exchange(stopping_, true))
      return;
  }
  wake_.notify_one();
  thread_.join();
}

void log_disk::put(step what) {
  {
    std::lock_guard lock{mutex_};
    if (busy_since_ == 0)
      answered();
    queue_.push_back(std::move(what));
  }
  wake_.notify_one();
}

void log_disk::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait(lock,
               [this] { return stopping_ || !queue_.empty() || needless_; });
    if (queue_.empty() && stopping_)
      return;
    if (queue_.empty()) {
      needless_ = false;
      lock.unlock();
      release();
      // Nobody may tidy again if nothing can be published for want of room.
      if (no_spare_ == errc::storage_full)
        recycle_all();
      lock.lock();
      continue;
    }
    auto steps = std::exchange(queue_, {});
    lock.unlock();
    auto base = base_.load();
    auto written = write(steps);
    while (!written) {
      if (refusal_.exchange(written.error()) == errc::none)
        spdlog::error("the log cannot be written error={}",
                      to_string(written.error()));
      ++failures_;
      answered();
      lock.lock();
      wake_.wait_for(lock, retry_interval, [this] { return stopping_; });
      if (stopping_)
        return;
      lock.unlock();
      written = write(steps);
    }
    if (refusal_.exchange(errc::none) != errc::none)
      spdlog::info("the log can be written again");
    done_(steps.size());
    lock.lock();
    if (queue_.empty())
      busy_since_ = 0;
    else
      answered();
    needless_ |= base_ > base;
  }
}

result<void> log_disk::write(const std::deque<step>& steps) {
  if (auto done = write_state(steps); !done)
    return done;
  answered();
  auto started = std::chrono::steady_clock::now();
  std::vector<journal_entry> some;
  std::size_t bytes = 0;
  auto most = std::min(limits::wal_group_bytes_max, files_->file_bytes() / 2);
  auto append = [&]() -> result<void> {
    if (some.empty())
      return {};
    if (auto done = files_->append(some); !done)
      return done;
    answered();
    ++flushes_;
    entries_ += some.size();
    bytes_ += bytes;
    some.clear();
    bytes = 0;
    return {};
  };
  // If one frame fails all are written again, and a crash in between must not
  // bring back what was replaced.
  auto counts = lasting_entries(steps);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    auto& one = steps[k];
    for (std::size_t i = 0; i < counts[k]; ++i) {
      auto size = one.entries[i].payload ? one.entries[i].payload->size() : 0;
      if (bytes + size > most)
        if (auto done = append(); !done)
          return done;
      some.push_back(to_wal(one.first + i, one.entries[i]));
      bytes += size;
    }
  }
  auto done = append();
  flush_us_ +=
    std::uint64_t((std::chrono::steady_clock::now() - started) / 1us);
  return done;
}

/// Before the entries: what follows a vote must not be there without it.
result<void> log_disk::write_state(const std::deque<step>& steps) {
  auto next = state_;
  bool promised = false;
  for (auto& one : steps) {
    promised = promised || one.vote || one.recovering;
    next.vote = one.vote.value_or(next.vote);
    next.recovering = one.recovering.value_or(next.recovering);
    if (one.base)
      unsaved_base_ = one.base;
  }
  if (!promised && !unsaved_base_)
    return {};
  next.base = unsaved_base_.value_or(next.base);
  auto done = save_member(member_file_, next);
  if (!done && done.error() == errc::storage_full && !promised) {
    // With an older base all is there as well, and more of the log is kept: no
    // reason to refuse entries that it has room for. The next steps try again.
    return {};
  }
  if (!done)
    return done;
  state_ = std::move(next);
  unsaved_base_.reset();
  base_ = state_.base.index;
  return {};
}

std::chrono::milliseconds log_disk::busy_for() const noexcept {
  auto since = busy_since_.load();
  return std::chrono::milliseconds{since == 0 ? 0 : now_ms() - since};
}

/// What waits next does so from now on.
void log_disk::answered() noexcept {
  busy_since_ = now_ms();
}

void log_disk::release() {
  files_->release({{base_}}, {{kept_}, keep_bytes_});
}

void log_disk::keep_for_others(entry_index from) {
  auto base = base_.load();
  if (kept_.exchange(from) > base || from <= base)
    return; // nothing was kept, or still is: the next flush sees to it
  {
    std::lock_guard lock{mutex_};
    needless_ = true;
  }
  wake_.notify_one();
}

result<std::vector<log_entry>> log_disk::read(entry_index from) const {
  auto some = files_->read({from});
  if (!some)
    return some.error();
  std::vector<log_entry> out;
  for (auto& one : *some) {
    if (one.body.empty())
      return errc::corrupt;
    out.push_back(from_wal(one.term, one.body));
  }
  return out;
}

entry_index log_disk::first_readable() const {
  return files_->first_readable().value_or(log_index{UINT64_MAX}).value;
}

void log_disk::tidy() {
  release();
  auto ready = files_->prepare(limits::wal_spares);
  no_spare_ = ready ? errc::none : ready.error();
  if (no_spare_ == errc::storage_full)
    recycle_all();
}

/// What is kept for others takes the room of what comes: they get the store.
void log_disk::recycle_all() {
  files_->release({{base_}});
  if (files_->spares() >= limits::wal_spares)
    no_spare_ = errc::none;
}

journal_counts log_disk::counts() const noexcept {
  return {flushes_, entries_, bytes_, failures_, flush_us_};
}

} // namespace callboard
