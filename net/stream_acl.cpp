// Roles are logins, groups, or `$all` for everybody.
#include "net/stream_acl.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cassert>

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

stream_acl read_acl(const nlohmann::json& document) {
  stream_acl out;
  if (!document.is_object())
    return out;
  constexpr std::array names{"$r", "$w", "$d", "$mr", "$mw"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto member = document.find(names[i]);
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

bool is_settings_type(std::string_view event_type) noexcept {
  return event_type == "update-default-acl" || event_type == "settings";
}

default_acls parse_default_acls(std::string_view text) {
  auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object())
    return {};
  auto member = [&document](const char* name) {
    auto found = document.find(name);
    return found == document.end() ? stream_acl{} : read_acl(*found);
  };
  return {member("$userStreamAcl"), member("$systemStreamAcl")};
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
