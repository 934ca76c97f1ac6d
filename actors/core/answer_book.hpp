// What settles with an idempotency key were answered.
#pragma once

#include "actors/core/group_requests.hpp"
#include "actors/core/record.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace callboard {

/// A hash of what a batch asks to be settled: equal for a repeat. `next` does
/// not count, as a repeat may wait for another time.
std::uint64_t hash_of(const settle_batch& what);

/// The answers of one group, bounded in number and age
/// (`limits::answers_max`, `answers_kept`): the oldest go first, with the
/// records of later ones. Deterministic; its group serialises calls.
class answer_book {
public:
  answer_book() = default;
  /// From the rows.
  answer_book(group_id group,
              std::vector<std::pair<std::string, answer_row>> stored);

  /// What this key was answered lately, in answer to anything. Nothing: it is
  /// new, or too old.
  const answer_row* find(const std::string& key, wall_time now) const;

  /// Adds an answer, or replaces that of its key; adds to `into` what is to be
  /// recorded with it.
  void put(const std::string& key, answer_row row, std::vector<change>& into);

  /// What erases all.
  std::vector<change> remove() const;

private:
  group_id group_;
  std::map<std::string, answer_row> answers_;
  std::multimap<wall_time, std::string> by_age_;
};

/// One byte an item, as an `answer_row` stores them, and back.
std::string to_bytes(std::span<const settle_outcome> outcomes);
std::vector<settle_outcome> to_outcomes(std::string_view bytes);

} // namespace callboard
