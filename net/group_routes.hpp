// Routes of groups that are our own: settle in one go, who holds what, why
// nothing comes, what became of an event, pauses, and what is parked. JSON
// only; errors are application/problem+json.
#pragma once

#include "actors/core/group_requests.hpp"
#include "net/eventstore_services.hpp"
#include "net/negotiation.hpp"

#include <array>
#include <optional>
#include <string>

namespace callboard::group_routes {

/// Bodies.
inline constexpr std::array json_types{media::json};
/// What explains itself to people too.
inline constexpr std::array told_types{media::json, media::text};

/// Of a settle: as many items as one may have, with their reasons.
inline constexpr std::size_t settle_body_max = std::size_t{1} << 20;

// --- settling (settle_routes.cpp)
/// `{ack, skip, nack, extend, release, next}`: one record, one answer.
void settle(const services_ptr&, http_request&, const http_exchange&);
/// `?lease=` or `{"lease" | "id", "by"}`: 409 if the lease is over.
void extend(const services_ptr&, http_request&, const http_exchange&);

// --- telling (group_telling_routes.cpp)
void why(const services_ptr&, http_request&, const http_exchange&);
void in_flight(const services_ptr&, http_request&, const http_exchange&);
void explain(const services_ptr&, http_request&, const http_exchange&);

// --- steering (group_steering_routes.cpp)
/// `{"until": time | "for": duration, "reason": text}`.
void pause(const services_ptr&, http_request&, const http_exchange&);
void resume(const services_ptr&, http_request&, const http_exchange&);
/// `{"due": time | "delay": duration}`; without a body: now.
void move_retries(const services_ptr&, http_request&, const http_exchange&);

// --- what is parked (parked_routes.cpp)
void list_parked(const services_ptr&, http_request&, const http_exchange&);
void replay_parked(const services_ptr&, http_request&, const http_exchange&);
void stop_replay(const services_ptr&, http_request&, const http_exchange&);
void discard_parked(const services_ptr&, http_request&, const http_exchange&);

/// Gives back what was leased for a client that did not get it: that is not
/// held against the events.
void give_back(const services_ptr& services, const group_key& key,
               const delivery_batch& batch);

/// 409: nothing was changed.
http_answer stale_lease(const std::optional<lease_token>& lease);

/// "group 'g' of stream 's'", for problems.
std::string describe(const group_key& key);

} // namespace callboard::group_routes
