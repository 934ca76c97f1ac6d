// The routes of groups, one function each: parse, ask, answer (spec 1, 4).
#pragma once

#include "net/eventstore_services.hpp"
#include "net/negotiation.hpp"

#include <array>

namespace callboard::subscription_routes {

/// Bodies of create and update.
inline constexpr std::array settings_types{media::json, media::text_xml};

/// What deliveries and parked events can be had as.
inline constexpr std::array competing_types{
  media::es_competing_xml, media::k_competing_json, media::es_competing_json};

// --- commands (group_commands.cpp)

void create(const services_ptr&, http_request&, const http_exchange&);
void update(const services_ptr&, http_request&, const http_exchange&);
void remove(const services_ptr&, http_request&, const http_exchange&);
void replay_parked(const services_ptr&, http_request&, const http_exchange&);
void restart(const services_ptr&, http_request&, const http_exchange&);

// --- consuming (group_consuming.cpp)

void fetch_one(const services_ptr&, http_request&, const http_exchange&);
void fetch(const services_ptr&, http_request&, const http_exchange&);
void ack(const services_ptr&, http_request&, const http_exchange&);
void ack_many(const services_ptr&, http_request&, const http_exchange&);
void nack(const services_ptr&, http_request&, const http_exchange&);
void nack_many(const services_ptr&, http_request&, const http_exchange&);

/// `…/ack%3Fids=…`: links that an old server sent and a client kept.
void settle_by_old_link(const services_ptr&, http_request&,
                        const http_exchange&);

// --- telling (subscription_routes.cpp)

void info(const services_ptr&, http_request&, const http_exchange&);
void groups_of_stream(const services_ptr&, http_request&, const http_exchange&);
void all_groups(const services_ptr&, http_request&, const http_exchange&);

/// The group that a route addresses.
group_key key_of(const services_ptr& services, const http_request& request);

} // namespace callboard::subscription_routes
