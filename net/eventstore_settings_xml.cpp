// Settings in XML become the JSON that they are in, and are read from that.
#include "net/eventstore_settings.hpp"
#include "net/xml_reader.hpp"

#include <boost/beast/core/string.hpp>
#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace callboard {

namespace {

using boost::beast::iequals;
using nlohmann::json;

std::string trimmed(const std::string& text) {
  constexpr std::string_view blank = " \t\r\n";
  auto first = text.find_first_not_of(blank);
  if (first == std::string::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) + 1 - first);
}

bool is_text_member(std::string_view name) {
  return iequals(name, "namedConsumerStrategy")
         || iequals(name, "leaseDurability");
}

bool is_nil(const json& element) {
  for (auto& [name, value] : element.items())
    if (name.starts_with('@') && name.ends_with(":nil"))
      return value == "true" || value == "1";
  return false;
}

json typed(std::string_view name, const json& value);

json typed_object(std::string_view name, const json& element) {
  if (is_nil(element))
    return {};
  if (auto text = element.find("#text"); text != element.end())
    return typed(name, *text);
  auto out = json::object();
  for (auto& [member, value] : element.items())
    if (!member.starts_with('@'))
      out[member] = typed(member, value);
  return out;
}

/// A value with the type that its text looks like, without attributes.
json typed(std::string_view name, const json& value) {
  if (value.is_object())
    return typed_object(name, value);
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

/// `<DelaysMilliseconds>` once for each delay, or around an element for each.
json listed(json delays) {
  if (delays.is_object() && delays.size() == 1)
    delays = json(delays.front());
  return delays.is_array() || delays.is_null() ? delays : json::array({delays});
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
  auto settings = typed({}, json::parse(*document, nullptr, false));
  if (settings.is_object())
    list_delays(settings);
  return parse_group_settings(settings.dump());
}

} // namespace callboard
