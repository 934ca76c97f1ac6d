// Reads of streams: ask, wait if there is nothing new, check links, answer.
#pragma once

#include "net/eventstore_services.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace callboard {

/// A page or an event that was asked for, checked.
struct read_query {
  read_request what;
  std::chrono::seconds wait{0};
  bool changes = false; // may show something else later: not to be kept
};

using query_ptr = std::shared_ptr<const read_query>;

/// Answers with a feed (spec 6.4), 304, 404, 410; waits as spec 6.6 says.
void read_page(const services_ptr& services, const http_exchange& exchange,
               const query_ptr& query);

/// Answers with the one event of the query (spec 6.8), 404 or 410.
void read_event(const services_ptr& services, const http_exchange& exchange,
                const query_ptr& query);

/// The same for the newest metadata of `stream`, which may have none (spec
/// 6.9).
void read_metadata(const services_ptr& services, const http_exchange& exchange,
                   const query_ptr& query, const std::string& stream);

/// Answers with what can be had of a stream (spec 6.3): 406 if the client did
/// not ask for just that.
void describe_stream(const services_ptr& services,
                     const http_exchange& exchange, const std::string& stream);

} // namespace callboard
