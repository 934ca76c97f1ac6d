// Rare answers as XML, in the manner of .NET's XmlSerializer.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace callboard {

/// A document as XML: names with a capital first letter, in the order given,
/// nulls left out, an array as an element with one for each of its values, by
/// the name of their kind (`Links` holds `RelLink`s). An array as a whole has a
/// root `ArrayOf…`, which names them. Numbers are written as in JSON.
std::string to_xml_document(std::string_view root,
                            const nlohmann::ordered_json& document);

/// A text as the codec of XML has it: `<string>Not found.</string>`.
std::string text_to_xml(std::string_view text);

} // namespace callboard
