// Reading with nlohmann, writing by hand: member order is part of the answer.
#include "net/users_json.hpp"

#include "actors/core/limits.hpp"
#include "net/json_body.hpp"
#include "net/json_members.hpp"
#include "net/url.hpp"

#include <boost/beast/core/string.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

using boost::beast::iequals;
using nlohmann::json;

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

accepted<json> parse_object(std::string_view body) {
  if (auto ok = check_json_depth(body); !ok)
    return ok.error();
  auto document = parse_json_body(body);
  if (!document.is_object())
    return bad("The body is not a JSON object.");
  return document;
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

void append_links(json_members& members, std::string& out,
                  std::string_view base, const user_info& user) {
  auto uri = user_uri(base, user.login);
  auto command = uri + "/command/";
  const std::pair<std::string, std::string_view> links[]{
    {command + "reset-password", "reset-password"},
    {command + "change-password", "change-password"},
    {uri, "edit"},
    {uri, "delete"},
    user.disabled ? std::pair{command + "enable", std::string_view{"enable"}}
                  : std::pair{command + "disable", std::string_view{"disable"}},
  };
  members.name("links");
  out += '[';
  for (auto& [href, relation] : links) {
    if (&href != &links[0].first)
      out += ',';
    append_line(out, members.depth() + 2);
    json_members link{out, members.depth() + 2};
    link.text("href", href);
    link.text("rel", relation);
    link.end();
  }
  append_line(out, members.depth() + 1);
  out += ']';
}

void append_user(std::string& out, std::size_t depth, std::string_view base,
                 const user_info& user) {
  json_members members{out, depth};
  members.text("loginName", user.login);
  members.text("fullName", user.full_name);
  members.name("groups");
  out += '[';
  for (std::size_t i = 0; i < user.groups.size(); ++i) {
    if (i > 0)
      out += ',';
    append_line(out, depth + 2);
    append_json_string(out, user.groups[i]);
  }
  if (!user.groups.empty())
    append_line(out, depth + 1);
  out += ']';
  members.flag("disabled", user.disabled);
  members.name("dateLastUpdated");
  out += '"';
  append_time(out, user.updated);
  out += '"';
  append_links(members, out, base, user);
  members.end();
}

/// The envelope; `append_data` writes the member `data`.
template <class AppendData>
std::string enveloped(AppendData append_data) {
  std::string out;
  json_members members{out, 0};
  members.flag("success", true);
  members.text("error", "Success");
  members.name("data");
  append_data(out);
  members.end();
  return out;
}

} // namespace

accepted<user_form> parse_new_user(std::string_view body) {
  auto object = parse_object(body);
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

accepted<user_form> parse_user_details(std::string_view body) {
  auto object = parse_object(body);
  if (!object)
    return object.error();
  user_form out;
  if (auto ok = read_details(*object, out); !ok)
    return ok.error();
  return out;
}

accepted<user_form> parse_password_reset(std::string_view body) {
  auto object = parse_object(body);
  if (!object)
    return object.error();
  auto password = read_password(*object, "newPassword");
  if (!password)
    return password.error();
  user_form out;
  out.password = std::move(*password);
  return out;
}

accepted<user_form> parse_password_change(std::string_view body) {
  auto object = parse_object(body);
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

std::string user_result_json(std::string_view login, std::string_view error) {
  std::string out;
  json_members members{out, 0};
  members.text("loginName", login);
  members.flag("success", error == "Success");
  members.text("error", error);
  members.end();
  return out;
}

std::string user_json(std::string_view base, const user_info& user) {
  return enveloped([&](std::string& out) { append_user(out, 1, base, user); });
}

std::string users_json(std::string_view base, const user_infos& users) {
  return enveloped([&](std::string& out) {
    out += '[';
    for (std::size_t i = 0; i < users.size(); ++i) {
      if (i > 0)
        out += ',';
      append_line(out, 2);
      append_user(out, 2, base, users[i]);
    }
    if (!users.empty())
      append_line(out, 1);
    out += ']';
  });
}

std::string no_user_json() {
  std::string out;
  json_members members{out, 0};
  members.flag("success", false);
  members.text("error", "NotFound");
  members.end();
  return out;
}

std::string user_uri(std::string_view base, std::string_view login) {
  std::string out{base};
  out += "/users/";
  append_segment(out, login);
  return out;
}

} // namespace callboard
