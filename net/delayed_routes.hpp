// The routes of delayed messages: seeing, moving and taking away what waits.
#pragma once

#include "actors/core/limits.hpp"
#include "net/eventstore_services.hpp"
#include "net/router.hpp"

namespace callboard::delayed_routes {

// --- seeing (delayed_reads.cpp)

void list(const services_ptr&, http_request&, const http_exchange&);
void one(const services_ptr&, http_request&, const http_exchange&);

// --- one (delayed_changes.cpp)

void move(const services_ptr&, http_request&, const http_exchange&);
void cancel(const services_ptr&, http_request&, const http_exchange&);

// --- many (delayed_jobs.cpp)

void move_many(const services_ptr&, http_request&, const http_exchange&);
void cancel_many(const services_ptr&, http_request&, const http_exchange&);
void job(const services_ptr&, http_request&, const http_exchange&);
void stop_job(const services_ptr&, http_request&, const http_exchange&);

// --- schedules (delayed_recurring.cpp)

/// A schedule and its event.
inline constexpr std::size_t recurring_body_max =
  limits::event_bytes_max + document_bytes_max;

void repeat(const services_ptr&, http_request&, const http_exchange&);

} // namespace callboard::delayed_routes
