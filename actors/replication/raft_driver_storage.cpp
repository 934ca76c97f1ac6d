// Entries on their way through the driver: to storage, and back from it.
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/raft_engine.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

namespace callboard {

using namespace engine;

namespace {

std::size_t size_of(const log_entry& e) {
  return e.payload ? e.payload->size() : 0;
}

} // namespace

void raft_driver::collect_storage(const raft_update& update,
                                  raft_effects& out) {
  storage_step job;
  unfinished_step pending;
  if (update.flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR)) {
    job.state = {raft_current_term(&engine_), raft_voted_for(&engine_)};
    pending.has_state = true;
    ++unstored_states_;
  }
  if (update.flags & RAFT_UPDATE_SNAPSHOT) {
    for (auto& older : unfinished_)
      older.first = 0;
    job.install = pending.install = incoming_snapshot_;
    tail_.clear();
    tail_bytes_ = 0;
    tail_first_ = job.install->index + 1;
    raft_free(update.snapshot.chunk.base);
    auto taken = update.snapshot.metadata.configuration;
    raft_configuration_close(&taken);
  }
  if (update.flags & RAFT_UPDATE_ENTRIES) {
    collect_entries(update, job);
    pending.first = job.first;
    // A leader that forgets a configuration which others have may be outvoted
    // by one that has no vote by it, and so does not ask for any.
    if (std::ranges::count(job.entries, entry_kind::configuration,
                           &log_entry::kind)
          > 0
        && !pending.has_state) {
      pending.has_state = true;
      ++unstored_states_;
    }
    pending.last = last_ = job.first + job.entries.size() - 1;
  }
  if (!job.state && !job.install && job.entries.empty())
    return;
  unfinished_.push_back(std::move(pending));
  out.store.push_back(std::move(job));
}

void raft_driver::collect_entries(const raft_update& update,
                                  storage_step& job) {
  auto* batch = update.entries.batch;
  // The batch is a part of the array that came in, unless it is an entry of the
  // engine's own: the barrier of a new leader.
  const log_entry* ours = nullptr;
  std::less<const raft_entry*> before;
  if (!incoming_.empty() && !before(batch, incoming_raw_)
      && before(batch, incoming_raw_ + incoming_.size()))
    ours = &incoming_[std::size_t(batch - incoming_raw_)];
  job.first = update.entries.index;
  for (unsigned i = 0; i < update.entries.n; ++i) {
    auto& raw = batch[i];
    if (ours != nullptr)
      job.entries.push_back({raw.term, ours[i].kind, ours[i].payload});
    else
      job.entries.push_back(
        {raw.term, static_cast<entry_kind>(raw.type),
         std::make_shared<const std::string>(
           static_cast<const char*>(raw.buf.base), raw.buf.len)});
  }
  raft_free(batch[0].batch);
  // A write that these entries replace must not be reported as theirs.
  for (auto& older : unfinished_)
    older.last = std::min(older.last, job.first - 1);
  append_to_tail(job);
}

void raft_driver::append_to_tail(const storage_step& job) {
  while (!tail_.empty() && tail_first_ + tail_.size() > job.first) {
    tail_bytes_ -= size_of(tail_.back());
    tail_.pop_back();
  }
  if (tail_.empty())
    tail_first_ = job.first;
  for (auto& e : job.entries) {
    tail_bytes_ += size_of(e);
    tail_.push_back(e);
  }
}

void raft_driver::trim_tail() {
  // What is in memory only, or not yet applied, stays. Followers that lag read
  // from here as long as there is room, and then from storage.
  auto settled = std::min<entry_index>(engine_.last_stored, applied_);
  while ((tail_.size() > options_.tail_entries_max
          || tail_bytes_ > options_.tail_bytes_max)
         && tail_first_ <= settled) {
    tail_bytes_ -= size_of(tail_.front());
    tail_.pop_front();
    ++tail_first_;
  }
}

std::optional<log_entry> raft_driver::find(entry_index index) const {
  if (index >= tail_first_ && index < tail_first_ + tail_.size())
    return tail_[index - tail_first_];
  return read_(index);
}

log_entry raft_driver::entry(entry_index index) const {
  if (auto found = find(index))
    return std::move(*found);
  throw std::runtime_error("raft: entry " + std::to_string(index) + " is gone");
}

} // namespace callboard
