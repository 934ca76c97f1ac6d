// What publishers send: batches of events, and the metadata of streams.
#pragma once

#include "actors/core/event.hpp"
#include "actors/core/record.hpp"
#include "net/refusal.hpp"

#include <string_view>
#include <vector>

namespace callboard {

/// Reads `[{"eventId", "eventType", "data", "metadata"}, …]` (spec 6.1). Names
/// in any case, others ignored. `data` and `metadata`: an object or array, also
/// one inside a string, is stored indented by two spaces, its numbers and the
/// order of its members as sent; another string is stored as its text; anything
/// else is nothing. Refuses with the texts of the dialect, and with 413 what is
/// beyond `limits`. Any thread.
accepted<std::vector<new_event>> parse_batch(std::string_view body);

/// The same from XML: each child of the root is an event, with `EventId`,
/// `EventType`, `Data` and `MetaData` in any case; what is in them becomes JSON
/// as `xml_to_json` makes it.
accepted<std::vector<new_event>> parse_xml_batch(std::string_view body);

/// 413 if an event is beyond the limits, 400 if its type is missing, too long
/// or not UTF-8; what a batch and a single post have in common.
accepted<void> check_event(const new_event& e);

/// What the newest event of a metadata stream says (spec 6.9). What cannot be
/// read, or has a value that is not allowed, says nothing at all.
stream_policy parse_stream_policy(const new_event& e);

} // namespace callboard
