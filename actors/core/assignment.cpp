// Members by name, partitions round robin.
#include "actors/core/assignment.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace callboard {

std::vector<std::vector<topic_slice>>
assign(const std::vector<group_consumer>& members, std::size_t partitions) {
  std::map<std::string_view, std::vector<std::size_t>> readers; // by topic
  for (std::size_t m = 0; m < members.size(); ++m)
    for (auto& topic : *members[m].topics) {
      auto& of_it = readers[topic];
      if (of_it.empty() || of_it.back() != m) // a topic may be named twice
        of_it.push_back(m);
    }
  std::vector<std::vector<topic_slice>> out(members.size());
  for (auto& [topic, of_it] : readers) {
    // Those behind them read nothing, and may be thousands.
    auto reading = std::min(of_it.size(), partitions);
    std::partial_sort(of_it.begin(), of_it.begin() + std::ptrdiff_t(reading),
                      of_it.end(), [&](std::size_t a, std::size_t b) {
                        return std::tie(members[a].name, a)
                               < std::tie(members[b].name, b);
                      });
    for (std::size_t p = 0; p < partitions; ++p)
      out[of_it[p % of_it.size()]].push_back({std::string{topic}, {p}});
  }
  for (auto& slices : out)
    std::sort(slices.begin(), slices.end(), [](auto& a, auto& b) {
      return std::tie(a.partition, a.topic) < std::tie(b.partition, b.topic);
    });
  return out;
}

} // namespace callboard
