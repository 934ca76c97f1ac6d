// Feeds and events as pages that a browser shows.
#pragma once

#include "net/eventstore_feed.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// A feed: its links, and a line for each entry.
std::string feed_to_html(const feed& what);

/// One event: where it is, what it is, its data and metadata as text.
/// `entry.shown` is not null.
std::string event_to_html(std::string_view base, const feed_entry& entry);

} // namespace callboard
