// Strong types for identities, positions and time: no bare integers above here.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// An integer that cannot be mixed up with another one.
template <class Tag>
struct strong_id {
  std::uint64_t value = 0;
  friend auto operator<=>(strong_id, strong_id) = default;

  template <class Stream>
  friend Stream& operator<<(Stream& out, strong_id x) {
    out << x.value;
    return out;
  }

  template <class Inspector>
  friend auto inspect(Inspector& f, strong_id& x) {
    return f(x.value);
  }
};

/// A slice of the key space with one log; 0 ... partitions - 1.
using partition_id = strong_id<struct partition_tag>;

/// Position in a partition's log; the first entry has index 1, 0 is before it.
using log_index = strong_id<struct log_tag>;

/// A stream within its partition; never reused. The name is for people.
using stream_id = strong_id<struct stream_tag>;

/// Position of an event in its stream, from 0.
using event_number = strong_id<struct number_tag>;

/// A subscription group within its partition; never reused: a group that is
/// deleted and created again has another one.
using group_id = strong_id<struct group_tag>;

/// What one delivery to one consumer promised; never reused in its group.
using lease_id = strong_id<struct lease_tag>;

/// A delayed message within its partition; never reused.
using delayed_id = strong_id<struct delayed_tag>;

/// Milliseconds since 1970: the only time that is stored. `core/clock.hpp` says
/// which clock; nothing in core reads one, time is always an argument.
using wall_time = strong_id<struct wall_tag>;

constexpr event_number operator+(event_number x, std::uint64_t n) noexcept {
  return {x.value + n};
}

/// Milliseconds, as a duration of stored time.
constexpr wall_time operator+(wall_time x,
                              std::uint64_t milliseconds) noexcept {
  return {x.value + milliseconds};
}

/// The id of an event, as its publisher chose it (a GUID in the dialects).
struct uuid {
  std::array<std::uint8_t, 16> bytes{};
  friend auto operator<=>(const uuid&, const uuid&) = default;

  bool is_zero() const noexcept { return *this == uuid{}; }
};

/// What ids are hashed with, drawn anew by each process: nothing may depend on
/// a hash, nor on the order of a table that is made with it.
struct hash_key {
  __extension__ using number = unsigned __int128;
  number sum = 0;
  number low = 0;
  number high = 0;
};

extern const hash_key uuid_hash_key;

/// `8-4-4-4-12` lower-case hex digits.
std::string to_string(const uuid& id);

/// Reads every spelling that .NET's parser takes: 32 digits, 8-4-4-4-12, the
/// same in {} or (), the hex-struct form; any case, white space around it.
/// The first three groups are big-endian as written, so printing gives back
/// what was read. Nothing if the text is none of these.
std::optional<uuid> parse_uuid(std::string_view text);

} // namespace callboard

template <class Tag>
struct std::hash<callboard::strong_id<Tag>> {
  std::size_t operator()(callboard::strong_id<Tag> x) const noexcept {
    return std::hash<std::uint64_t>{}(x.value);
  }
};

template <>
struct std::hash<callboard::uuid> {
  // Clients choose ids, so they must not know which ones collide. Multilinear
  // hashing (Lemire and Kaser, "Strongly universal string hashing is fast",
  // 2014): of any two ids that were chosen without the key, with a chance of
  // 2^-64.
  std::size_t operator()(const callboard::uuid& id) const noexcept {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::memcpy(&low, id.bytes.data(), 8);
    std::memcpy(&high, id.bytes.data() + 8, 8);
    auto& key = callboard::uuid_hash_key;
    return std::size_t((key.sum + key.low * low + key.high * high) >> 64);
  }
};
