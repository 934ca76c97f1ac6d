// nlohmann reads what is proper; what is not is made so first.
#include "net/json_body.hpp"

#include "actors/core/limits.hpp"
#include "net/json_layout.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace callboard {

using nlohmann::json;

accepted<void> check_json_depth(std::string_view body) {
  if (json_depth(body) > limits::json_depth_max)
    return refusal{400, "Arrays and objects may be nested "
                          + std::to_string(limits::json_depth_max) + " deep."};
  return {};
}

json parse_json_body(std::string_view body) {
  auto text = without_byte_order_mark(body);
  auto document = json::parse(text, nullptr, false);
  if (!document.is_discarded())
    return document;
  auto strict = to_strict_json(text);
  return strict ? json::parse(*strict, nullptr, false) : json{};
}

accepted<nlohmann::ordered_json>
read_object(std::string_view body,
            std::initializer_list<std::string_view> names) {
  if (auto ok = check_json_depth(body); !ok)
    return ok.error();
  auto out = nlohmann::ordered_json::parse(body, nullptr, false);
  std::string known;
  for (auto one : names)
    known.append(known.empty() ? "" : ", ").append(one);
  if (!out.is_object())
    return refusal{400, "The body is not a JSON object; allowed: one with "
                          + known + "."};
  for (auto& [name, value] : out.items())
    if (std::find(names.begin(), names.end(), name) == names.end())
      return refusal{400, "A member is " + quoted_value(name)
                            + "; allowed: " + known + "."};
  return out;
}

std::string quoted_value(const json& value) {
  auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

} // namespace callboard
