// Which version of the tables a database holds, and how an older one is raised.
#pragma once

#include "persistence/database.hpp"

#include <cstddef>

namespace callboard {

/// Writes the version into a new database, raises an older one to it in one
/// transaction, and refuses others. Errors: unknown_format, corrupt,
/// storage_full, storage_failed.
///
///     1  as first published
///     2  `names` and `order`: the order of all events. Version 1 did not note
///        the time of a record, so what it holds has no place in that order:
///        `$all` of a raised database begins with the first event after that.
result<void> prepare_format(database& db, std::size_t partitions);

/// Whether events of before version 2 lie in there, without a place.
result<bool> order_is_partial(const transaction& view);

} // namespace callboard
