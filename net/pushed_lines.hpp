// Deliveries in the answer to a settle as lines of `text/event-stream`.
#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace callboard {

/// `leases`: of each event, in order.
struct pushed_batch {
  std::string lines;
  std::deque<std::string> leases;
};

/// Each member of `"events"` in the body of a settle's answer: its `id:`, its
/// `data:`, and an empty line. A body that is none has no events.
pushed_batch pushed_lines(std::string_view body);

/// Only the leases.
std::deque<std::string> pushed_leases(std::string_view body);

/// Appends a text as `data:` lines, one for each of its lines.
void append_data_lines(std::string& to, std::string_view text);

} // namespace callboard
