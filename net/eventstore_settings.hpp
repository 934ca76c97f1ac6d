// Group settings of the Event Store dialect: from a request body and back.
#pragma once

#include "actors/core/group_settings.hpp"
#include "net/refusal.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace callboard {

/// Delays of one `retrySchedule.delaysMilliseconds`.
inline constexpr std::size_t retry_delays_max = 100;

/// Reads a body of create or update (spec 2.1), names in any case, numbers also
/// as strings, null as if absent, unknown members ignored. A body that is no
/// JSON object means all defaults. Refuses, in this order: members of a wrong
/// kind, what spec 1.3 validates, negative times and counts, bad members of our
/// own (`retrySchedule`, `leaseDurability`, `minRetrySpanMilliseconds`,
/// `maxInFlight`, `maxInFlightPerConsumer`, `chargeOnLeaseLoss`).
accepted<group_settings> parse_group_settings(std::string_view body);

/// The same from XML: an element for each member below the root, whose names
/// are the JSON's, usually with a capital first letter; `xsi:nil="true"` is
/// null. What is no XML means all defaults.
accepted<group_settings> parse_xml_group_settings(std::string_view body);

/// Why no group can be on a stream with this name, or nothing: the `reason` of
/// an envelope with `Fail`.
std::string stream_refusal(std::string_view stream);

/// Why a group cannot have these settings, or nothing: the same.
std::string settings_refusal(const group_settings& settings);

/// The `config` member of an info object (spec 3.6), our own members last.
nlohmann::ordered_json settings_to_json(const group_settings& settings);

} // namespace callboard
