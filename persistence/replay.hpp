// What the log has and LMDB has not, at a start.
#pragma once

#include "persistence/store.hpp"
#include "persistence/wal.hpp"

#include <cstddef>

namespace callboard {

/// Applies what `db` does not have yet; for `wal::open`. A long log must not
/// fill the memory: above `bytes_max` LMDB takes what was applied. On a full
/// disk memory holds it instead, which is no more than the log is long, and
/// LMDB is tried again now and then: an old log opens to be read. Errors:
/// corrupt (entries are gone, or cannot be decoded), those of `store::flush`.
wal::visitor replay_into(store& db, std::size_t bytes_max);

} // namespace callboard
