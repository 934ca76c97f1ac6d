// LMDB's file, looked at before LMDB does, which believes every byte of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace callboard {

/// What a start reads of a store: see below.
inline constexpr std::uintmax_t wholly_read_bytes_max = std::uintmax_t{64}
                                                        << 20;

/// What is damaged in the store's file, and on which page, in words; nothing:
/// all is well, or there is no file yet, or it cannot be read: that is no
/// damage, and LMDB will say so. Nobody may write to it meanwhile.
///
/// LMDB has no checksums. A flipped bit in one of its pages may send it out of
/// its file, into a loop, or past rows that are there. So before it is opened
/// the two meta pages, the tree of each table and the list of free pages are
/// walked: numbers, bounds, order and counts must fit, no page may be used
/// twice, and the checksum of each row must be right; of a block of events that
/// of its key.
///
/// Of a tree whose leaves have more than `whole_up_to` bytes only the branches
/// are read, and rows with a page of their own (most blocks of events) only in
/// a file that is not larger: what it costs stays bounded. Those rows are
/// checked when they are read, and all of them by `callboard check`.
std::optional<std::string>
find_damaged_page(const std::filesystem::path& store_folder,
                  std::uintmax_t whole_up_to);

} // namespace callboard
