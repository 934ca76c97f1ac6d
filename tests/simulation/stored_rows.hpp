// What the records of a partition's log add up to, without LMDB.
#pragma once

#include "actors/core/record.hpp"
#include "actors/core/requests.hpp"

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace callboard::test {

/// The events and rows of one partition.
struct stored_rows {
  using lane_runs = std::map<std::uint64_t, run_row>; // by first number

  std::map<std::string, stream_row> streams;
  std::map<std::uint64_t, std::vector<event_ptr>> events; // by stream id
  std::map<group_key, group_row> groups;
  std::map<std::pair<std::uint64_t, lane>, lane_runs> runs; // by group id
  std::map<std::pair<std::uint64_t, std::uint64_t>, delayed_message> delayed;
  std::map<consumer_key, consumer_row> consumers;
  std::map<std::pair<std::string, std::string>, event_number>
    positions; // by consumer group and stream
  std::map<std::tuple<std::uint64_t, lane, std::uint64_t, std::uint64_t>,
           history_row>
    history; // by group id, lane, first number and lease
  std::uint64_t last_stream = 0;
  std::uint64_t last_group = 0;
  wall_time last_time;
  log_index applied; // records

  void apply(const record& what) {
    for (auto& [stream, e] : what.events)
      events[stream.value].push_back(e);
    for (auto& one : what.changes)
      std::visit([this](auto& x) { put(x); }, one);
    last_time = std::max(last_time, what.at);
    applied = {applied.value + 1};
  }

  /// Null: not there, or not to be read any more.
  event_ptr find(const std::string& stream, event_number n) const {
    auto row = streams.find(stream);
    if (row == streams.end() || n >= row->second.next
        || n < row->second.first_live)
      return nullptr;
    return events.at(row->second.id.value).at(n.value);
  }

  /// The run that an event of the group is in; null: in none.
  const run_row* run_of(group_id group, lane in, event_number n) const {
    auto found = runs.find({group.value, in});
    if (found == runs.end())
      return nullptr;
    auto next = found->second.upper_bound(n.value);
    if (next == found->second.begin())
      return nullptr;
    auto& run = std::prev(next)->second;
    return n < run.first + run.count ? &run : nullptr;
  }

  /// One record that would make the same of an empty partition: two are equal
  /// if, as bytes, these are.
  record whole() const {
    record out;
    out.at = last_time;
    for (auto& [id, all] : events)
      for (auto& e : all)
        out.events.push_back({{id}, e});
    for (auto& [name, row] : streams)
      out.changes.emplace_back(put_stream{name, row});
    for (auto& [key, row] : groups)
      out.changes.emplace_back(put_group{key.stream, key.group, row});
    for (auto& [of, all] : runs)
      for (auto& [first, row] : all)
        out.changes.emplace_back(put_run{{of.first}, row});
    for (auto& [at, row] : history)
      out.changes.emplace_back(put_history{{std::get<0>(at)}, row});
    for (auto& [due, message] : delayed)
      out.changes.emplace_back(put_delayed{message});
    for (auto& [key, row] : consumers)
      out.changes.emplace_back(put_consumer{key, row});
    for (auto& [of, next] : positions)
      out.changes.emplace_back(put_position{of.first, of.second, next});
    return out;
  }

private:
  void put(const put_stream& x) {
    streams[x.name] = x.row;
    last_stream = std::max(last_stream, x.row.id.value);
  }

  void put(const put_group& x) {
    groups[{x.stream, x.group}] = x.row;
    last_group = std::max(last_group, x.row.id.value);
  }

  void put(const erase_group& x) { groups.erase({x.stream, x.group}); }

  void put(const put_run& x) {
    runs[{x.group.value, x.row.in}][x.row.first.value] = x.row;
  }

  void put(const erase_run& x) {
    runs[{x.group.value, x.in}].erase(x.first.value);
  }

  void put(const put_delayed& x) {
    delayed[{x.message.due.value, x.message.id.value}] = x.message;
  }

  void put(const erase_delayed& x) { delayed.erase({x.due.value, x.id.value}); }

  void put(const put_history& x) {
    history[{x.group.value, x.row.in, x.row.first.value, x.row.lease.value}] =
      x.row;
  }

  void put(const erase_history& x) {
    history.erase({x.group.value, x.in, x.first.value, x.lease.value});
  }

  void put(const put_consumer& x) { consumers[x.key] = x.row; }

  void put(const erase_consumer& x) { consumers.erase(x.key); }

  void put(const put_position& x) { positions[{x.group, x.stream}] = x.next; }

  template <class Other>
  void put(const Other&) {} // what the promises do not rest on
};

} // namespace callboard::test
