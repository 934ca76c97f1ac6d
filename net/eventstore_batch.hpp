// What publishers send: batches of events.
#pragma once

#include "actors/core/delayed_requests.hpp"
#include "net/refusal.hpp"

#include <optional>
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

/// Events, and when each is to be appended if it says so; `due` is empty if
/// none does.
struct event_batch {
  std::vector<new_event> events;
  std::vector<std::optional<due_time>> due{};
};

/// The same with `delay`, `deliverAt` and `giveUpAt` of the events, the times
/// as `delayed_times.hpp` reads them.
accepted<event_batch> parse_timed_batch(std::string_view body);
accepted<event_batch> parse_timed_xml_batch(std::string_view body);

/// The same from XML: each child of the root is an event, with `EventId`,
/// `EventType`, `Data` and `MetaData` in any case; what is in them becomes JSON
/// as `xml_to_json` makes it.
accepted<std::vector<new_event>> parse_xml_batch(std::string_view body);

/// 413 if an event is beyond the limits, 400 if its type is missing, too long
/// or not UTF-8; what a batch and a single post have in common.
accepted<void> check_event(const new_event& e);

} // namespace callboard
