// Feeds, entries and single events as JSON.
#pragma once

#include "net/eventstore_feed.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// A feed as a document (spec 3.2, 3.3, 6.4).
std::string feed_to_json(const feed& what, embed_level embed);

/// One event as `atom+json`: an entry with its content at any level (spec 6.8).
std::string entry_to_json(std::string_view base, const feed_entry& entry,
                          embed_level embed);

/// One event as `event+json`: where it is, what it is, data and metadata.
/// `entry.shown` is not null.
std::string event_to_json(const feed_entry& entry);

/// The data of one event as `application/json`: indented JSON, read leniently;
/// what is not JSON is a JSON string of its text.
std::string data_to_json(const event& e);

/// What a stream offers (spec 6.3); `chosen` is the media type that was asked
/// for.
std::string description_to_json(std::string_view stream,
                                const std::vector<std::string>& groups,
                                std::string_view chosen);

} // namespace callboard
