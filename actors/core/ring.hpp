// Which partition a key belongs to.
#pragma once

#include "actors/core/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace callboard {

/// The first 64 bits of MurmurHash3 x64/128, seed 0, in Cassandra's variant:
/// the up to 15 bytes behind the last whole block are sign-extended. It is what
/// Barco's clients place keys with (barco-http.md 5.2), so it cannot change.
std::int64_t murmur3_token(std::string_view key) noexcept;

/// A partition as Barco names it: a token of the ring, and a slice of its
/// range.
struct ring_slice {
  std::size_t broker = 0; // index of the token
  std::size_t range = 0;
  friend bool operator==(const ring_slice&, const ring_slice&) = default;
};

/// Where a hash lies on a ring of `brokers` tokens (3 x 2^n) with `ranges`
/// slices each (barco-http.md 5.1-5.2).
ring_slice place(std::int64_t hash, std::size_t brokers,
                 std::size_t ranges) noexcept;

/// The beginning of a token's range, on a ring of `brokers` tokens.
std::int64_t ring_token(std::size_t brokers, std::size_t index) noexcept;

/// Which partition a key belongs to. With 12 x 2^n partitions they are the four
/// slices of each of 3 x 2^n tokens, as in a Barco cluster. With any other
/// number there is one token, whose whole range is cut in equal parts: Barco's
/// own single-broker placement overflows and puts 99 % of the keys into one
/// partition; ours does not copy that.
class ring {
public:
  explicit ring(std::size_t partitions = 4) : partitions_(partitions) {}

  std::size_t partitions() const noexcept { return partitions_; }

  std::size_t tokens() const noexcept;

  partition_id partition_of(std::string_view key) const noexcept;

  /// A partition as consumers see it: partitions are numbered by token, then by
  /// range.
  ring_slice slice_of(partition_id p) const noexcept;

  /// The partition of an Event Store stream: `$$S` and the streams of S's
  /// groups lie with S, so that one record can change both.
  partition_id home_of(std::string_view stream) const noexcept;

private:
  std::size_t partitions_;
};

} // namespace callboard
