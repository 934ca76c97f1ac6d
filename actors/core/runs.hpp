// The states of one lane's events, run by run: what is not in a run is ready.
#pragma once

#include "actors/core/record.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace callboard {

/// Consecutive event numbers [first, first + count).
struct number_range {
  event_number first;
  std::uint64_t count = 0;

  event_number end() const noexcept { return first + count; }

  friend bool operator==(const number_range&, const number_range&) = default;
};

/// Maps event numbers to a state, as runs: a batch that is leased and acked
/// together costs one row each time, not one an event. Neighbours that are
/// alike are one run. Remembers which rows changed since `drain`.
///
/// Invariants: runs do not overlap, none is empty, and no two that touch could
/// be one. Deterministic; its subscription serialises calls.
class runs {
public:
  /// What the events of a run have in common. A settled run has only a state.
  /// `ticket`: leased, the lease; retry, the delayed message that it waits for,
  /// or, with nothing left to wait for (due 0), what it is to be leased with,
  /// apart from all others (0: it is not).
  struct state {
    run_state what = run_state::settled;
    std::uint32_t attempt = 0;
    lease_id ticket;
    wall_time due;
    wall_time first_lease{}; // 0: not kept

    friend bool operator==(const state&, const state&) = default;
  };

  struct run {
    event_number first;
    std::uint64_t count = 0;
    state is;

    event_number end() const noexcept { return first + count; }
  };

  /// Takes a stored row. Precondition: it overlaps nothing.
  void load(const run_row& row);

  /// Gives all events of the range this state, whatever they had.
  void assign(number_range range, const state& is);

  /// Makes all events of the range ready.
  void clear(number_range range);

  /// Forgets everything below `first`, and says how many events of it were in
  /// each state that still counted.
  struct dropped {
    std::uint64_t leased = 0;
    std::uint64_t retrying = 0;
    std::uint64_t kept = 0;
  };

  dropped forget_below(event_number first);

  /// The run that `number` is in, or nothing if it is ready.
  std::optional<run> at(event_number number) const;

  /// The first run that reaches beyond `number`, which may lie before it.
  std::optional<run> from(event_number number) const;

  /// The runs, or parts of them, within the range, in order.
  std::vector<run> within(number_range range) const;

  /// The first leased run, or part of one, from `from` on.
  std::optional<run> next_leased(event_number from) const;

  /// The first ready numbers in [from, end), as many as are consecutive.
  std::optional<number_range> first_gap(event_number from,
                                        event_number end) const;

  /// Retries that wait for nothing, in order of number.
  const std::set<event_number>& ready_retries() const noexcept {
    return ready_retries_;
  }

  std::uint64_t leased() const noexcept { return leased_; }

  std::uint64_t retrying() const noexcept { return retrying_; }

  std::uint64_t ready_to_retry() const noexcept { return ready_to_retry_; }

  std::uint64_t settled() const noexcept { return settled_; }

  std::uint64_t kept() const noexcept { return kept_; }

  std::size_t size() const noexcept { return runs_.size(); }

  /// Events that hold the ticket.
  std::uint64_t holders(lease_id ticket) const;

  /// Adds the changes since the last call, for the rows of `group`.
  void drain(group_id group, lane in, std::vector<change>& into);

  /// All runs, in order: what a group that is removed must erase.
  std::vector<run> all() const;

private:
  using run_map = std::map<event_number, std::pair<std::uint64_t, state>>;

  void insert(event_number first, std::uint64_t count, const state& is);
  run_map::iterator remove(run_map::iterator at);
  void count(const state& is, std::uint64_t events, bool add);
  void carve(number_range range);

  run_map runs_;
  std::set<event_number> ready_retries_; // first numbers of runs
  std::unordered_map<lease_id, std::uint64_t> holders_;
  std::set<event_number> touched_; // rows that changed, or may have
  std::uint64_t leased_ = 0;
  std::uint64_t retrying_ = 0;
  std::uint64_t ready_to_retry_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t kept_ = 0;
};

} // namespace callboard
