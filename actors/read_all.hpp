// Reading all events of the node in one order, and listing its streams.
#pragma once

#include "actors/core/all_requests.hpp"
#include "actors/read_page.hpp"

namespace callboard {

/// The page that was asked for: the partitions' orders, merged. Everything up
/// to `what.until` must be applied, and nothing more come that is not later.
/// Events that cannot be read in their stream are left out. May wait for the
/// disk. Errors: corrupt, storage_failed.
result<all_page> read_all(const reading& from, const all_request& what);

/// Streams of all partitions.
result<stream_list> list_streams(const reading& from,
                                 const streams_request& what);

} // namespace callboard
