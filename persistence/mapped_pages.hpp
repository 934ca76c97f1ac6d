// How much of a mapped file stays in this process's memory.
#pragma once

#include <cstddef>
#include <filesystem>

namespace callboard {

/// Lets go of the pages of `file` that are mapped here if this process has more
/// than `bytes_max` of files in its memory. They stay in the page cache: the
/// next touch maps them again without reading the disk, so it is safe and cheap
/// beside readers. Only the process's resident size gets smaller, which is what
/// people and containers look at. `file` must stay mapped meanwhile, read-only
/// and shared, as LMDB has it. Does nothing where there is no /proc.
void bound_mapped_pages(const std::filesystem::path& file,
                        std::size_t bytes_max);

} // namespace callboard
