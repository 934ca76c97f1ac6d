// The changes of a record as rows of LMDB's tables, and back.
#pragma once

#include "actors/core/error.hpp"
#include "actors/core/recent_ids.hpp"
#include "actors/core/record.hpp"
#include "persistence/database.hpp"
#include "persistence/used_ids.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

/// One change to one row; no value means: erase it.
struct row_change {
  table where = table::meta;
  std::string key;
  std::optional<std::string> value;
};

row_change to_row(partition_id p, const change& what);

/// Every value ends with a checksum of key and value: damage to either of them
/// is told, and a row is never read under the key of another one.
inline constexpr std::size_t seal_bytes = 4;
void seal(std::string_view key, std::string& value);
/// The value without it. Errors: `corrupt`.
result<std::string_view> unseal(std::string_view key, std::string_view value);

/// The values back. Errors: `corrupt`, `unknown_format`.
result<stream_row> read_stream(std::string_view key, std::string_view value);
result<group_row> read_group(std::string_view key, std::string_view value);
result<run_row> read_run(std::string_view key, std::string_view value);
result<delayed_message> read_delayed(std::string_view key,
                                     std::string_view value);
result<user_row> read_user(std::string_view key, std::string_view value);
result<consumer_row> read_consumer(std::string_view key,
                                   std::string_view value);
result<event_number> read_position(std::string_view key,
                                   std::string_view value);
result<history_row> read_history(std::string_view key, std::string_view value);
result<scheduled_row> read_scheduled(std::string_view key,
                                     std::string_view value);
result<std::string> read_piece(std::string_view key, std::string_view value);
result<answer_row> read_answer(std::string_view key, std::string_view value);

/// What LMDB says of a partition.
struct applied_row {
  log_index index;
  wall_time at;
  used_ids used;
  std::uint64_t next_sequence = 0; // of recent_ids

  friend bool operator==(const applied_row&, const applied_row&) = default;
};

std::string write_applied(std::string_view key, const applied_row& row);
result<applied_row> read_applied(std::string_view key, std::string_view value);

/// Ids a row of recent_ids holds at most: their longest form fits a page.
inline constexpr std::size_t ids_per_row = 100;

std::string write_ids(std::string_view key,
                      const std::vector<remembered_id>& ids);
result<std::vector<remembered_id>> read_ids(std::string_view key,
                                            std::string_view value);

} // namespace callboard
