// One walk over a JSON document that was made for this answer.
#include "net/xml_document.hpp"

#include "net/xml_text.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace callboard {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view array_prefix = "ArrayOf";

/// What the values of an array are called, by its own name.
std::string_view item_name(std::string_view array) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> names{
    {{"Links", "RelLink"},
     {"Connections", "ConnectionInfo"},
     {"ExtraStatistics", "Measurement"},
     {"Subscriptions", "SubscriptionSummary"},
     {"DelaysMilliseconds", "int"},
     {"Groups", "string"},
     {"Data", "UserData"}}};
  for (auto& [name, item] : names)
    if (name == array)
      return item;
  return array.starts_with(array_prefix) ? array.substr(array_prefix.size())
                                         : "Item";
}

std::string element_name(std::string_view member) {
  std::string text{member};
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  std::string out;
  append_xml_name(out, text);
  return out;
}

void append(std::string& out, std::string_view name,
            const ordered_json& value) {
  if (value.is_null())
    return;
  if (!value.is_structured())
    return append_xml_element(
      out, name, value.is_string() ? value.get<std::string>() : value.dump());
  out += '<';
  out += name;
  if (value.empty()) {
    out += " />";
    return;
  }
  out += '>';
  if (value.is_array())
    for (auto& element : value)
      append(out, item_name(name), element);
  else
    for (auto& [member, element] : value.items())
      append(out, element_name(member), element);
  out += "</";
  out += name;
  out += '>';
}

} // namespace

std::string to_xml_document(std::string_view root,
                            const ordered_json& document) {
  std::string out{xml_declaration};
  append(out, root, document);
  return out;
}

std::string text_to_xml(std::string_view text) {
  std::string out;
  append_xml_element(out, "string", text);
  return out;
}

} // namespace callboard
