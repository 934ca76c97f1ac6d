// Two rules and their numbers.
#include "persistence/flush_timing.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>

namespace callboard {

namespace {

constexpr std::size_t small_flush_bytes = std::size_t{512} << 10;
constexpr std::size_t flush_bytes_per_stream = std::size_t{16} << 10;
constexpr auto quick_flush = std::chrono::milliseconds{10};
constexpr int rests = 3;

} // namespace

bool worth_flushing(const flush_need& need) noexcept {
  auto worth =
    std::max(small_flush_bytes, need.streams * flush_bytes_per_stream);
  return need.bytes
         >= (need.resting ? need.bytes_max : std::min(need.bytes_max, worth));
}

std::chrono::nanoseconds rest_after(std::chrono::nanoseconds spent,
                                    bool succeeded) noexcept {
  if (!succeeded)
    return limits::flush_interval;
  return spent <= quick_flush ? std::chrono::nanoseconds{} : spent * rests;
}

} // namespace callboard
