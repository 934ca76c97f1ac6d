// Which version of the tables a database holds.
#pragma once

#include "persistence/database.hpp"

#include <string_view>

namespace callboard {

///     1  before the first release; not read any more
///     2  the same
///     3  the same
///     4  the same
///     5  checksums of events cover the key of their block; blocks of
///        the order name the one that follows; the last transaction's number
///        is a row
inline constexpr std::string_view store_format = "5";

/// Writes the version into a new database, and refuses others than ours.
/// Errors: unknown_format, storage_full, storage_failed.
result<void> prepare_format(database& db);

} // namespace callboard
