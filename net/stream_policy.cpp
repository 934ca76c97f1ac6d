// Metadata is rare: by nlohmann.
#include "net/stream_policy.hpp"

#include "net/json_body.hpp"
#include "net/json_layout.hpp"
#include "net/stream_acl.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace callboard {

namespace {

using nlohmann::json;

/// Reads what counts of an ACL, which is flat.
accepted<void> acl_of(const json& document, std::string& into) {
  if (auto ok = check_acl(document, "$acl"); !ok)
    return ok;
  auto acl = document.find("$acl");
  if (acl == document.end() || acl->is_null())
    return {};
  auto out = json::object();
  for (auto name : {"$r", "$w", "$d", "$mr", "$mw"})
    if (auto roles = acl->find(name); roles != acl->end() && !roles->is_null())
      out[name] = *roles;
  into = out.dump();
  return {};
}

/// Reads an integer of at least `least`; absent or null is fine.
accepted<void> read_integer(const json& document, const char* name,
                            std::int64_t least, std::uint64_t& into) {
  auto member = document.find(name);
  if (member == document.end() || member->is_null())
    return {};
  if (!member->is_number_integer()
      || (member->is_number_unsigned()
          && member->get<std::uint64_t>() > std::uint64_t{INT64_MAX})
      || member->get<std::int64_t>() < least)
    return refusal{400, name + (" is " + quoted_value(*member))
                          + "; allowed: an integer from "
                          + std::to_string(least) + " to "
                          + std::to_string(INT64_MAX) + "."};
  into = member->get<std::uint64_t>();
  return {};
}

} // namespace

accepted<stream_policy> parse_stream_policy(const new_event& e) {
  // As the document is shown when it is read back.
  auto text = e.is_json ? to_strict_json(e.data) : std::nullopt;
  if (!text)
    return stream_policy{};
  auto document = json::parse(*text, nullptr, false);
  if (!document.is_object())
    return refusal{400, "The metadata are not a JSON object."};
  stream_policy out;
  for (auto& ok :
       {read_integer(document, "$maxCount", 1, out.max_count),
        read_integer(document, "$maxAge", 1, out.max_age_seconds),
        read_integer(document, "$tb", 0, out.truncate_before),
        read_integer(document, "$cacheControl", 1, out.cache_control_seconds),
        acl_of(document, out.acl)})
    if (!ok)
      return ok.error();
  return out;
}

std::string without_cut(std::string_view metadata) {
  auto text = to_strict_json(metadata).value_or("{}");
  auto document = nlohmann::ordered_json::parse(text, nullptr, false);
  document.erase("$tb");
  return document.dump();
}

} // namespace callboard
