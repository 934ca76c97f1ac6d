// A journal whose flushes happen when the test says so, or at once.
#pragma once

#include "persistence/journal.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <utility>
#include <vector>

namespace callboard::test {

/// What is flushed is kept, as a wal would: a restart replays it.
class manual_journal : public journal {
public:
  /// `kept` outlives the journal and its crashes.
  explicit manual_journal(std::vector<journal_entry>& kept) : kept_(kept) {}

  journal_events events; // to be set before the first entry comes
  bool at_once = true;   // false: only `flush` flushes
  errc refuses = errc::none;
  errc refuses_publishing = errc::none;
  std::size_t also_waiting = 0; // bytes, as far as anybody asks

  void append(journal_entry entry) override {
    waiting_.push_back(std::move(entry));
    if (at_once)
      flush();
  }

  errc refusal() const noexcept override { return refuses; }

  errc publishing_refusal() const noexcept override {
    return refuses == errc::none ? refuses_publishing : refuses;
  }

  std::size_t waiting_bytes() const noexcept override {
    auto bytes = also_waiting;
    for (auto& entry : waiting_)
      bytes += entry.body.size();
    return bytes;
  }

  std::size_t waiting() const noexcept { return waiting_.size(); }

  /// The first `count` entries that wait reach the disk, in one flush.
  void flush(std::size_t count = SIZE_MAX) {
    std::map<partition_id, log_index> last;
    for (; count > 0 && !waiting_.empty(); --count) {
      auto entry = std::move(waiting_.front());
      waiting_.pop_front();
      last[entry.partition] = entry.index;
      kept_.push_back(std::move(entry));
    }
    for (auto& [partition, index] : last)
      events.flushed(partition, index);
  }

  /// The flush failed: all that waits is lost.
  void fail(errc why) {
    std::map<partition_id, int> hit;
    for (auto& entry : std::exchange(waiting_, {}))
      hit[entry.partition] = 1;
    for (auto& [partition, one] : hit)
      events.failed(partition, why);
  }

private:
  std::vector<journal_entry>& kept_;
  std::deque<journal_entry> waiting_;
};

} // namespace callboard::test
