// How many delayed messages of which class wait in a partition.
#pragma once

#include "actors/core/delayed_rows.hpp"
#include "actors/core/record.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace callboard {

/// What the id of a delayed message tells without its row.
enum class delayed_class : std::uint8_t {
  group, // ends of leases, retries, pauses: what groups wait for
  retention,
  publish,
  recurring,
  bulk,
  session_end,
  notice,
};

inline constexpr std::size_t delayed_classes = 7;

delayed_class class_of(delayed_id id) noexcept;

/// What is scheduled tells its kind in the last bits of its number, behind the
/// sequence that it has in the order of all.
inline constexpr unsigned scheduled_kind_bits = 2;
std::uint64_t scheduled_number(std::uint64_t sequence,
                               delayed_kind kind) noexcept;

/// Counts what is stored a slice after the other, while changes go on: those
/// of rows that were counted count, the others are still to be seen. A record
/// may erase a row that another one has erased, so counts are what is there or
/// less; never below 0.
class pending_counts {
public:
  using counts = std::array<std::int64_t, delayed_classes>;

  /// Everything up to here, in order of (due, id), is counted.
  wall_time due() const noexcept { return due_; }

  delayed_id id() const noexcept { return id_; }

  bool complete() const noexcept { return complete_; }

  /// The rows that follow, in order; `last`: no others do. What is damaged is
  /// there, too: its id is known.
  void found(const delayed_rows& what, bool last);

  /// One change of a record that was applied.
  void applied(const change& what);

  const counts& now() const noexcept { return counts_; }

private:
  void add(wall_time due, delayed_id id, std::int64_t n);

  counts counts_{};
  wall_time due_;
  delayed_id id_;
  bool complete_ = false;
};

} // namespace callboard
