// A store as its file has it: every row, and one that is mostly free.
#pragma once

#include "persistence/codec.hpp"
#include "persistence/database.hpp"
#include "tests/support/stored_events.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace callboard::test {

using stored_rows =
  std::vector<std::tuple<std::size_t, std::string, std::string>>;

/// Table, key and value of every row, in order. Nobody has it open.
inline stored_rows all_rows(const std::filesystem::path& folder) {
  stored_rows out;
  auto db = database::open({.folder = folder, .read_only = true}).value();
  auto view = db.read().value();
  for (std::size_t t = 0; t < table_count; ++t) {
    auto rows = view.rows(table{static_cast<std::uint8_t>(t)}).value();
    for (auto row = rows.seek({}).value(); row; row = rows.next().value())
      out.emplace_back(t, row->key, row->value);
  }
  return out;
}

/// Publishes so many events of 1,000 bytes to stream 1 ("s") of partition 0,
/// and takes all but the last ten away again. Nobody has it open afterwards.
inline void make_mostly_free_store(const std::filesystem::path& folder,
                                   std::size_t count) {
  auto db = open_store(folder);
  auto apply = [&](record what, std::uint64_t first_live) {
    auto next = first_live == 0 ? what.events.back().what->number + 1
                                : event_number{count};
    stream_row row;
    row.id = {1};
    row.next = next;
    row.first_live = {first_live};
    what.at = {next.value + first_live};
    what.changes.emplace_back(put_stream{"s", row});
    auto bytes = encode(what).size();
    db->apply(p0, {db->applied(p0).value + 1}, what, bytes);
    db->flush().value();
  };
  for (std::size_t n = 0; n < count;) {
    record what;
    for (auto end = std::min(n + 100, count); n < end; ++n)
      what.events.push_back({{1}, make_event(n, 1'000)});
    apply(std::move(what), 0);
  }
  apply({}, count - 10);
  db->scavenge().value();
}

} // namespace callboard::test
