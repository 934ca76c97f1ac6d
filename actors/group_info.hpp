// What `info` tells of a group, from its decision core alone.
#pragma once

#include "actors/core/subscription.hpp"

namespace callboard {

/// All that the rows and the core know; rates and what waits is the actor's.
/// `first_parked`: where the parked stream begins.
group_info describe_group(const subscription& core,
                          event_number first_parked = {});

/// The link that parking appends to the group's parked stream: its data is
/// `what.target`, its metadata tells when, why, and which event it was
/// (spec 5.7).
new_event park_link(const uuid& id, const parked_event& what, wall_time wall);

/// The reason that such a link tells; empty if it tells none.
std::string parked_reason(const new_event& link);

} // namespace callboard
