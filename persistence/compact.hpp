// Gives what LMDB does not need back to the file system: `callboard compact`.
#pragma once

#include "actors/core/error.hpp"

#include <cstdint>
#include <filesystem>

namespace callboard {

/// Sizes of LMDB's file.
struct compacted {
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
};

/// Copies what is in use into a new file, which then takes the place of the old
/// one. It has the same rows: whenever this is interrupted, one of the two is
/// in its place, whole. Nobody may serve the directory meanwhile.
/// Errors: not_found (there is no such file yet), storage_full (there is no
/// room for the copy), corrupt, storage_failed.
result<compacted> compact(const std::filesystem::path& store_folder);

/// Removes what a `compact` that was interrupted left behind.
void remove_half_copy(const std::filesystem::path& store_folder) noexcept;

} // namespace callboard
