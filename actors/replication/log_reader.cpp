// The run that was used last is the likeliest.
#include "actors/replication/log_reader.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace callboard {

std::optional<log_entry> log_reader::find(entry_index index) {
  auto found = std::ranges::find_if(runs_, [index](auto& one) {
    return index >= one.first && index - one.first < one.entries.size();
  });
  if (found != runs_.end()) {
    runs_.splice(runs_.begin(), runs_, found);
    return found->entries[index - found->first];
  }
  auto some = read_(index);
  if (!some || some->empty()) {
    if (!some && some.error() != errc::not_found)
      spdlog::error("cannot read the log for another node index={} error={}",
                    index, to_string(some.error()));
    return std::nullopt;
  }
  run next{index, std::move(*some), 0};
  for (auto& one : next.entries)
    next.bytes += sizeof one + (one.payload ? one.payload->size() : 0);
  bytes_ += next.bytes;
  runs_.push_front(std::move(next));
  while (runs_.size() > 1 && bytes_ > bytes_max_) {
    bytes_ -= runs_.back().bytes;
    runs_.pop_back();
  }
  return runs_.front().entries.front();
}

void log_reader::forget(entry_index from) {
  std::erase_if(runs_, [&](auto& one) {
    bool stale = one.first + one.entries.size() > from;
    if (stale)
      bytes_ -= one.bytes;
    return stale;
  });
}

void log_reader::clear() {
  runs_.clear();
  bytes_ = 0;
}

} // namespace callboard
