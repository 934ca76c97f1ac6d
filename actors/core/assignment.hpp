// Which member of a consumer group reads which partition.
#pragma once

#include "actors/core/ids.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// A topic's part in one partition.
struct topic_slice {
  std::string topic;
  partition_id partition;

  friend auto operator<=>(const topic_slice&, const topic_slice&) = default;
};

/// A member and the topics that it named; the views live as long as the call.
struct group_consumer {
  std::string_view name;
  const std::vector<std::string>* topics = nullptr;
};

/// Deals the partitions of each topic out to the members that named it: with n
/// of them in order of their names, partition k goes to member k mod n
/// (barco-http.md 3.8, for each topic alone as in 6.4). Every slice of a topic
/// has exactly one owner; members beyond the number of partitions get none.
/// The result is by member, as given; slices in order of (partition, topic).
/// Of two members with one name the first comes first; else the order in which
/// they are given does not matter.
std::vector<std::vector<topic_slice>>
assign(const std::vector<group_consumer>& members, std::size_t partitions);

} // namespace callboard
