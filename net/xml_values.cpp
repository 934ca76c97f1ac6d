// Walks over what is at most `xml_depth_max` deep.
#include "net/xml_values.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace callboard {

using nlohmann::json;

namespace {

bool is_nil(const json& element) {
  for (auto& [name, value] : element.items())
    if (name.starts_with('@') && name.ends_with(":nil"))
      return value == "true" || value == "1";
  return false;
}

} // namespace

json without_attributes(const json& element) {
  if (element.is_array()) {
    auto out = json::array();
    for (auto& one : element)
      out.push_back(without_attributes(one));
    return out;
  }
  if (!element.is_object())
    return element;
  if (is_nil(element))
    return {};
  if (auto text = element.find("#text"); text != element.end())
    return without_attributes(*text);
  auto out = json::object();
  for (auto& [name, value] : element.items())
    if (!name.starts_with('@'))
      out[name] = without_attributes(value);
  return out;
}

json listed(json element) {
  if (element.is_null() || element.is_array())
    return element;
  if (element == "" || element == json::object())
    return json::array();
  if (element.is_object() && element.size() == 1)
    element = json(element.front());
  return element.is_array() ? element : json::array({element});
}

} // namespace callboard
