// The feed of all events, as a value.
#pragma once

#include "actors/core/all_requests.hpp"
#include "net/eventstore_feed.hpp"

#include <optional>
#include <string_view>

namespace callboard {

/// What was asked for when a page of all events was read.
struct all_feed_query {
  std::string_view base;
  std::string_view path;        // of the feed, escaped: `/streams/%24all`
  std::string_view links_query; // behind the links to other pages
  std::optional<log_position> from;
  std::size_t count = 20;
  direction towards = direction::backward;
};

/// As the feed of a stream (spec 6.4, 6.11), with positions for numbers. Points
/// into the page.
feed all_feed(const all_feed_query& query, const all_page& page,
              std::string_view e_tag);

} // namespace callboard
