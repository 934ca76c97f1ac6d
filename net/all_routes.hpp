// The routes across streams, one function each (spec 6.11, and our own list).
#pragma once

#include "net/eventstore_services.hpp"
#include "net/negotiation.hpp"

#include <array>

namespace callboard::all_routes {

/// What the list of streams can be had as.
inline constexpr std::array list_types{media::json};

// --- pages of all events (all_reads.cpp)

void newest_page(const services_ptr&, http_request&, const http_exchange&);
void backward_page(const services_ptr&, http_request&, const http_exchange&);
void forward_page(const services_ptr&, http_request&, const http_exchange&);

/// The same, of those that the query wants.
void filtered_newest_page(const services_ptr&, http_request&,
                          const http_exchange&);
void filtered_backward_page(const services_ptr&, http_request&,
                            const http_exchange&);
void filtered_forward_page(const services_ptr&, http_request&,
                           const http_exchange&);

/// 404: what has the form of a page, and is none.
void nothing(const services_ptr&, http_request&, const http_exchange&);

// --- which streams there are (stream_list.cpp)

/// `?after=`, `?limit=`, `?system=true`.
void list_streams(const services_ptr&, http_request&, const http_exchange&);

} // namespace callboard::all_routes
