// Keys in order of age; FNV-1a over what was asked.
#include "actors/core/answer_book.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>

namespace callboard {

namespace {

constexpr std::uint64_t kept_ms = std::uint64_t(limits::answers_kept.count());

class hasher {
public:
  void add(std::uint64_t x) {
    for (int i = 0; i < 8; ++i)
      byte(std::uint8_t(x >> (8 * i)));
  }

  void add(std::string_view text) {
    add(std::uint64_t{text.size()});
    for (unsigned char c : text)
      byte(c);
  }

  std::uint64_t value() const noexcept { return hash_; }

private:
  void byte(std::uint8_t x) { hash_ = (hash_ ^ x) * 1099511628211U; }

  std::uint64_t hash_ = 14695981039346656037U;
};

} // namespace

std::uint64_t hash_of(const settle_batch& what) {
  hasher out;
  for (auto& item : what.items) {
    out.add(std::uint64_t(item.verb));
    out.add(std::uint64_t{item.id.has_value()});
    if (item.id)
      for (auto byte : item.id->bytes)
        out.add(std::uint64_t{byte});
    out.add(item.lease ? item.lease->group.value : 0);
    out.add(item.lease ? item.lease->lease.value : 0);
    out.add(item.by ? std::uint64_t(item.by->count()) + 1 : 0);
    out.add(item.words);
    if (item.trips)
      out.add(std::uint64_t{1});
  }
  if (what.trip) {
    out.add(std::uint64_t(what.trip->delay.count()));
    out.add(what.trip->words);
  }
  return out.value();
}

answer_book::answer_book(group_id group,
                         std::vector<std::pair<std::string, answer_row>> stored)
    : group_(group) {
  for (auto& [key, row] : stored) {
    by_age_.emplace(row.at, key);
    answers_.emplace(key, std::move(row));
  }
}

const answer_row* answer_book::find(const std::string& key,
                                    wall_time now) const {
  auto found = key.empty() ? answers_.end() : answers_.find(key);
  if (found == answers_.end() || found->second.at + kept_ms <= now)
    return nullptr;
  return &found->second;
}

void answer_book::put(const std::string& key, answer_row row,
                      std::vector<change>& into) {
  auto erase_age_of = [&](const std::string& whose, wall_time at) {
    auto [first, last] = by_age_.equal_range(at);
    by_age_.erase(std::find_if(first, last,
                               [&](auto& one) { return one.second == whose; }));
  };
  auto now = row.at;
  if (auto known = answers_.find(key); known != answers_.end()) {
    erase_age_of(key, known->second.at);
    answers_.erase(known);
  }
  into.emplace_back(put_answer{group_, key, row});
  by_age_.emplace(row.at, key);
  answers_.emplace(key, std::move(row));
  for (auto left = limits::forgotten_rows_max; left > 0; --left) {
    auto oldest = by_age_.begin();
    if (answers_.size() <= limits::answers_max && oldest->first + kept_ms > now)
      break;
    into.emplace_back(erase_answer{group_, oldest->second});
    answers_.erase(oldest->second);
    by_age_.erase(oldest);
  }
}

std::vector<change> answer_book::remove() const {
  std::vector<change> out;
  for (auto& [key, row] : answers_)
    out.emplace_back(erase_answer{group_, key});
  return out;
}

std::string to_bytes(std::span<const settle_outcome> outcomes) {
  std::string out;
  for (auto one : outcomes)
    out.push_back(static_cast<char>(one));
  return out;
}

std::vector<settle_outcome> to_outcomes(std::string_view bytes) {
  std::vector<settle_outcome> out;
  for (auto byte : bytes)
    out.push_back(static_cast<settle_outcome>(byte));
  return out;
}

} // namespace callboard
