// Take all, write once, tell each partition once.
#include "persistence/wal_journal.hpp"

#include "actors/core/limits.hpp"

#include <chrono>
#include <set>
#include <utility>

namespace callboard {

using namespace std::chrono_literals;

namespace {

constexpr auto probe_interval = 200ms;

// When an io thread writes itself, though its connections wait meanwhile: after
// so many quick flushes in a row, of a few entries each, during which nothing
// else came.
constexpr unsigned calm_flushes = 8;
constexpr std::size_t few_entries = 2;

} // namespace

wal_journal::wal_journal(std::unique_ptr<wal> log, std::vector<log_index> last,
                         journal_events events,
                         std::chrono::microseconds quick_flush)
    : log_(std::move(log)), events_(std::move(events)),
      quick_flush_(quick_flush), last_(std::move(last)),
      thread_([this] { run(); }) {}

wal_journal::~wal_journal() {
  stop();
}

void wal_journal::stop() {
  {
    std::lock_guard lock{mutex_};
    if (std::exchange(stopping_, true))
      return;
  }
  wake_.notify_one();
  thread_.join();
}

void wal_journal::append(journal_entry entry) {
  waiting_ += entry.body.size();
  bool was_empty = false;
  {
    std::lock_guard lock{mutex_};
    was_empty = queue_.empty();
    queue_.push_back(std::move(entry));
  }
  if (was_empty && !(events_.wakes_later && events_.wakes_later()))
    wake_.notify_one(); // this thread may not wait for the disk
}

void wal_journal::wake() {
  std::unique_lock lock{mutex_};
  if (writing_)
    return; // who writes looks again
  if (few_wait()) {
    write_waiting(lock);
    if (!stopping_ && queue_.empty() && refusal_ == errc::none)
      return;
  }
  lock.unlock();
  wake_.notify_one();
}

bool wal_journal::few_wait() const noexcept {
  return calm_ >= calm_flushes && !queue_.empty()
         && queue_.size() <= few_entries && refusal_ == errc::none;
}

journal_counts wal_journal::counts() const noexcept {
  return {counts_.flushes, counts_.entries, counts_.bytes, counts_.failures,
          counts_.flush_us};
}

errc wal_journal::publishing_refusal() const noexcept {
  auto why = refusal_.load();
  return why == errc::none ? no_spare_.load() : why;
}

void wal_journal::run() {
  std::unique_lock lock{mutex_};
  auto ready = [this] { return !writing_ && (stopping_ || !queue_.empty()); };
  for (;;) {
    wake_.wait(lock, [&] { return ready() || refusal_ != errc::none; });
    if (refusal_ != errc::none)
      wake_.wait_for(lock, probe_interval, ready);
    if (writing_)
      continue;
    if (queue_.empty() && stopping_)
      return;
    write_waiting(lock);
  }
}

/// With the lock, which it gives up meanwhile; nobody else may be writing.
void wal_journal::write_waiting(std::unique_lock<std::mutex>& lock) {
  auto entries = take();
  writing_ = true;
  lock.unlock();
  if (entries.empty())
    probe();
  else
    write(std::move(entries));
  lock.lock();
  writing_ = false;
}

std::vector<journal_entry> wal_journal::take() {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (
    count < queue_.size()
    && (count == 0
        || bytes + queue_[count].body.size() <= limits::wal_group_bytes_max))
    bytes += queue_[count++].body.size();
  if (count == queue_.size())
    return std::exchange(queue_, {});
  std::vector<journal_entry> out{
    std::make_move_iterator(queue_.begin()),
    std::make_move_iterator(queue_.begin() + std::ptrdiff_t(count))};
  queue_.erase(queue_.begin(), queue_.begin() + std::ptrdiff_t(count));
  return out;
}

void wal_journal::write(std::vector<journal_entry> entries) {
  std::size_t bytes = 0;
  auto last = last_;
  std::erase_if(entries, [&](auto& entry) {
    bytes += entry.body.size();
    auto& before = last[entry.partition.value];
    if (entry.index.value != before.value + 1)
      return true; // decided on top of an entry that was lost
    before = entry.index;
    return false;
  });
  if (entries.empty()) { // which tells nothing about the disk
    waiting_ -= bytes;
    return;
  }
  std::set<partition_id> touched;
  for (auto& entry : entries)
    touched.insert(entry.partition);
  auto started = std::chrono::steady_clock::now();
  auto done = log_->append(entries);
  auto spent = std::chrono::steady_clock::now() - started;
  waiting_ -= bytes;
  {
    std::lock_guard lock{mutex_};
    bool calm = done && entries.size() <= few_entries && spent <= quick_flush_
                && queue_.empty();
    calm_ = calm ? calm_ + 1 : 0;
  }
  if (!done) {
    ++counts_.failures;
    refusal_ = done.error();
    for (auto p : touched)
      events_.failed(p, done.error());
    return;
  }
  refusal_ = errc::none;
  last_ = std::move(last);
  ++counts_.flushes;
  counts_.entries += entries.size();
  counts_.bytes += bytes;
  counts_.flush_us += std::uint64_t(spent / 1us);
  for (auto p : touched)
    events_.flushed(p, last_[p.value]);
}

void wal_journal::probe() {
  if (refusal_ == errc::none)
    return;
  auto ready = log_->prepare(1);
  refusal_ = ready ? errc::none : ready.error();
}

void wal_journal::release(const std::vector<log_index>& flushed) {
  log_->release(flushed);
  auto ready = log_->prepare(limits::wal_spares);
  no_spare_ = ready ? errc::none : ready.error();
}

} // namespace callboard
