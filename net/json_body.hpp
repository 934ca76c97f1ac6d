// A JSON body as the dialect reads it, and its values in messages.
#pragma once

#include "net/refusal.hpp"

#include <nlohmann/json_fwd.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace callboard {

/// Refuses what is nested deeper than `limits::json_depth_max`.
accepted<void> check_json_depth(std::string_view body);

/// The body as a document; what is not JSON gets a second try as what a lenient
/// reader takes (comments, names without quotes: `json_grammar::lenient`). Null
/// or discarded: it is neither.
nlohmann::json parse_json_body(std::string_view body);

/// A JSON object whose members are all among `names`, and no deeper than that.
accepted<nlohmann::ordered_json>
read_object(std::string_view body,
            std::initializer_list<std::string_view> names);

/// A value as a message may quote it: ASCII, cut after 80 characters.
std::string quoted_value(const nlohmann::json& value);

} // namespace callboard
