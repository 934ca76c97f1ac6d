// Query parameters, or one JSON object.
#include "net/barco_registration.hpp"

#include "actors/core/limits.hpp"
#include "net/ascii.hpp"
#include "net/barco_records.hpp"
#include "net/utf8.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>
#include <utility>

namespace callboard {

namespace {

using nlohmann::json;

/// More than all names that are allowed, escaped.
constexpr std::size_t registration_bytes_max = std::size_t{64} << 10;

constexpr std::string_view bad_payload = "Invalid ConsumerInfo payload";
constexpr std::string_view bad_policy = "Invalid offset reset policy value";
constexpr std::string_view empty_names =
  "Consumer id and topics can not be empty";

refusal bad(std::string_view text) {
  return {400, std::string{text}};
}

accepted<void> check_name(std::string_view what, std::string_view name,
                          std::size_t bytes_max) {
  if (name.size() > bytes_max)
    return bad(std::string{what} + " is " + std::to_string(name.size())
               + " bytes long; allowed: up to " + std::to_string(bytes_max));
  if (has_control_characters(name))
    return bad(std::string{what} + " has control characters");
  return {};
}

accepted<join_request> checked(join_request what) {
  if (what.key.id.empty() || what.topics.empty()
      || std::any_of(what.topics.begin(), what.topics.end(),
                     [](auto& topic) { return topic.empty(); }))
    return bad(empty_names);
  if (auto ok =
        check_name("Consumer id", what.key.id, limits::consumer_id_bytes_max);
      !ok)
    return ok.error();
  if (auto ok = check_name("Group", what.group, limits::group_name_bytes_max);
      !ok)
    return ok.error();
  std::size_t bytes = 0;
  for (auto& topic : what.topics) {
    if (auto ok = check_topic(topic); !ok)
      return ok.error();
    bytes += topic.size() + 2;
  }
  if (what.topics.size() > limits::consumer_topics_max
      || bytes > limits::consumer_topics_bytes_max)
    return bad("Too many topics; allowed: up to "
               + std::to_string(limits::consumer_topics_max) + " with "
               + std::to_string(limits::consumer_topics_bytes_max)
               + " bytes of names");
  return what;
}

std::string group_or_default(std::string_view group) {
  return std::string{group.empty() ? "default" : group};
}

accepted<join_request> by_query(const http_request& request,
                                std::string_view id) {
  join_request out;
  out.key.id = id;
  out.group = group_or_default(request.query("group").value_or(""));
  for (auto topic : request.query_list("topic"))
    out.topics.emplace_back(topic);
  auto policy = request.query("onNewGroup").value_or("");
  if (policy == "startFromEarliest")
    out.from = start_policy::earliest;
  else if (!policy.empty() && policy != "startFromLatest")
    return bad(bad_policy);
  return checked(std::move(out));
}

/// The first JSON value of a text; what follows it does not matter.
std::optional<json> first_value(const std::string& text) {
  if (text.size() > registration_bytes_max)
    return std::nullopt;
  std::istringstream in{text};
  json out;
  try {
    in >> out;
  } catch (const json::exception&) {
    return std::nullopt;
  }
  return out;
}

/// A member that must be text if it is there.
bool take_text(const json& from, const char* name, std::string& into) {
  auto found = from.find(name);
  if (found == from.end() || found->is_null())
    return true;
  if (!found->is_string())
    return false;
  into = found->get<std::string>();
  return true;
}

bool take_topics(const json& from, std::vector<std::string>& into) {
  auto found = from.find("topics");
  if (found == from.end() || found->is_null())
    return true;
  if (!found->is_array())
    return false;
  for (auto& topic : *found) {
    if (!topic.is_string())
      return false;
    into.push_back(topic.get<std::string>());
  }
  return true;
}

accepted<join_request> by_body(const http_request& request) {
  auto body = first_value(request.body);
  join_request out;
  if (!body || !body->is_object() || !take_text(*body, "id", out.key.id)
      || !take_text(*body, "group", out.group)
      || !take_topics(*body, out.topics))
    return bad(bad_payload);
  out.group = group_or_default(out.group);
  out.key.bound_group = out.group;
  if (auto policy = body->find("onNewGroup");
      policy != body->end() && !policy->is_null()) {
    if (!policy->is_number_integer())
      return bad(bad_payload);
    if (*policy != 0 && *policy != 1)
      return bad(bad_policy);
    out.from = *policy == 1 ? start_policy::earliest : start_policy::latest;
  }
  return checked(std::move(out));
}

} // namespace

std::string_view consumer_call(const http_request& request) {
  if (request.segment_count() != 3 || request.trailing_slash()
      || request.segment(0) != "v1" || request.segment(1) != "consumer")
    return {};
  auto call = request.segment(2);
  bool put = request.method == http_verb::put && call == "register";
  return put || request.method == http_verb::post ? call : std::string_view{};
}

accepted<bool> read_goodbye(const http_request& request) {
  auto commit = request.query("commit").value_or("true");
  if (iequals(commit, "true"))
    return true;
  if (iequals(commit, "false"))
    return false;
  return bad("commit is \"" + std::string{commit}
             + "\"; allowed: true and false");
}

std::optional<std::string_view> consumer_id(const http_request& request) {
  for (auto* name : {"consumerId", "consumer_id"})
    if (auto id = request.query(name); id && !id->empty())
      return id;
  return std::nullopt;
}

accepted<join_request> read_registration(const http_request& request) {
  if (auto id = consumer_id(request))
    return by_query(request, *id);
  return by_body(request);
}

} // namespace callboard
