// What a lenient XML parser does not look at, and the bounds of a document.
#pragma once

#include "actors/core/error.hpp"

#include <string_view>

namespace callboard {

/// Whether a parser may read `text` and what it reads will be right: UTF-8 and
/// XML characters only, one root, no DOCTYPE, only the five entities of XML and
/// references to characters, no `<` in attributes, nothing deeper than
/// `xml_depth_max`. That tags match, and are what they should be, is for the
/// parser. One pass, no memory.
/// Errors: invalid_argument, too_large (more than `xml_items_max` elements and
/// attributes).
errc check_xml(std::string_view text);

} // namespace callboard
