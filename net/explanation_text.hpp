// What a group tells of itself, as JSON for programs and sentences for people.
#pragma once

#include "actors/core/group_requests.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace callboard {

nlohmann::ordered_json standing_json(const group_standing& what);
std::string standing_text(const group_standing& what);

nlohmann::ordered_json leases_json(const lease_list& what);
std::string leases_text(const lease_list& what);

nlohmann::ordered_json explanation_json(const group_key& key, const uuid& id,
                                        const explanation& what);
std::string explanation_text(const group_key& key, const uuid& id,
                             const explanation& what);

std::string_view to_string(lease_outcome outcome) noexcept;
std::string_view to_string(event_standing standing) noexcept;

} // namespace callboard
