// The key layout: big-endian, so that byte order is the order of the numbers.
#pragma once

#include "actors/core/log_position.hpp"
#include "actors/core/record.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace callboard::keys {

/// All keys but those of `meta` and `users` begin with the partition, 2 bytes.
///
///     applied       -                                 how far LMDB is complete
///     streams       name
///     names         stream 8                          its name
///     events        stream 8, first number 8, piece 2 a block (blocks.hpp)
///     order         time 8, place 8                   a block
///                                                     (order_blocks.hpp)
///     recent_ids    sequence 8                        some ids, in log order
///     groups        stream name, 0, group name
///     group_events  group 8, lane 1, first number 8   a run
///     delayed       due 8, id 8
///     trims         stream 8                          blocks below this number
///                                                     are due
///     users         login
///     consumers     bound group, 0, id                in partition 0
///     positions     consumer group, 0, stream name    its next number
///     history       group 8, lane 1, first number 8, lease 8
///     scheduled     event id 16
///     pieces        delayed id 8, piece 4
///     answers       group 8, key
///     meta          "format"

inline void append(std::string& out, std::uint64_t x, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((x >> shift) & 0xff));
}

inline std::uint64_t number(std::string_view in, std::size_t at, int bytes) {
  std::uint64_t x = 0;
  for (int i = 0; i < bytes; ++i)
    x = (x << 8) | static_cast<unsigned char>(in[at + std::size_t(i)]);
  return x;
}

inline std::string partition(partition_id p) {
  std::string key;
  append(key, p.value, 2);
  return key;
}

inline std::string stream(partition_id p, std::string_view name) {
  return partition(p).append(name);
}

inline std::string block(partition_id p, stream_id s, event_number first,
                         std::uint16_t piece = 0) {
  auto key = partition(p);
  key.reserve(20);
  append(key, s.value, 8);
  append(key, first.value, 8);
  append(key, piece, 2);
  return key;
}

inline constexpr std::size_t block_bytes = 20;

inline std::string recent_ids(partition_id p, std::uint64_t sequence) {
  auto key = partition(p);
  append(key, sequence, 8);
  return key;
}

inline std::string group(partition_id p, std::string_view stream_name,
                         std::string_view name) {
  auto key = partition(p);
  key.append(stream_name).push_back('\0');
  return key.append(name);
}

/// Neither of the two parts may have a NUL inside.
inline std::string consumer(partition_id p, const consumer_key& who) {
  auto key = partition(p);
  key.append(who.bound_group).push_back('\0');
  return key.append(who.id);
}

inline std::string positions(partition_id p, std::string_view group_name) {
  auto key = partition(p);
  key.append(group_name).push_back('\0');
  return key;
}

inline std::string position(partition_id p, std::string_view group_name,
                            std::string_view stream_name) {
  return positions(p, group_name).append(stream_name);
}

inline std::string runs(partition_id p, group_id g) {
  auto key = partition(p);
  append(key, g.value, 8);
  return key;
}

inline std::string run(partition_id p, group_id g, lane in,
                       event_number first) {
  auto key = runs(p, g);
  append(key, std::uint64_t(in), 1);
  append(key, first.value, 8);
  return key;
}

inline std::string delayed(partition_id p, wall_time due, delayed_id id) {
  auto key = partition(p);
  append(key, due.value, 8);
  append(key, id.value, 8);
  return key;
}

/// All of a group's lane from `first` on.
inline std::string history(partition_id p, group_id g, lane in,
                           event_number first) {
  return run(p, g, in, first);
}

inline std::string history(partition_id p, group_id g, lane in,
                           event_number first, lease_id lease) {
  auto key = history(p, g, in, first);
  append(key, lease.value, 8);
  return key;
}

inline std::string scheduled(partition_id p, const uuid& id) {
  auto key = partition(p);
  key.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  return key;
}

inline std::string piece(partition_id p, delayed_id of, std::uint32_t number) {
  auto key = partition(p);
  append(key, of.value, 8);
  append(key, number, 4);
  return key;
}

inline std::string answer(partition_id p, group_id g, std::string_view key) {
  return runs(p, g).append(key);
}

inline std::string trim(partition_id p, stream_id s) {
  auto key = partition(p);
  append(key, s.value, 8);
  return key;
}

inline std::string name(partition_id p, stream_id s) {
  auto key = partition(p);
  append(key, s.value, 8);
  return key;
}

inline std::string order(partition_id p, log_position position) {
  auto key = partition(p);
  key.reserve(18);
  append(key, position.at, 8);
  append(key, position.place, 8);
  return key;
}

inline std::optional<std::pair<wall_time, delayed_id>>
place_of(std::string_view delayed_key) {
  if (delayed_key.size() != 18)
    return std::nullopt;
  return std::pair{wall_time{number(delayed_key, 2, 8)},
                   delayed_id{number(delayed_key, 10, 8)}};
}

inline std::optional<log_position> position_of(std::string_view order_key) {
  if (order_key.size() != 18)
    return std::nullopt;
  return log_position{number(order_key, 2, 8), number(order_key, 10, 8)};
}

/// The first key behind all that begin with `prefix`.
inline std::string behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff')
    prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

} // namespace callboard::keys
