// XML documents that clients send, as the JSON that Json.NET makes of them.
#pragma once

#include "actors/core/error.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// Bounds of one document: what is deeper is refused, and so is what would
/// take more memory than this many elements and attributes.
inline constexpr std::size_t xml_depth_max = 64;
inline constexpr std::size_t xml_items_max = 500'000;

/// The value of the root element as JSON without white space. An element is
/// - null, if it is `<a />`; a string, if there is only text in it;
/// - else an object: `@name` for each attribute, a member for each name of its
///   children, `#text` for text between them. Of several with one name an array
///   is made, in the place of the first; of a single one too, if it has the
///   attribute `Array` in Json.NET's namespace.
/// Names are decoded by `decode_xml_name`; a prefix stays. CDATA is text; white
/// space between elements, comments and instructions are nothing.
/// Errors: invalid_argument (not well-formed UTF-8 XML, or it has a DOCTYPE or
/// is too deep), too_large.
result<std::string> xml_to_json(std::string_view text);

/// The children of the root element, an array of their values.
result<std::string> xml_children_to_json(std::string_view text);

} // namespace callboard
