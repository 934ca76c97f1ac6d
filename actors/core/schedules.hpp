// What is scheduled in a partition, with all that was decided and not recorded.
#pragma once

#include "actors/core/pending_counts.hpp"
#include "actors/core/scheduled.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace callboard {

/// Decides what is scheduled under which id. Each is three kinds of rows: the
/// row under its id, its delayed message, and pieces with what it carries; the
/// pieces lie under the message's id, which stays the same when it is moved.
///
///     (none) --add--> scheduled --move--> scheduled --erase--> (none)
///
/// Only what was looked up and what is on its way to the disk is in memory: the
/// shell loads an id before anything is decided about it, and says what was
/// applied. If something cannot be recorded, the shell drops this whole object.
/// Deterministic: no I/O, no clock, no threads; its actor serialises calls.
class schedules {
public:
  /// `highest`: as `used_ids::schedules` has it.
  explicit schedules(std::uint64_t highest)
      : last_(highest >> scheduled_kind_bits) {}

  /// As it will be once everything decided is recorded.
  struct state {
    scheduled_row row;
    delayed_message message;
  };

  bool knows(const uuid& id) const { return known_.contains(id); }

  /// Takes what is stored under an id that is not known.
  void load(const uuid& id, std::optional<state> stored);

  /// Null: nothing is scheduled under this id. The id must be known.
  const state* find(const uuid& id) const;

  /// Whether the message is still the one of its id, so that it may take
  /// effect.
  bool is_current(const uuid& id, const delayed_message& message) const;

  /// Schedules something under an id that is free. `subject` is the message's.
  /// Returns the number of its message.
  delayed_id add(const uuid& id, delayed_message message, std::string_view what,
                 record& into);

  /// Puts another message in the place of that of an id: other times, counts.
  /// Its id stays.
  void replace(const uuid& id, delayed_message message, record& into);

  /// Takes everything of an id away.
  void erase(const uuid& id, record& into);

  /// What `in_flight` was about has been applied.
  void applied(const change& what);

  /// Forgets an id if nothing about it is on its way.
  void let_go(const uuid& id);

  std::size_t size() const noexcept { return known_.size(); }

private:
  struct entry {
    std::optional<state> now;
    std::size_t in_flight = 0; // records about it that are not applied
  };

  void applied_one(const uuid& id);

  std::uint64_t last_;
  std::unordered_map<uuid, entry> known_;
};

} // namespace callboard
