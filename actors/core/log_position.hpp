// Where an event stands among all events of the node: the order of `$all`.
#pragma once

#include "actors/core/ids.hpp"

#include <cassert>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// A place in the order of all events: by the time of the record, then
/// partition, log index, and the event's place in its record. It comes from
/// what is stored, so it is the same after every restart. Also a border between
/// events: what is read forward from it begins with it, what is read backward
/// from it ends before it.
struct log_position {
  std::uint64_t at = 0;    // `record::at`, milliseconds
  std::uint64_t place = 0; // partition 12 bits, log index 38, in the record 14

  static constexpr int index_bits = 38;
  static constexpr int offset_bits = 14;

  static log_position of(wall_time at, partition_id p, log_index index,
                         std::uint64_t offset) noexcept {
    assert(p.value < 1U << 12 && index.value < std::uint64_t{1} << index_bits
           && offset < 1U << offset_bits);
    return {at.value, p.value << (index_bits + offset_bits)
                        | index.value << offset_bits | offset};
  }

  /// Behind everything that was recorded up to and including this time.
  static log_position behind(wall_time at) noexcept {
    return {at.value + 1, 0};
  }

  partition_id partition() const noexcept {
    return {place >> (index_bits + offset_bits)};
  }

  /// So many events further in the same record.
  log_position operator+(std::uint64_t events) const noexcept {
    return {at, place + events};
  }

  friend auto operator<=>(const log_position&, const log_position&) = default;
};

/// 32 upper-case hex digits, and back in either case; nothing for other text.
std::string to_string(const log_position& position);
std::optional<log_position> parse_log_position(std::string_view text);

enum class reading_order : std::uint8_t { oldest_first, newest_first };

/// Consecutive events of one stream that one record appended.
struct ordered_run {
  log_position first; // of the first event; the others follow one by one
  stream_id stream;
  event_number number; // of the first event
  std::uint64_t count = 1;

  log_position end() const noexcept { return first + count; }

  friend bool operator==(const ordered_run&, const ordered_run&) = default;
};

} // namespace callboard
