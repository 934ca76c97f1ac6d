// Members of group settings that are not Event Store's: those with a value of
// their own kind.
#pragma once

#include "actors/core/group_settings.hpp"
#include "net/refusal.hpp"

#include <nlohmann/json_fwd.hpp>

namespace callboard {

/// `retrySchedule`: delays, or how they grow.
accepted<void> read_schedule(const nlohmann::json& value, retry_plan& into);

/// `leaseDurability`: "strict" or "lazy".
accepted<void> read_durability(const nlohmann::json& value,
                               lease_durability& into);

/// `chargeOnLeaseLoss`: "all" or "guilty".
accepted<void> read_lease_loss(const nlohmann::json& value, lease_loss& into);

} // namespace callboard
