// A type, a line break, JSON, a line break; and so on.
#include "actors/core/notices.hpp"

#include "actors/core/limits.hpp"

#include <algorithm>
#include <array>

namespace callboard {

namespace {

/// 48 bits of mark and partition, 40 of the sequence, 16 of the place in it.
uuid derived_id(partition_id where, std::uint64_t sequence, std::size_t place) {
  uuid out;
  auto put = [&](std::size_t at, std::size_t bytes, std::uint64_t number) {
    for (std::size_t i = 0; i < bytes; ++i)
      out.bytes[at + i] = std::uint8_t(number >> (8 * (bytes - 1 - i)));
  };
  put(0, 4, 0xca11b0a4);
  put(4, 2, where.value);
  out.bytes[6] = 0x80; // version 8: of our own making
  out.bytes[8] = 0x80;
  put(9, 5, sequence);
  put(14, 2, place);
  return out;
}

std::string_view take_line(std::string_view& from) {
  auto end = std::min(from.find('\n'), from.size());
  auto line = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return line;
}

} // namespace

packed_notices pack(std::span<const notice> all) {
  packed_notices out;
  for (auto& one : all) {
    auto bytes = one.type.size() + one.data.size() + 2;
    if (bytes > limits::notices_bytes_max) {
      ++out.left_out;
      continue;
    }
    if (out.bodies.empty()
        || out.bodies.back().size() + bytes > limits::notices_bytes_max)
      out.bodies.emplace_back();
    out.bodies.back().append(one.type).append("\n").append(one.data).append(
      "\n");
  }
  return out;
}

std::vector<new_event> unpack_notices(std::string_view body, partition_id where,
                                      std::uint64_t sequence) {
  std::vector<new_event> out;
  while (!body.empty()) {
    new_event one;
    one.id = derived_id(where, sequence, out.size());
    one.type = take_line(body);
    one.data = take_line(body);
    one.is_json = true;
    out.push_back(std::move(one));
  }
  return out;
}

new_event notices_policy() {
  new_event out;
  out.id = derived_id({0xffff}, 0, 0); // no partition has this number
  out.type = "$metadata";
  out.data = "{\"$maxCount\":" + std::to_string(limits::notices_kept) + "}";
  out.is_json = true;
  return out;
}

} // namespace callboard
