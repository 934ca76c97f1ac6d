// `callboard check` of a member of a cluster.
#pragma once

#include "persistence/check.hpp"

#include <cstddef>
#include <filesystem>

namespace callboard {

/// As `check`, for a directory whose wal is the replicated log: that it goes on
/// from the member file's base without a gap, that terms do not fall, that each
/// record can be read and follows what LMDB has or what came before it.
check_report check_member(const std::filesystem::path& store_folder,
                          const std::filesystem::path& wal_folder,
                          const std::filesystem::path& member_file,
                          std::size_t partitions);

} // namespace callboard
