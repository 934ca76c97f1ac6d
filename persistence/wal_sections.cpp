// Growing at the end, cut at the end, dropped at the front.
#include "persistence/wal_sections.hpp"

#include <algorithm>
#include <string>

namespace callboard {

namespace {

/// A section takes no more frames from here on: so much is read at once.
constexpr std::size_t section_bytes = std::size_t{64} << 10;

} // namespace

void wal_sections::add(std::uint64_t file, std::size_t at, std::size_t bytes,
                       std::span<const log_index> indexes) {
  for (std::size_t k = 0; k < indexes.size(); ++k) {
    auto index = indexes[k];
    cut(std::max(index, from_));
    if (index < from_)
      continue;
    auto* last = sections_.empty() ? nullptr : &sections_.back();
    if (last && last->end != index) {
      sections_.clear(); // nobody knows what lay between
      last = nullptr;
    }
    bool in_frame = last && last->file == file && last->at + last->bytes > at;
    bool behind = last && last->file == file && last->at + last->bytes == at
                  && last->bytes < section_bytes;
    // What was cut off lies between it and this frame, or this entry.
    bool whole = last && !cut_;
    if (whole && (in_frame || behind)) {
      last->end = {index.value + 1};
      last->bytes = at + bytes - last->at;
    } else
      sections_.push_back({index, {index.value + 1}, file, at, bytes, k});
    cut_ = false;
  }
}

void wal_sections::cut(log_index from) {
  while (!sections_.empty() && sections_.back().first >= from) {
    sections_.pop_back();
    cut_ = true;
  }
  if (!sections_.empty() && sections_.back().end > from) {
    sections_.back().end = from;
    cut_ = true;
  }
}

void wal_sections::drop(std::uint64_t file) {
  while (!sections_.empty() && sections_.front().file <= file)
    sections_.pop_front();
}

std::optional<wal_section> wal_sections::find(log_index index) const {
  auto behind = std::upper_bound(
    sections_.begin(), sections_.end(), index,
    [](log_index i, auto& section) { return i < section.first; });
  if (behind == sections_.begin() || std::prev(behind)->end <= index)
    return std::nullopt;
  return *std::prev(behind);
}

std::optional<log_index> wal_sections::first() const {
  return sections_.empty() ? std::optional<log_index>{}
                           : sections_.front().first;
}

result<std::vector<journal_entry>> read_section(std::string_view bytes,
                                                std::uint64_t file,
                                                const wal_section& where,
                                                log_index from) {
  std::vector<journal_entry> out;
  auto next = where.first;
  auto skip = where.skip;
  for (std::size_t at = 0; next < where.end;) {
    auto frame = wal_format::read_frame(bytes, file, at);
    auto entries =
      frame ? wal_format::read_entries(frame->entries)
            : result<std::vector<wal_format::entry_view>>{errc::corrupt};
    if (!entries)
      return errc::corrupt;
    for (auto k = skip; k < entries->size() && next < where.end; ++k) {
      auto& entry = (*entries)[k];
      if (entry.index != next)
        return errc::corrupt;
      if (next >= from)
        out.push_back(
          {entry.partition, next, entry.term, std::string{entry.body}});
      next = {next.value + 1};
    }
    skip = 0;
    at = frame->end;
  }
  return out;
}

} // namespace callboard
