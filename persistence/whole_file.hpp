// Small files that are replaced as a whole.
#pragma once

#include "actors/core/error.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// All bytes of a file; nothing if there is none. Errors: storage_failed.
result<std::optional<std::string>> read_whole(const std::filesystem::path& file);

/// Durable under its name when it returns; after an error what was there before
/// still is. Errors: storage_full, storage_failed.
result<void> write_whole(const std::filesystem::path& file,
                         std::string_view bytes);

} // namespace callboard
