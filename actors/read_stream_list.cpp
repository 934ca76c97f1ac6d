// Names of streams of all partitions, a page at a time.
#include "actors/read_all.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace callboard {

namespace {

constexpr std::string_view behind_system = "$\xff"; // no UTF-8 begins so

using named_rows = std::vector<std::pair<std::string, stream_row>>;

/// Streams of one partition, over the system's if they are not wanted.
result<named_rows> streams_of(const reading& from, partition_id p,
                              const streams_request& what) {
  auto wanted = what.count + 1; // to know whether there is more
  auto some = from.db.streams(p, what.after, wanted);
  if (!some || what.system)
    return some;
  auto system = std::find_if(some->begin(), some->end(), [](auto& one) {
    return one.first.starts_with('$');
  });
  if (system == some->end())
    return some;
  some->erase(system, some->end());
  auto rest = from.db.streams(p, behind_system, wanted - some->size());
  if (!rest)
    return rest;
  std::move(rest->begin(), rest->end(), std::back_inserter(*some));
  return some;
}

} // namespace

result<stream_list> list_streams(const reading& from,
                                 const streams_request& what) {
  named_rows all;
  for (std::size_t p = 0; p < from.placement.partitions(); ++p) {
    auto some = streams_of(from, {p}, what);
    if (!some)
      return some.error();
    std::move(some->begin(), some->end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(),
            [](auto& x, auto& y) { return x.first < y.first; });
  stream_list out;
  if (all.size() > what.count) {
    all.resize(what.count);
    out.next = all.back().first;
  }
  for (auto& [name, row] : all)
    if (row.state == stream_state::live && row.next.value > 0)
      out.streams.push_back({std::move(name), {row.next.value - 1}});
  return out;
}

} // namespace callboard
