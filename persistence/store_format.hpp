// Which version of the tables a database holds.
#pragma once

#include "persistence/database.hpp"

namespace callboard {

/// Writes the version into a new database, and refuses others than ours.
/// Errors: unknown_format, storage_full, storage_failed.
///
///     1  before the first release; not read any more
///     2  the same
///     3  `consumers` and `positions`; a stream `T@p` lies in partition p
result<void> prepare_format(database& db);

} // namespace callboard
