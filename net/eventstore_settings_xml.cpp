// Settings in XML become the JSON that they are in, and are read from that.
#include "net/ascii.hpp"
#include "net/eventstore_settings.hpp"
#include "net/xml_reader.hpp"
#include "net/xml_text.hpp"
#include "net/xml_values.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace callboard {

namespace {

using nlohmann::json;

std::string trimmed(const std::string& text) {
  auto first = text.find_first_not_of(xml_blank);
  if (first == std::string::npos)
    return {};
  return text.substr(first, text.find_last_not_of(xml_blank) + 1 - first);
}

bool is_text_member(std::string_view name) {
  return iequals(name, "namedConsumerStrategy")
         || iequals(name, "leaseDurability")
         || iequals(name, "chargeOnLeaseLoss");
}

/// Each text with the type that it looks like.
json typed(std::string_view name, const json& value) {
  if (value.is_object()) {
    auto out = json::object();
    for (auto& [member, element] : value.items())
      out[member] = typed(member, element);
    return out;
  }
  if (value.is_array()) {
    auto out = json::array();
    for (auto& element : value)
      out.push_back(typed(name, element));
    return out;
  }
  if (!value.is_string())
    return value;
  auto text = trimmed(value.get<std::string>());
  auto number = json::parse(text, nullptr, false);
  return number.is_number() && !is_text_member(name) ? number : json(text);
}

void list_delays(json& settings) {
  for (auto& [name, schedule] : settings.items())
    if (iequals(name, "retrySchedule") && schedule.is_object())
      for (auto& [member, value] : schedule.items())
        if (iequals(member, "delaysMilliseconds"))
          value = listed(std::move(value));
}

} // namespace

accepted<group_settings> parse_xml_group_settings(std::string_view body) {
  auto document = xml_to_json(body);
  if (!document)
    return group_settings{};
  auto settings =
    typed({}, without_attributes(json::parse(*document, nullptr, false)));
  if (settings.is_object())
    list_delays(settings);
  return parse_group_settings(settings.dump());
}

} // namespace callboard
