// Rows of consumers, their groups, and when each of them was heard of last.
#include "actors/core/membership.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>

namespace callboard {

namespace {

constexpr delayed_id session_end_of(std::uint64_t number) noexcept {
  return {delayed_ids::sessions | number};
}

} // namespace

membership::membership(std::size_t partitions,
                       std::chrono::milliseconds silence_max)
    : partitions_(partitions), silence_ms_(std::uint64_t(silence_max.count())) {
}

void membership::load(consumer_key key, consumer_row row, wall_time now) {
  last_number_ = std::max(last_number_, row.number);
  groups_[row.group].insert(key);
  consumers_.insert_or_assign(std::move(key), entry{std::move(row), now});
}

put_delayed membership::end_of(const consumer_key& key,
                               const consumer_row& row) const {
  return {{session_end_of(row.number), row.silent_until,
           delayed_kind::session_end, key.id, key.bound_group, row.number}};
}

join_outcome membership::outcome_of(const join_request& what) const {
  auto found = consumers_.find(what.key);
  if (found == consumers_.end())
    return consumers_.size() < limits::consumers_max ? join_outcome::joined
                                                     : join_outcome::too_many;
  auto& row = found->second.row;
  if (row.group == what.group && row.topics == what.topics)
    return join_outcome::already;
  return row.group == what.group && !what.key.bound_group.empty()
             && !what.shared
           ? join_outcome::joined
           : join_outcome::different;
}

membership::decision membership::join(const join_request& what, wall_time now) {
  decision out{outcome_of(what), {}};
  auto found = consumers_.find(what.key);
  if (found == consumers_.end()) {
    if (out.outcome != join_outcome::joined)
      return out;
    consumer_row row{what.group, what.topics, last_number_ + 1,
                     now + silence_ms_};
    out.changes.emplace_back(end_of(what.key, row));
    out.changes.emplace_back(put_consumer{what.key, row});
    load(what.key, std::move(row), now);
    return out;
  }
  if (out.outcome == join_outcome::different)
    return out;
  auto& [row, seen, waits] = found->second;
  seen = now;
  if (out.outcome == join_outcome::joined) {
    row.topics = what.topics;
    out.changes.emplace_back(put_consumer{what.key, row});
  }
  return out;
}

void membership::drop(entries::iterator who) {
  auto group = groups_.find(who->second.row.group);
  group->second.erase(who->first);
  if (group->second.empty())
    groups_.erase(group);
  consumers_.erase(who);
}

std::vector<change> membership::leave(const consumer_key& key) {
  auto found = consumers_.find(key);
  if (found == consumers_.end())
    return {};
  auto& row = found->second.row;
  std::vector<change> out{
    erase_consumer{key},
    erase_delayed{row.silent_until, session_end_of(row.number)}};
  drop(found);
  return out;
}

membership::expiry membership::fire(const delayed_message& message,
                                    wall_time now) {
  expiry out;
  out.changes.emplace_back(erase_delayed{message.due, message.id});
  auto found = consumers_.find({message.stream, message.group});
  if (found == consumers_.end() || found->second.row.number != message.subject
      || found->second.row.silent_until != message.due)
    return out; // of one who left
  auto& [row, seen, waits] = found->second;
  if (waits > 0)
    seen = now;
  if (seen + silence_ms_ <= now) {
    out.changes.emplace_back(erase_consumer{found->first});
    out.group = row.group;
    drop(found);
    return out;
  }
  row.silent_until = seen + silence_ms_;
  out.changes.emplace_back(end_of(found->first, row));
  out.changes.emplace_back(put_consumer{found->first, row});
  return out;
}

bool membership::touch(const consumer_key& key, wall_time now) {
  auto found = consumers_.find(key);
  if (found == consumers_.end())
    return false;
  found->second.seen = now;
  return true;
}

void membership::begin_wait(const consumer_key& key) {
  if (auto found = consumers_.find(key); found != consumers_.end())
    ++found->second.waits;
}

/// It may have begun before the consumer was loaded, or registered anew.
void membership::end_wait(const consumer_key& key, wall_time now) {
  auto found = consumers_.find(key);
  if (found == consumers_.end() || found->second.waits == 0)
    return;
  --found->second.waits;
  found->second.seen = now;
}

const consumer_row* membership::find(const consumer_key& key) const {
  auto found = consumers_.find(key);
  return found == consumers_.end() ? nullptr : &found->second.row;
}

std::vector<consumer_key> membership::all() const {
  std::vector<consumer_key> out;
  out.reserve(consumers_.size());
  for (auto& [key, known] : consumers_)
    out.push_back(key);
  return out;
}

membership::assignment membership::assigned(std::string_view group) const {
  auto found = groups_.find(group);
  if (found == groups_.end())
    return {};
  assignment out;
  std::vector<group_consumer> members;
  for (auto& key : found->second) { // by id: in order of their names
    out.emplace_back(key, std::vector<topic_slice>{});
    members.push_back({key.id, &consumers_.find(key)->second.row.topics});
  }
  auto slices = assign(members, partitions_);
  for (std::size_t m = 0; m < out.size(); ++m)
    out[m].second = std::move(slices[m]);
  return out;
}

} // namespace callboard
