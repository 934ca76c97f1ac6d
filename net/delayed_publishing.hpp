// Publishing later: what POST /streams/S does with a delay.
#pragma once

#include "net/eventstore_batch.hpp"
#include "net/eventstore_services.hpp"

#include <string>

namespace callboard {

/// Whether the request, or one of its events, says when to publish. Refuses a
/// header that cannot be read.
accepted<bool> is_for_later(const http_request& request,
                            const event_batch& events);

/// Schedules all events of the request: those without a time of their own when
/// the header says. Answers 202 and where the first one can be seen.
void publish_later(const services_ptr& services, const http_exchange& exchange,
                   std::string stream, event_batch events);

} // namespace callboard
