// What LMDB calls the tables, and a row that every transaction writes.
#pragma once

#include "persistence/database.hpp"

#include <array>
#include <string_view>

namespace callboard {

/// By their number.
inline constexpr std::array<std::string_view, table_count> table_names{
  "meta",         "applied",   "streams", "events",    "recent_ids", "groups",
  "group_events", "delayed",   "users",   "trims",     "names",      "order",
  "consumers",    "positions", "history", "scheduled", "pieces",     "answers"};

/// In `meta`: the number of the transaction that put this row, 8 bytes.
inline constexpr std::string_view transaction_key = "transaction";

} // namespace callboard
