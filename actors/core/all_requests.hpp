// Reads across streams: a page of all events, and which streams there are.
#pragma once

#include "actors/core/log_position.hpp"
#include "actors/core/requests.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// Whether an event of a stream is wanted. Any thread.
using event_filter = std::function<bool(std::string_view, const event&)>;

/// Reads a page of all events. `from`: the border to read from; nothing: from
/// behind the newest one (backward only).
struct all_request {
  std::optional<log_position> from;
  std::size_t count = 20;
  direction towards = direction::backward;
  bool resolve_links = false;
  std::shared_ptr<const event_filter> filter; // null: all are wanted
  std::size_t window = SIZE_MAX; // events to look at: with a filter
  wall_time until; // by the broker: what was recorded later is not looked at
};

struct placed_event {
  resolved_event what;
  std::string stream; // of `what.original`
  log_position position;
};

/// A page in reading order. Its borders: read backward from `older`, or forward
/// from `newer`, to go on without a gap. `end` lies behind the newest event of
/// all. `end_reached`: nothing follows in reading order.
struct all_page {
  std::vector<placed_event> events;
  log_position older;
  log_position newer;
  log_position end;
  wall_time until; // everything that was recorded up to then was there
  bool end_reached = false;
};

using all_page_ptr = std::shared_ptr<const all_page>;

/// Looks at up to `count` streams after `after`, in byte order of their names.
struct streams_request {
  std::string after;
  std::size_t count = 100;
  bool system = false; // those whose names begin with `$` too
};

struct listed_stream {
  std::string name;
  event_number last;
};

/// Those that can be read. `next`: where to go on after; nothing at the end.
struct stream_list {
  std::vector<listed_stream> streams;
  std::optional<std::string> next;
};

using stream_list_ptr = std::shared_ptr<const stream_list>;

} // namespace callboard
