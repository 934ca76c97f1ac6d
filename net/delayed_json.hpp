// What is told of delayed messages, as JSON.
#pragma once

#include "actors/core/delayed_requests.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace callboard {

/// One message without what it carries: a line of the list.
nlohmann::ordered_json delayed_json(std::string_view base,
                                    const delayed_item& item);

/// The same with the event, and the rule of a schedule. `readable`: with the
/// event's data and metadata.
nlohmann::ordered_json detail_json(std::string_view base,
                                   const delayed_detail& detail, bool readable);

/// `every` as ISO 8601.
std::string duration_text(std::uint64_t ms);

std::string_view name_of(catch_up missed) noexcept;

} // namespace callboard
