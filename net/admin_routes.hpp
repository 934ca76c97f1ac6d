// The routes about the node that fill files of their own: parse, ask, answer.
#pragma once

#include "net/admin_api.hpp"

#include <memory>

namespace callboard::admin_routes {

using admin_ptr = std::shared_ptr<const admin_services>;

// --- numbers (admin_numbers.cpp)

/// The whole document, or the part that the segments behind `/stats` lead to.
void stats(const admin_ptr&, http_request&, const http_exchange&);
void metrics(const admin_ptr&, http_request&, const http_exchange&);

// --- who is there (admin_members.cpp)

void info(const admin_ptr&, http_request&, const http_exchange&);
void options(const admin_ptr&, http_request&, const http_exchange&);
/// One member: this node.
void gossip(const admin_ptr&, http_request&, const http_exchange&);

// --- commands (admin_commands.cpp)

void shut_down(const admin_ptr&, http_request&, const http_exchange&);
void start_scavenge(const admin_ptr&, http_request&, const http_exchange&);
void stop_scavenge(const admin_ptr&, http_request&, const http_exchange&);
void current_scavenge(const admin_ptr&, http_request&, const http_exchange&);
void last_scavenge(const admin_ptr&, http_request&, const http_exchange&);

} // namespace callboard::admin_routes
