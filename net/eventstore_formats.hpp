// Feeds and single events in the type that was negotiated.
#pragma once

#include "net/eventstore_feed.hpp"
#include "net/negotiation.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// A feed as XML, as a page, or else as JSON: all types of one syntax are one
/// document (spec 6.3).
std::string write_feed(const feed& what, embed_level embed,
                       const media_type& type);

/// One event (spec 6.8); `embed` adds to an entry in JSON. `entry.shown` is not
/// null.
std::string write_event(std::string_view base, const feed_entry& entry,
                        embed_level embed, const media_type& type);

} // namespace callboard
