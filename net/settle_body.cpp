// Member by member; what is not known is refused, so that no typo is lost.
#include "net/settle_body.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/time_text.hpp"
#include "net/json_body.hpp"
#include "net/json_text.hpp"
#include "net/lease_holders.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <utility>

namespace callboard {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;

refusal wrong(const std::string& where, const json& value,
              std::string_view allowed) {
  return {400, where + " is " + quoted_value(value)
                 + "; allowed: " + std::string{allowed} + "."};
}

/// Refuses members that are not among `known`.
accepted<void> check_members(const std::string& where, const json& object,
                             std::initializer_list<std::string_view> known) {
  for (auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end())
      continue;
    std::string allowed;
    for (auto& one : known)
      allowed.append(allowed.empty() ? "" : ", ").append(one);
    return refusal{400, where + " has a member " + quoted_value(name)
                          + "; allowed: " + allowed + "."};
  }
  return {};
}

/// A number of `unit`, or a duration as text.
accepted<milliseconds> read_duration(const std::string& where,
                                     const json& value, milliseconds unit,
                                     milliseconds most) {
  std::optional<milliseconds> out;
  if (value.is_string()) {
    out = parse_duration(value.get<std::string>(), unit);
  } else if (value.is_number_unsigned()
             && value.get<std::uint64_t>()
                  <= std::uint64_t(most.count() / unit.count())) {
    out = value.get<std::int64_t>() * unit;
  }
  if (!out || *out > most)
    return wrong(
      where, value,
      std::string{"a number of "}
        + (unit == milliseconds{1} ? "milliseconds" : "seconds")
        + ", or text such as \"30s\" (ms, s, m, h, d) or \"PT30S\", up to "
        + std::to_string(most.count()) + " milliseconds");
  return *out;
}

accepted<std::string> read_words(const std::string& where, const json& value) {
  if (!value.is_string())
    return wrong(where, value, "text");
  return kept_words(value.get<std::string>());
}

accepted<void> read_id(const std::string& where, const json& value,
                       settle_item& into) {
  auto text = value.is_string() ? value.get<std::string>() : std::string{};
  if (auto token = parse_lease_token(text))
    into.lease = *token;
  else if (auto id = parse_uuid(text))
    into.id = *id;
  else
    return wrong(where, value, "an event id, or a lease such as g7-l12");
  return {};
}

accepted<void> read_name(const std::string& where, const json& object,
                         settle_item& into) {
  if (auto id = object.find("id"); id != object.end())
    if (auto named = read_id(where + ".id", *id, into); !named)
      return named;
  if (auto lease = object.find("lease"); lease != object.end()) {
    into.lease =
      parse_lease_token(lease->is_string() ? lease->get<std::string>() : "");
    if (!into.lease)
      return wrong(where + ".lease", *lease, "a lease such as g7-l12");
  }
  if (!into.id && !into.lease)
    return refusal{400, where + " names neither an \"id\" nor a \"lease\"."};
  return {};
}

constexpr std::array<std::pair<std::string_view, settle_verb>, 4> actions{
  std::pair{std::string_view{"retry"}, settle_verb::retry},
  std::pair{std::string_view{"park"}, settle_verb::park},
  std::pair{std::string_view{"skip"}, settle_verb::skip},
  // What Event Store's clients may send; it skips too.
  std::pair{std::string_view{"stop"}, settle_verb::skip}};

accepted<void> read_action(const std::string& where, const json& object,
                           settle_item& into) {
  into.verb = settle_verb::retry;
  auto action = object.find("action");
  if (action == object.end())
    return {};
  for (auto& [name, verb] : actions)
    if (*action == name) {
      into.verb = verb;
      return {};
    }
  return wrong(where + ".action", *action, "retry, park, skip or stop");
}

/// A nack. With `"scope": "group"` it trips the breaker for its delay.
accepted<void> read_nack(const std::string& where, const json& object,
                         settle_batch& into) {
  if (auto known = check_members(
        where, object, {"id", "lease", "action", "delay", "reason", "scope"});
      !known)
    return known;
  settle_item item;
  if (auto named = read_name(where, object, item); !named)
    return named;
  if (auto read = read_action(where, object, item); !read)
    return read;
  if (auto reason = object.find("reason"); reason != object.end()) {
    auto words = read_words(where + ".reason", *reason);
    if (!words)
      return words.error();
    item.words = std::move(*words);
  }
  if (auto delay = object.find("delay"); delay != object.end()) {
    auto by = read_duration(where + ".delay", *delay, milliseconds{1},
                            limits::retry_delay_max);
    if (!by)
      return by.error();
    if (item.verb != settle_verb::retry)
      return wrong(where + ".delay", *delay, "only with the action retry");
    item.by = *by;
  }
  if (auto scope = object.find("scope"); scope != object.end()) {
    if (*scope != "group" && *scope != "event")
      return wrong(where + ".scope", *scope, "event or group");
    if (*scope == "group") {
      if (item.verb != settle_verb::retry || !item.by)
        return refusal{400, where
                              + " has the scope group, which pauses the group "
                                "for its \"delay\" and goes with the action "
                                "retry: give a delay."};
      into.trip = {*item.by, item.words};
      item.by = milliseconds{0};
      item.trips = true;
    }
  }
  into.items.push_back(std::move(item));
  return {};
}

accepted<void> read_extend(const std::string& where, const json& object,
                           settle_batch& into) {
  if (auto known = check_members(where, object, {"id", "lease", "by"}); !known)
    return known;
  settle_item item;
  item.verb = settle_verb::extend;
  if (auto named = read_name(where, object, item); !named)
    return named;
  if (auto value = object.find("by"); value != object.end()) {
    auto by = read_duration(where + ".by", *value, milliseconds{1},
                            limits::retry_delay_max);
    if (!by)
      return by.error();
    item.by = *by;
  }
  into.items.push_back(std::move(item));
  return {};
}

accepted<void> read_plain(const std::string& where, const json& value,
                          settle_verb verb, settle_batch& into) {
  settle_item item;
  item.verb = verb;
  if (!value.is_object()) {
    if (auto named = read_id(where, value, item); !named)
      return named;
  } else {
    if (auto known = check_members(where, value, {"id", "lease"}); !known)
      return known;
    if (auto named = read_name(where, value, item); !named)
      return named;
  }
  into.items.push_back(std::move(item));
  return {};
}

struct item_list {
  std::string_view name;
  settle_verb verb;
};

constexpr std::array item_lists{item_list{"ack", settle_verb::ack},
                                item_list{"skip", settle_verb::skip},
                                item_list{"nack", settle_verb::retry},
                                item_list{"extend", settle_verb::extend},
                                item_list{"release", settle_verb::release}};

accepted<void> read_items(const item_list& list, const json& value,
                          settle_batch& into) {
  std::string name{list.name};
  if (!value.is_array())
    return wrong(name, value, "an array");
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (into.items.size() == limits::settle_items_max)
      return refusal{413, "More than "
                            + std::to_string(limits::settle_items_max)
                            + " things to settle in one request."};
    auto where = name + "[" + std::to_string(i) + "]";
    auto& one = value[i];
    bool detailed = one.is_object();
    auto read = detailed && list.name == "nack" ? read_nack(where, one, into)
                : detailed && list.name == "extend"
                  ? read_extend(where, one, into)
                  : read_plain(where, one, list.verb, into);
    if (!read)
      return read;
  }
  return {};
}

accepted<void> read_next(const json& value, settle_body& into) {
  if (!value.is_object())
    return wrong("next", value, "an object with count, wait and embed");
  if (auto known = check_members("next", value, {"count", "wait", "embed"});
      !known)
    return known;
  fetch_request next;
  if (auto count = value.find("count"); count != value.end()) {
    if (!count->is_number_unsigned() || *count < 1U
        || *count > limits::fetch_count_max)
      return wrong("next.count", *count,
                   "1 to " + std::to_string(limits::fetch_count_max));
    next.count = count->get<std::size_t>();
  }
  if (auto wait = value.find("wait"); wait != value.end()) {
    auto read = read_duration("next.wait", *wait, std::chrono::seconds{1},
                              limits::poll_wait_max);
    if (!read)
      return read.error();
    next.wait = *read;
  }
  if (auto embed = value.find("embed"); embed != value.end()) {
    if (*embed != "body" && *embed != "none")
      return wrong("next.embed", *embed, "body or none");
    into.embed = *embed == "body" ? lean_embed::body : lean_embed::none;
  }
  into.what.next = std::move(next);
  return {};
}

} // namespace

accepted<settle_body> read_settle_body(std::string_view text) {
  if (auto flat = check_json_depth(text); !flat)
    return flat.error();
  auto body = json::parse(text, nullptr, false);
  if (!body.is_object())
    return refusal{400, "The body is no JSON object; allowed: "
                        "{\"ack\": [...], \"nack\": [...], \"extend\": [...], "
                        "\"next\": {...}}."};
  if (auto known = check_members(
        "The body", body, {"ack", "skip", "nack", "extend", "release", "next"});
      !known)
    return known.error();
  settle_body out;
  for (std::size_t i = 0; i < item_lists.size(); ++i) {
    auto value = body.find(item_lists[i].name);
    if (value == body.end())
      continue;
    auto before = out.what.items.size();
    if (auto read = read_items(item_lists[i], *value, out.what); !read)
      return read.error();
    out.lists[i] = out.what.items.size() - before;
  }
  if (auto next = body.find("next"); next != body.end())
    if (auto read = read_next(*next, out); !read)
      return read.error();
  return out;
}

std::string_view to_string(settle_outcome outcome) noexcept {
  switch (outcome) {
    case settle_outcome::applied: return "applied";
    case settle_outcome::stale: return "stale";
    case settle_outcome::unknown: return "unknown";
  }
  return "unknown";
}

std::string settle_answer(const settle_body& asked,
                          const settle_batch_reply& reply) {
  std::string out = "{";
  std::array<std::size_t, 3> counts{};
  auto outcome = reply.items.begin();
  for (std::size_t list = 0; list < item_lists.size(); ++list) {
    if (!asked.lists[list])
      continue;
    out.append("\"").append(item_lists[list].name).append("\":[");
    for (std::size_t i = 0; i < *asked.lists[list]; ++i, ++outcome) {
      out.append(i > 0 ? ",\"" : "\"").append(to_string(*outcome)) += '"';
      ++counts[std::size_t(*outcome)];
    }
    out += "],";
  }
  if (!reply.items.empty())
    for (auto one : {settle_outcome::applied, settle_outcome::stale,
                     settle_outcome::unknown}) {
      out.append("\"").append(to_string(one)) += "\":";
      append_number(out, counts[std::size_t(one)]);
      out += ',';
    }
  if (reply.next != nullptr) {
    out += "\"events\":[";
    for (auto& one : reply.next->events) {
      if (out.back() != '[')
        out += ',';
      append_lean(out, asked.what.key.stream, reply.next->group, one,
                  asked.embed);
    }
    out += "],";
  }
  if (out.back() == ',')
    out.pop_back();
  return out += "}\n";
}

} // namespace callboard
