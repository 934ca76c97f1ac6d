// Reads of streams: ask, wait if there is nothing new, check links, answer.
#pragma once

#include "net/eventstore_services.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace callboard {

/// A page or an event that was asked for, checked.
struct read_query {
  read_request what;
  std::chrono::seconds wait{0};
  /// What a group parked: may show something else later, so it is not to be
  /// kept; and its links are only for who may read where they lead.
  bool parked = false;
};

using query_ptr = std::shared_ptr<const read_query>;

/// How long an answer may be kept, in seconds by the stream's metadata, and its
/// tag if it may change (spec 6.5).
void add_caching(http_answer& answer, bool for_good, std::uint64_t seconds,
                 std::string_view e_tag);

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
