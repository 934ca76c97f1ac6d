// Events and stores for tests of what is stored.
#pragma once

#include "persistence/store.hpp"

#include <filesystem>
#include <memory>

namespace callboard::test {

inline constexpr partition_id p0{0};

inline event_ptr make_event(std::uint64_t number, std::size_t bytes,
                            std::uint64_t salt = 0) {
  auto e = std::make_shared<event>();
  e->id.bytes[0] = std::uint8_t(salt);
  e->id.bytes[1] = 1; // none is zero
  for (int i = 0; i < 8; ++i)
    e->id.bytes[std::size_t(8 + i)] = std::uint8_t(number >> (8 * i));
  e->type = "order";
  e->data.assign(bytes, char('a' + number % 26));
  e->number = {number};
  e->created = {1'000 + number};
  return e;
}

inline std::unique_ptr<store> open_store(const std::filesystem::path& folder,
                                         std::size_t recent_bytes = 0) {
  return store::open({.folder = folder,
                      .partitions = 2,
                      .recent_bytes_max = recent_bytes,
                      .flush_in_background = false})
    .value();
}

} // namespace callboard::test
