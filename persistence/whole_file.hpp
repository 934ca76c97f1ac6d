// Small files that are replaced as a whole.
#pragma once

#include "actors/core/error.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// All bytes of a file; nothing if there is none. Errors: storage_failed;
/// `errno` says why.
result<std::optional<std::string>>
read_whole(const std::filesystem::path& file);

/// Durable under its name when it returns; after an error what was there before
/// still is. Errors: storage_full, storage_failed; `errno` says why.
result<void> write_whole(const std::filesystem::path& file,
                         std::string_view bytes);

/// The same, for what must be written on a full disk too: a spare file, `.new`,
/// keeps its blocks from one call to the next and changes places with this one.
/// Only the first call needs room, and one with more bytes than any before. It
/// is so where the file system can exchange names; elsewhere mostly.
result<void> rewrite_whole(const std::filesystem::path& file,
                           std::string_view bytes);

} // namespace callboard
