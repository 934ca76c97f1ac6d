// Packing.
#include "actors/core/kept_history.hpp"

#include <algorithm>

namespace callboard {

namespace {

constexpr std::uint64_t minute_ms = 60'000;

constexpr std::uint64_t count_max = (std::uint64_t{1} << 15) - 1;
constexpr std::uint64_t due_max = (std::uint64_t{1} << 24) - 1;

} // namespace

void kept_history::push(const kept_row& row) {
  if (rows_.empty())
    base_ = row.due;
  auto after = row.due > base_ ? row.due.value - base_.value : 0;
  auto minutes = (after + minute_ms - 1) / minute_ms; // not earlier
  std::uint64_t replay = row.first.in == lane::replay ? 1 : 0;
  std::uint64_t was_open = row.was_open ? 1 : 0;
  rows_.push_back({row.first.number.value << 17 | replay << 16
                     | std::min(row.count, count_max) << 1 | was_open,
                   row.lease.value << 24 | std::min(minutes, due_max)});
}

kept_row kept_history::pop() {
  auto out = unpacked(rows_.front());
  rows_.pop_front();
  return out;
}

kept_row kept_history::unpacked(const packed& row) const {
  kept_row out;
  bool replay = (row.what >> 16 & 1) != 0;
  out.first = {replay ? lane::replay : lane::source, {row.what >> 17}};
  out.lease = {row.lease >> 24};
  out.count = row.what >> 1 & count_max;
  out.due = base_ + (row.lease & due_max) * minute_ms;
  out.was_open = (row.what & 1) != 0;
  return out;
}

} // namespace callboard
