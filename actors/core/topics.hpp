// Topics of the Barco dialect, and the streams that are their parts.
#pragma once

#include "actors/core/ring.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// A topic lies in all partitions, one sequence of events in each. Its part in
/// partition p is the stream `T@p`, except where T itself is at home
/// (`ring::home_of`): there the part is the stream T. So every stream is a part
/// of some topic, and its name alone decides its partition.
///
/// The mark `@p` stands behind what decides T's home: at the end, or before the
/// first `::` (`a@2::b` is a part of `a::b`), for the reason that
/// `home_stream` gives.
std::string topic_stream(const ring& placement, std::string_view topic,
                         partition_id part);

struct topic_part {
  std::string topic;
  partition_id partition;
  friend bool operator==(const topic_part&, const topic_part&) = default;
};

/// Of which topic this stream is which part.
topic_part part_of(const ring& placement, std::string_view stream);

/// The name that a stream is stored by: `T@p` is T if that is at home in p,
/// also in `$$T@p` and in the names of streams of T's groups. Others stay.
std::string canonical_stream(const ring& placement, std::string_view stream);

/// Whether the name could be taken for a part of another topic: it ends in `@`
/// and digits, as a whole or before its first `::`.
bool looks_like_part(std::string_view topic) noexcept;

} // namespace callboard
