// Reading streams out of the store: cuts, directions, links.
#pragma once

#include "actors/core/requests.hpp"
#include "actors/core/ring.hpp"
#include "actors/messages.hpp"
#include "persistence/store.hpp"

#include <optional>

namespace callboard {

/// Whether a read may wait for the disk. `memory`: what is not in memory makes
/// the read return nothing, and somebody who may wait does it again.
enum class read_from : std::uint8_t { memory, anywhere };

/// A store as readers see it: any thread, only what is committed.
struct reading {
  const store& db;
  const ring& placement;
  wall_time wall; // for $maxAge
};

/// The page that was asked for. An absent stream has no head and no events;
/// so has a soft-deleted one, but with its head. Errors: corrupt,
/// storage_failed.
result<std::optional<event_page>> read_page(const reading& from, partition_id p,
                                            const read_request& what,
                                            read_from where);

/// The page of a stream that has just one event.
event_page page_of_one(const stream_row& head, const event_ptr& only,
                       const read_request& what);

/// The events of a range that can be read; gaps are left out. What links stand
/// for counts as bytes too. What lies behind the last one that comes, if any
/// does, is not read yet: it may be there.
result<std::optional<resolved_events>>
read_range(const reading& from, const range_request& what, read_from where);

/// The events from `first` on, as many as an append wants to compare with its
/// own. Just the first one if that is another: then none of the rest matters.
/// May wait for the disk. Errors: corrupt, storage_failed.
result<std::vector<event_ptr>>
read_to_compare(const store& db, partition_id p, stream_id s,
                event_number first, const std::vector<new_event>& with);

/// What a link stands for. May wait for the disk.
result<resolved_event> resolve_link(const reading& from, const event_ptr& link);

/// Nothing below this number is readable.
event_number first_readable(const stream_row& row) noexcept;

/// The oldest time of creation that `$maxAge` lets be seen, or 0.
wall_time oldest_visible(const stream_policy& policy, wall_time wall) noexcept;

} // namespace callboard
