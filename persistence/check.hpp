// Verifies what is stored, without changing anything: `callboard check`.
#pragma once

#include "actors/core/ids.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace callboard {

struct check_report {
  std::vector<std::string> facts;    // what was read, for people
  std::vector<std::string> problems; // empty: all is well
};

/// The store alone, and the last record that it has of each partition: nothing
/// if it cannot be opened.
struct checked_store {
  check_report report;
  std::vector<log_index> applied;
};

checked_store check_store(const std::filesystem::path& store_folder,
                          std::size_t partitions);

/// Reads every page, every row, every event and every frame of the log:
/// checksums, numbers without gaps against the streams' rows, runs that do not
/// overlap, leases with a delayed message for their end, entries that follow
/// what LMDB has. Nobody may serve the directory meanwhile. Of a node that
/// stands alone: see `actors/replication/check_member.hpp` for one of a
/// cluster.
check_report check(const std::filesystem::path& store_folder,
                   const std::filesystem::path& wal_folder,
                   std::size_t partitions);

} // namespace callboard
