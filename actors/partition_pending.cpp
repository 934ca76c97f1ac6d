// How many delayed messages wait: counted in slices, then kept up to date.
#include "actors/core/limits.hpp"
#include "actors/partition_actor.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace callboard {

namespace {

constexpr auto slice_interval = std::chrono::milliseconds{20};
constexpr auto retry_interval = std::chrono::minutes{1};

} // namespace

void partition_state::tell_pending(const pending_counts::counts& before) const {
  // All partitions share these: most records change none of them.
  for (std::size_t i = 0; i < delayed_classes; ++i)
    if (auto more = pending.now()[i] - before[i]; more != 0)
      node->counts.delayed_pending[i] += more;
}

void partition_state::forget_pending() {
  auto counted = std::exchange(pending, {}).now();
  tell_pending(counted);
}

void partition_state::count_some() {
  if (pending.complete())
    return;
  auto found = node->db->delayed_slice(id, pending.due(), pending.id(),
                                       {UINT64_MAX}, limits::counted_rows);
  if (!found) {
    spdlog::error("delayed messages cannot be counted partition={} error={}",
                  id.value, to_string(found.error()));
    self->delayed_send(self, retry_interval, tick_atom_v);
    return; // jobs wait for it
  }
  if (!found->damaged.empty()) // the timer names each when its time has come
    spdlog::error("delayed messages are damaged partition={} count={} due={}",
                  id.value, found->damaged.size(),
                  found->damaged.front().first.value);
  for (auto& row : found->rows)
    note_job(row, node->now());
  auto before = pending.now();
  pending.found(*found, found->seen < limits::counted_rows);
  tell_pending(before);
  if (!pending.complete())
    self->delayed_send(self, slice_interval, tick_atom_v);
}

} // namespace callboard
