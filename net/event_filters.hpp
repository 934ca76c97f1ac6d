// Which events a filtered read shows, as its query says (spec 6.11).
#pragma once

#include "actors/core/all_requests.hpp"
#include "net/http.hpp"

#include <memory>
#include <string>

namespace callboard {

/// A filter, and the query that says the same, for links: `?context=...`.
struct asked_filter {
  std::shared_ptr<const event_filter> wants;
  std::string query;
};

/// Reads `context`, `type` and `data`, or `exclude-system-events` in their
/// place. Patterns match anywhere in a name unless they are anchored; they are
/// RE2's, which take time in proportion to the text, whatever they are.
accepted<asked_filter> read_event_filter(const http_request& request);

} // namespace callboard
