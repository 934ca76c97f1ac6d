// The routes of users: who may log in, and with which password (spec 6.12).
#pragma once

#include "net/eventstore_services.hpp"
#include "net/router.hpp"

namespace callboard {

/// /users, /users/{login}, /users/$current and /users/{login}/command/...: for
/// administrators, and a little for oneself. A change is on disk before it is
/// answered, and counts for every request that comes after.
void add_users_routes(router& routes, const services_ptr& services);

} // namespace callboard
