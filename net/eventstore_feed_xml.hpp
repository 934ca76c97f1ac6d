// Feeds, entries and single events as XML.
#pragma once

#include "net/eventstore_feed.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// A feed as an Atom document (spec 3.4). Only `embed_level::content` adds
/// something to its entries.
std::string feed_to_xml(const feed& what, embed_level embed);

/// One event as `atom+xml`: an `atom:entry` with its content (spec 6.8).
std::string entry_to_xml(std::string_view base, const feed_entry& entry);

/// One event as `event+xml`: where it is, what it is, data and metadata.
/// `entry.shown` is not null.
std::string event_to_xml(const feed_entry& entry);

/// The data of one event below a root `data`: JSON becomes elements, what is
/// not JSON is text.
std::string data_to_xml(const event& e);

} // namespace callboard
