// Verifies what is stored, without changing anything: `callboard check`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace callboard {

struct check_report {
  std::vector<std::string> facts;    // what was read, for people
  std::vector<std::string> problems; // empty: all is well
};

/// Reads every row, every event and every frame of the log: checksums, numbers
/// without gaps against the streams' rows, runs that do not overlap, leases
/// with a delayed message for their end, entries that follow what LMDB has.
/// Nobody may serve the directory meanwhile.
check_report check(const std::filesystem::path& store_folder,
                   const std::filesystem::path& wal_folder,
                   std::size_t partitions);

} // namespace callboard
