// What the elements of a document say, once `xml_to_json` has read it.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace callboard {

/// Without attributes: an element with `nil` is null, one with text beside its
/// attributes is that text.
nlohmann::json without_attributes(const nlohmann::json& element);

/// A list: an element again for each value, or one around an element for each.
/// What is empty has no values; null stays null.
nlohmann::json listed(nlohmann::json element);

} // namespace callboard
