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

} // namespace

wal_journal::wal_journal(std::unique_ptr<wal> log, std::vector<log_index> last,
                         journal_events events)
    : log_(std::move(log)), events_(std::move(events)), last_(std::move(last)),
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
  wake();
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
    wake();
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
  for (;;) {
    if (refusal_ == errc::none)
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    else
      wake_.wait_for(lock, probe_interval,
                     [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty() && stopping_)
      return;
    auto entries = take();
    lock.unlock();
    if (entries.empty())
      probe();
    else
      write(std::move(entries));
    lock.lock();
  }
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
