// Roles are logins, groups, or `$all` for everybody.
#include "net/stream_acl.hpp"

#include "net/json_body.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cassert>
#include <string>

namespace callboard {

namespace {

constexpr std::string_view everybody = "$all";
constexpr std::string_view administrators = "$admins";
constexpr std::string_view operators = "$ops";

bool has_role(const principal* who, std::string_view role) noexcept {
  return role == everybody
         || (who != nullptr && (who->login == role || is_in_group(who, role)));
}

stream_right right_of(access_rule rule) noexcept {
  switch (rule) {
    case access_rule::write_stream: return stream_right::write;
    case access_rule::delete_stream: return stream_right::erase;
    case access_rule::read_metadata: return stream_right::read_metadata;
    case access_rule::write_metadata: return stream_right::write_metadata;
    case access_rule::anyone:
    case access_rule::signed_in:
    case access_rule::administrators:
    case access_rule::operators:
    case access_rule::read_stream:
    case access_rule::consume_stream:
    case access_rule::read_all: break;
  }
  return stream_right::read;
}

/// In the order of `stream_right`.
constexpr std::array right_names{"$r", "$w", "$d", "$mr", "$mw"};

stream_acl read_acl(const nlohmann::json& document) {
  stream_acl out;
  if (!document.is_object())
    return out;
  for (std::size_t i = 0; i < right_names.size(); ++i) {
    auto member = document.find(right_names[i]);
    if (member == document.end() || member->is_null())
      continue;
    auto& roles = out.rights[i].emplace();
    if (member->is_string())
      roles.push_back(member->get<std::string>());
    else if (member->is_array())
      for (auto& role : *member)
        if (role.is_string())
          roles.push_back(role.get<std::string>());
  }
  return out;
}

refusal no_acl(const std::string& name, const nlohmann::json& value,
               std::string_view allowed) {
  return {400, name + " is " + quoted_value(value)
                 + "; allowed: " + std::string{allowed} + "."};
}

bool names_roles(const nlohmann::json& value) {
  return value.is_string()
         || (value.is_array()
             && std::all_of(value.begin(), value.end(),
                            [](auto& role) { return role.is_string(); }));
}

/// What operators may read without a word in any ACL (spec 7.4).
bool is_operators_own(const acl_question& asked) noexcept {
  return asked.right == stream_right::read
         && (asked.stream == "$scavenges"
             || asked.stream.starts_with("$scavenges-"));
}

bool holds_one(const principal* who, const stream_acl::roles& roles) noexcept {
  return is_in_group(who, administrators)
         || std::any_of(roles.begin(), roles.end(),
                        [who](auto& role) { return has_role(who, role); });
}

} // namespace

stream_acl parse_acl(std::string_view text) {
  return read_acl(nlohmann::json::parse(text, nullptr, false));
}

accepted<void> check_acl(const nlohmann::json& document,
                         const std::string& name) {
  auto acl = document.find(name);
  if (acl == document.end() || acl->is_null())
    return {};
  if (!acl->is_object())
    return no_acl(name, *acl, "an object of $r, $w, $d, $mr and $mw");
  for (std::string right : right_names)
    if (auto roles = acl->find(right);
        roles != acl->end() && !roles->is_null() && !names_roles(*roles))
      return no_acl(right + " of " + name, *roles,
                    "a login or group, or an array of them");
  return {};
}

bool is_settings_type(std::string_view event_type) noexcept {
  return event_type == "update-default-acl" || event_type == "settings";
}

default_acls parse_default_acls(std::string_view text) {
  auto document = parse_json_body(text);
  if (!document.is_object())
    return {};
  auto member = [&document](const char* name) {
    auto found = document.find(name);
    return found == document.end() ? stream_acl{} : read_acl(*found);
  };
  return {member("$userStreamAcl"), member("$systemStreamAcl")};
}

accepted<void> check_settings(std::string_view stream, const new_event& e) {
  if (stream != settings_stream || !is_settings_type(e.type))
    return {};
  if (e.data.size() > document_bytes_max)
    return refusal{413, "The default ACLs have " + std::to_string(e.data.size())
                          + " bytes; at most "
                          + std::to_string(document_bytes_max)
                          + " are allowed."};
  if (auto ok = check_json_depth(e.data); !ok)
    return ok.error();
  auto document = parse_json_body(e.data);
  if (!document.is_object())
    return refusal{400, "An event of type " + e.type
                          + " is a JSON object of $userStreamAcl and "
                            "$systemStreamAcl here, and its data are not."};
  if (auto ok = check_acl(document, "$userStreamAcl"); !ok)
    return ok.error();
  return check_acl(document, "$systemStreamAcl");
}

acl_question question_about(std::string_view stream,
                            access_rule rule) noexcept {
  acl_question out{stream, right_of(rule)};
  if (!stream.starts_with("$$"))
    return out;
  out.stream.remove_prefix(2);
  out.right =
    out.right == stream_right::read || out.right == stream_right::read_metadata
      ? stream_right::read_metadata
      : stream_right::write_metadata;
  return out;
}

bool is_in_group(const principal* who, std::string_view group) noexcept {
  return who != nullptr
         && std::find(who->groups.begin(), who->groups.end(), group)
              != who->groups.end();
}

std::optional<bool> decided_without_acl(const principal* who,
                                        const acl_question& asked) noexcept {
  if (asked.stream == "$all"
      && (asked.right == stream_right::write
          || asked.right == stream_right::erase))
    return false;
  if (is_in_group(who, administrators))
    return true;
  return std::nullopt;
}

bool allows(const stream_acl& acl, const default_acls& defaults,
            const principal* who, const acl_question& asked) noexcept {
  auto right = static_cast<std::size_t>(asked.right);
  if (auto& roles = acl.rights[right])
    return holds_one(who, *roles);
  if (is_operators_own(asked) && is_in_group(who, operators))
    return true;
  bool system = asked.stream.starts_with('$');
  if (auto& roles = (system ? defaults.system : defaults.user).rights[right])
    return holds_one(who, *roles);
  return has_role(who, system ? administrators : everybody);
}

} // namespace callboard
