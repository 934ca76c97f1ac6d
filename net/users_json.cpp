// Reading member by member; written in order, which is part of the answer.
#include "net/users_json.hpp"

#include "actors/core/limits.hpp"
#include "net/ascii.hpp"
#include "net/json_body.hpp"
#include "net/json_text.hpp"
#include "net/url.hpp"
#include "net/xml_reader.hpp"
#include "net/xml_values.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

refusal bad(std::string text) {
  return {400, std::move(text)};
}

std::string bytes_up_to(std::size_t most) {
  return "a text of up to " + std::to_string(most) + " bytes";
}

refusal wrong(std::string_view name, const json& value, std::string allowed) {
  return bad(std::string{name} + " is " + quoted_value(value)
             + "; allowed: " + std::move(allowed) + ".");
}

refusal too_long(std::string_view name, std::size_t bytes, std::size_t most) {
  return bad(std::string{name} + " has " + std::to_string(bytes)
             + " bytes; allowed: up to " + std::to_string(most) + ".");
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

accepted<json> parse_json_object(std::string_view body) {
  if (auto ok = check_json_depth(body); !ok)
    return ok.error();
  auto document = parse_json_body(body);
  if (!document.is_object())
    return bad("The body is not a JSON object.");
  return document;
}

accepted<json> parse_xml_object(std::string_view body) {
  auto text = xml_to_json(body);
  auto document = json::parse(text ? *text : "false", nullptr, false);
  if (document.is_null() || document == "") // an element with nothing in it
    document = json::object();
  if (!document.is_object() || document.contains("#text"))
    return bad("The body is not XML with an element for each member.");
  for (auto& element : document)
    if (element.is_null())
      element = "";
  document = without_attributes(document);
  for (auto& [name, element] : document.items())
    if (iequals(name, "groups"))
      element = listed(std::move(element));
  return document;
}

accepted<json> parse_object(std::string_view body, const media_type& type) {
  return type.is_xml() ? parse_xml_object(body) : parse_json_object(body);
}

/// A member whose name is this in any case; of several the last one counts.
/// Null if it is not there, or null.
const json* find_member(const json& object, std::string_view name) {
  const json* out = nullptr;
  for (auto& [key, value] : object.items())
    if (iequals(key, name))
      out = &value;
  return out == nullptr || out->is_null() ? nullptr : out;
}

/// A text, also given as an integer.
accepted<std::string> as_text(std::string_view name, const json& value,
                              std::size_t bytes_max) {
  if (!value.is_string() && !value.is_number_integer())
    return wrong(name, value, bytes_up_to(bytes_max));
  auto text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.size() > bytes_max)
    return too_long(name, text.size(), bytes_max);
  return text;
}

accepted<std::string> read_login(const json& object) {
  constexpr std::string_view name = "loginName";
  auto* value = find_member(object, name);
  if (value == nullptr)
    return bad("loginName is missing; needed: "
               + bytes_up_to(limits::login_bytes_max) + ".");
  auto login = as_text(name, *value, limits::login_bytes_max);
  if (!login)
    return login.error();
  // `:` ends the login in credentials, `$` begins the names of groups.
  if (login->empty() || has_control(*login)
      || login->find_first_of("/:") != std::string::npos
      || login->starts_with('$'))
    return wrong(name, *value,
                 "a text that is not empty, has no control characters, no '/' "
                 "and no ':', and does not begin with '$'");
  return login;
}

accepted<std::string> read_password(const json& object, std::string_view name) {
  auto needed =
    "a text of 1 to " + std::to_string(limits::password_bytes_max) + " bytes.";
  auto* value = find_member(object, name);
  if (value == nullptr)
    return bad(std::string{name} + " is missing; needed: " + needed);
  // A password is not quoted in any message.
  if (!value->is_string() && !value->is_number_integer())
    return bad(std::string{name} + " is not a text; allowed: " + needed);
  auto password = as_text(name, *value, limits::password_bytes_max);
  if (password && password->empty())
    return bad(std::string{name} + " is empty; allowed: " + needed);
  return password;
}

accepted<void> read_full_name(const json& object, user_form& into) {
  constexpr std::string_view name = "fullName";
  auto* value = find_member(object, name);
  if (value == nullptr)
    return {};
  auto text = as_text(name, *value, limits::full_name_bytes_max);
  if (!text)
    return text.error();
  if (has_control(*text))
    return wrong(name, *value, "a text without control characters");
  into.full_name = std::move(*text);
  return {};
}

accepted<void> read_groups(const json& object, user_form& into) {
  const std::string name = "groups";
  auto* value = find_member(object, name);
  if (value == nullptr)
    return {};
  auto allowed =
    "an array of up to " + std::to_string(limits::user_groups_max) + " names";
  if (!value->is_array())
    return wrong(name, *value, allowed);
  if (value->size() > limits::user_groups_max)
    return bad(name + " has " + std::to_string(value->size())
               + " members; allowed: " + allowed + ".");
  std::vector<std::string> groups;
  for (auto& member : *value) {
    auto at = name + "[" + std::to_string(groups.size()) + "]";
    auto group = as_text(at, member, limits::user_group_bytes_max);
    if (!group)
      return group.error();
    if (group->empty() || has_control(*group))
      return wrong(at, member,
                   "a name that is not empty and has no control characters");
    groups.push_back(std::move(*group));
  }
  into.groups = std::move(groups);
  return {};
}

accepted<void> read_details(const json& object, user_form& into) {
  if (auto ok = read_full_name(object, into); !ok)
    return ok;
  return read_groups(object, into);
}

ordered_json links_of(std::string_view base, const user_info& user) {
  auto uri = user_uri(base, user.login);
  auto out = ordered_json::array();
  auto add = [&](const std::string& href, std::string_view relation) {
    out.push_back({{"href", href}, {"rel", relation}});
  };
  auto add_command = [&](std::string_view name) {
    add(uri + "/command/" + std::string{name}, name);
  };
  add_command("reset-password");
  add_command("change-password");
  add(uri, "edit");
  add(uri, "delete");
  add_command(user.disabled ? "enable" : "disable");
  return out;
}

ordered_json details_of(std::string_view base, const user_info& user) {
  std::string updated;
  append_time(updated, user.updated);
  return {{"loginName", user.login},    {"fullName", user.full_name},
          {"groups", user.groups},      {"disabled", user.disabled},
          {"dateLastUpdated", updated}, {"links", links_of(base, user)}};
}

ordered_json enveloped(ordered_json data) {
  return {{"success", true}, {"error", "Success"}, {"data", std::move(data)}};
}

} // namespace

accepted<user_form> parse_new_user(std::string_view body,
                                   const media_type& type) {
  auto object = parse_object(body, type);
  if (!object)
    return object.error();
  user_form out;
  auto login = read_login(*object);
  if (!login)
    return login.error();
  if (auto ok = read_details(*object, out); !ok)
    return ok.error();
  auto password = read_password(*object, "password");
  if (!password)
    return password.error();
  out.login = std::move(*login);
  out.password = std::move(*password);
  return out;
}

accepted<user_form> parse_user_details(std::string_view body,
                                       const media_type& type) {
  auto object = parse_object(body, type);
  if (!object)
    return object.error();
  user_form out;
  if (auto ok = read_details(*object, out); !ok)
    return ok.error();
  return out;
}

accepted<user_form> parse_password_reset(std::string_view body,
                                         const media_type& type) {
  auto object = parse_object(body, type);
  if (!object)
    return object.error();
  auto password = read_password(*object, "newPassword");
  if (!password)
    return password.error();
  user_form out;
  out.password = std::move(*password);
  return out;
}

accepted<user_form> parse_password_change(std::string_view body,
                                          const media_type& type) {
  auto object = parse_object(body, type);
  if (!object)
    return object.error();
  auto current = read_password(*object, "currentPassword");
  if (!current)
    return current.error();
  auto password = read_password(*object, "newPassword");
  if (!password)
    return password.error();
  user_form out;
  out.password = std::move(*password);
  out.current_password = std::move(*current);
  return out;
}

ordered_json user_result_json(std::string_view login, std::string_view error) {
  return {
    {"loginName", login}, {"success", error == "Success"}, {"error", error}};
}

ordered_json user_json(std::string_view base, const user_info& user) {
  return enveloped(details_of(base, user));
}

ordered_json users_json(std::string_view base, const user_infos& users) {
  auto all = ordered_json::array();
  for (auto& user : users)
    all.push_back(details_of(base, user));
  return enveloped(std::move(all));
}

ordered_json no_user_json() {
  return {{"success", false}, {"error", "NotFound"}};
}

std::string user_uri(std::string_view base, std::string_view login) {
  std::string out{base};
  out += "/users/";
  append_segment(out, login);
  return out;
}

} // namespace callboard
