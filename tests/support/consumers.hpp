// Producing to topics and consuming them, in a world without sockets.
#pragma once

#include "actors/core/topics.hpp"
#include "tests/support/world.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test {

/// A record as it was received.
struct received {
  std::string topic;
  std::uint64_t partition = 0;
  std::uint64_t number = 0;
  std::string data;
  friend bool operator==(const received&, const received&) = default;
};

inline std::vector<received> records_of(const poll_reply& reply) {
  std::vector<received> out;
  for (auto& [from, records] : reply.chunks)
    for (auto& one : records)
      out.push_back(
        {from.topic, from.partition.value, one->number.value, one->data});
  return out;
}

inline result<append_reply> produce(world& w, const std::string& topic,
                                    std::uint64_t partition,
                                    std::vector<std::string> records) {
  append_request what{topic_stream(w.node->placement, topic, {partition}),
                      expected_version::any,
                      {},
                      {}};
  for (auto& one : records)
    what.events.push_back(
      {world::id(w.next_id++), "message", std::move(one), "", true});
  return w.vt->ask<append_reply>(w.broker.routes->partitions[partition],
                                 append_atom_v, std::move(what));
}

/// What a stream of the first partition has below `first` is gone.
inline void truncate(world& w, const std::string& stream, std::uint64_t first) {
  append_request cut{"$$" + stream, expected_version::any, {}, stream_policy{}};
  cut.policy->truncate_before = first;
  cut.events.push_back({world::id(1'000'000), "$metadata", "{}", "", true});
  w.vt
    ->ask<append_reply>(w.broker.routes->partitions[0], append_atom_v,
                        std::move(cut))
    .value();
}

/// A group `g` reads a stream of the first partition from its beginning.
inline void open_reading(world& w, const std::string& stream) {
  w.vt
    ->ask<bool>(w.broker.routes->partitions[0], open_atom_v,
                open_readers{"g", {stream}, start_policy::earliest})
    .value();
}

inline result<join_reply> join(world& w, const std::string& id,
                               std::vector<std::string> topics = {"t"},
                               start_policy from = start_policy::earliest,
                               std::string group = "g") {
  return w.vt->ask<join_reply>(
    w.broker.members, join_atom_v,
    join_request{{id, {}}, std::move(group), std::move(topics), from});
}

inline result<poll_reply_ptr> poll(world& w, const std::string& id,
                                   reader_id reader = {}) {
  return w.vt->ask<poll_reply_ptr>(w.broker.members, poll_atom_v,
                                   poll_request{{{id, {}}, reader}, {}, 0});
}

inline std::vector<received> take(world& w, const std::string& id) {
  return records_of(**poll(w, id));
}

inline result<bool> commit(world& w, const std::string& id) {
  return w.vt->ask<bool>(w.broker.members, commit_atom_v,
                         consumer_ref{{id, {}}, {}});
}

inline result<bool> leave(world& w, const std::string& id, bool commit = true) {
  return w.vt->ask<bool>(w.broker.members, leave_atom_v,
                         consumer_ref{{id, {}}, {}}, commit);
}

} // namespace callboard::test
