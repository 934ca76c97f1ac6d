// JSON documents as XML elements, as Json.NET's `DeserializeXmlNode` has them.
#pragma once

#include "actors/core/error.hpp"

#include <string>
#include <string_view>

namespace callboard {

/// How an element is begun, and what becomes of an array.
struct xml_element {
  std::string_view name;         // written as it is
  std::string_view attributes{}; // ` xmlns=""`, or nothing
  /// An array is the element again for each value; else one element around
  /// them, which can be the root of a document.
  bool array_repeats = false;
};

/// Appends `json`, strict and in UTF-8, as an element. Members become elements
/// by `append_xml_name`, an array one element for each value (inside an array:
/// one around them), `@name` an attribute, `#text` text; numbers stay as they
/// were written; null and `{}` are `<name />`, "" is `<name></name>`.
/// On an error `out` is as it was.
/// Errors: too_large (more than `bytes_max` bytes: names are repeated for each
/// value of an array).
errc append_json_as_xml(std::string& out, const xml_element& element,
                        std::string_view json, std::size_t bytes_max);

} // namespace callboard
