// What members lack, and where it comes from.
#include "actors/replication/replicated_journal.hpp"

#include <algorithm>
#include <limits>

namespace callboard {

std::optional<log_entry> replicated_journal::stored(entry_index index) {
  if (index > loaded_after_ && index <= loaded_after_ + loaded_.size())
    return loaded_[index - loaded_after_ - 1];
  return reader_.find(index);
}

/// Entries up to the base that a follower can still get: the driver must know
/// their terms.
unsigned replicated_journal::readable_before(entry_index base) const {
  auto first = std::min(disk_->first_readable(), base + 1);
  return unsigned(
    std::clamp<entry_index>(base + 1 - first, options_.tail_entries_max,
                            std::numeric_limits<unsigned>::max() / 2));
}

/// What a member lacks is kept for it while this one leads: nobody else knows.
void replicated_journal::watch_followers() {
  entry_index lacked = UINT64_MAX;
  if (driver_->is_leader())
    for (auto& peer : status_.peers)
      if (peer.id != status_.self && peer.role != member_role::spare)
        lacked = std::min(lacked, peer.match + 1);
  disk_->keep_for_others(lacked);
  if (lacked > driver_->commit_index())
    reader_.clear();
}

/// Entries from `from` on were replaced; those up to `up_to` are in LMDB.
void replicated_journal::unload(entry_index from, entry_index up_to) {
  if (from > loaded_after_)
    loaded_.resize(
      std::min<std::size_t>(loaded_.size(), from - loaded_after_ - 1));
  if (up_to >= loaded_after_ + loaded_.size())
    loaded_ = {};
}

} // namespace callboard
