// A list for each consumer; what ended is dropped when the list changes.
#include "actors/consumer_connections.hpp"

#include <algorithm>

namespace callboard {

namespace {

bool same_owner(const consumer_connections::connection& a,
                const consumer_connections::connection& b) noexcept {
  return !a.owner_before(b) && !b.owner_before(a);
}

} // namespace

void consumer_connections::add(const consumer_key& key, reader_id reader,
                               const connection& on) {
  if (on.expired())
    return;
  auto& mine = all_[key];
  std::erase_if(mine, [&](auto& one) {
    return one.on.expired() || same_owner(one.on, on);
  });
  mine.push_back({reader, on});
}

bool consumer_connections::others(const consumer_key& key,
                                  const connection& than) const {
  auto found = all_.find(key);
  return found != all_.end()
         && std::any_of(found->second.begin(), found->second.end(),
                        [&](auto& one) {
                          return !one.on.expired() && !same_owner(one.on, than);
                        });
}

bool consumer_connections::leave(const consumer_key& key, reader_id reader) {
  auto found = all_.find(key);
  if (found == all_.end())
    return false;
  std::erase_if(found->second, [&](auto& one) {
    return one.on.expired() || one.reader == reader;
  });
  if (!found->second.empty())
    return true;
  all_.erase(found);
  return false;
}

} // namespace callboard
