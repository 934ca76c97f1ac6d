// Metadata is rare: by nlohmann.
#include "net/stream_policy.hpp"

#include "net/json_layout.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace callboard {

namespace {

using nlohmann::json;

bool is_role(const json& value) {
  return value.is_string()
         || (value.is_array()
             && std::all_of(value.begin(), value.end(),
                            [](auto& role) { return role.is_string(); }));
}

/// What counts of an ACL, which is flat; nothing if it is none.
std::optional<json> acl_of(const json& value) {
  if (!value.is_object())
    return std::nullopt;
  auto out = json::object();
  for (auto name : {"$r", "$w", "$d", "$mr", "$mw"}) {
    auto member = value.find(name);
    if (member == value.end())
      continue;
    if (!is_role(*member))
      return std::nullopt;
    out[name] = *member;
  }
  return out;
}

/// Reads an integer of at least `least`; absent is fine.
bool read_integer(const json& document, const char* name, std::int64_t least,
                  std::uint64_t& into) {
  auto member = document.find(name);
  if (member == document.end())
    return true;
  if (!member->is_number_integer()
      || (member->is_number_unsigned()
          && member->get<std::uint64_t>() > std::uint64_t{INT64_MAX})
      || member->get<std::int64_t>() < least)
    return false;
  into = member->get<std::uint64_t>();
  return true;
}

} // namespace

stream_policy parse_stream_policy(const new_event& e) {
  if (!e.is_json)
    return {};
  auto text = without_byte_order_mark(e.data);
  auto document = json::parse(text, nullptr, false, true);
  if (!document.is_object())
    return {};
  stream_policy out;
  auto ok =
    read_integer(document, "$maxCount", 1, out.max_count)
    && read_integer(document, "$maxAge", 1, out.max_age_seconds)
    && read_integer(document, "$tb", 0, out.truncate_before)
    && read_integer(document, "$cacheControl", 1, out.cache_control_seconds);
  auto member = document.find("$acl");
  auto acl = member == document.end() ? std::nullopt : acl_of(*member);
  if (!ok || (member != document.end() && !acl))
    return {};
  if (acl)
    out.acl = acl->dump();
  return out;
}

} // namespace callboard
