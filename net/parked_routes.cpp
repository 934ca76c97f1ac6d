// The parked workbench: what is parked and why, replayed or discarded by
// choice.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "actors/core/time_text.hpp"
#include "actors/core/topics.hpp"
#include "net/eventstore_request.hpp"
#include "net/explanation_text.hpp"
#include "net/group_routes.hpp"
#include "net/json_body.hpp"
#include "net/json_text.hpp"
#include "net/lean_events.hpp"
#include "net/lease_holders.hpp"
#include "net/link_targets.hpp"
#include "net/problem.hpp"
#include "net/subscription_routes.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <utility>

namespace callboard::group_routes {

namespace {

using nlohmann::json;

http_answer invalid(const std::string& text) {
  return problem(http_status::bad_request, "invalid-request", text);
}

/// A filter from names and values, of a query or of a body.
accepted<void> read_condition(std::string_view name, const std::string& value,
                              parked_filter& into) {
  if (name == "reason")
    into.reason = value;
  else if (name == "type")
    into.type = value;
  else if (name == "from" || name == "to") {
    auto at = parse_time(value);
    if (!at)
      return refusal{400, std::string{name} + " is '" + value
                            + "'; allowed: a time such as "
                              "2027-01-01T00:00:00Z."};
    (name == "from" ? into.from : into.to) = *at;
  } else if (name == "id" || name == "ids") {
    auto ids = read_event_ids(value);
    if (!ids)
      return ids.error();
    into.ids.insert(into.ids.end(), ids->begin(), ids->end());
  }
  return {};
}

accepted<parked_query> read_query(const http_request& request) {
  parked_query out;
  for (auto* name : {"reason", "type", "from", "to", "ids"})
    if (auto value = request.query(name))
      if (auto read = read_condition(name, std::string{*value}, out.filter);
          !read)
        return read.error();
  auto count = read_count(request, "limit", out.count, limits::parked_look_max);
  if (!count)
    return count.error();
  out.count = *count;
  if (auto after = request.query("after")) {
    auto number = parse_integer(*after);
    if (!number || *number < 0)
      return refusal{400, "after is '" + std::string{*after}
                            + "'; allowed: the `next` of a page."};
    out.after = event_number{std::uint64_t(*number)};
  }
  return out;
}

/// A page by hand: what is inside the events is copied as it was sent.
std::string page_text(const parked_page& page) {
  std::string out = "{\"parked\":";
  append_number(out, page.parked);
  out += ",\"byReason\":[";
  for (auto& [reason, count] : page.by_reason) {
    out += out.back() == '[' ? "{\"reason\":" : ",{\"reason\":";
    append_json_string(out, reason);
    out += ",\"count\":";
    append_number(out, count);
    out += '}';
  }
  out += "],\"events\":[";
  for (auto& one : page.items) {
    out += out.back() == '[' ? "\n{\"number\":" : ",\n{\"number\":";
    append_number(out, one.at.value);
    out += ",\"link\":\"";
    append_id(out, one.link);
    out += "\",\"target\":";
    append_json_string(out, one.target);
    out += ",\"reason\":";
    append_json_string(out, one.reason);
    out += ",\"parked\":\"";
    append_time(out, one.parked);
    out += '"';
    if (one.what != nullptr) {
      out += ",\"id\":\"";
      append_id(out, one.what->id);
      out += "\",\"type\":";
      append_json_string(out, one.what->type);
      out += ',';
      append_lean_body(out, *one.what);
    }
    out += '}';
  }
  out += ']';
  if (page.more) {
    out += ",\"next\":";
    append_number(out, page.looked_at.value);
  }
  return out += "}\n";
}

/// The stream of a parked event.
std::string source_of(const services_ptr& services, const parked_item& parked) {
  auto link = parse_link(parked.target);
  return link ? canonical_stream(services->placement, link->second)
              : std::string{};
}

void answer_page(const http_exchange& exchange, const parked_page& page) {
  http_answer answer{.content_type = media::json.content_type,
                     .body = page_text(page)};
  answer.add_header("Cache-Control", "no-store");
  exchange.answer(std::move(answer));
}

/// Without the events of streams that the client may not read: a group that
/// resolves links parks those too.
void show_page(const services_ptr& services, const http_exchange& exchange,
               const group_key& key, const parked_page_ptr& page) {
  std::set<std::string> others;
  for (auto& one : page->items)
    if (auto source = source_of(services, one);
        one.what != nullptr && source != key.stream)
      others.insert(std::move(source));
  find_unreadable(services, exchange, others,
                  [=](const result<std::set<std::string>>& unreadable) {
                    if (!unreadable)
                      return exchange.answer(
                        problem(unreadable.error(), describe(key)));
                    if (unreadable->empty())
                      return answer_page(exchange, *page);
                    auto shown = *page;
                    for (auto& one : shown.items)
                      if (unreadable->count(source_of(services, one)) > 0)
                        one.what = nullptr;
                    answer_page(exchange, shown);
                  });
}

} // namespace

void list_parked(const services_ptr& services, http_request& request,
                 const http_exchange& exchange) {
  auto query = read_query(request);
  if (!query)
    return exchange.answer(invalid(query.error().text));
  query->key = subscription_routes::key_of(services, request);
  auto key = query->key;
  ask_for<parked_page_ptr>(
    services, exchange, services->home_of(key.stream),
    [=](const result<parked_page_ptr>& found) {
      if (!found)
        return exchange.answer(problem(found.error(), describe(key)));
      show_page(services, exchange, key, *found);
    },
    parked_atom_v, std::move(*query));
}

namespace {

accepted<double> read_number(const std::string& name, const json& value,
                             double most) {
  if (!value.is_number() || value.get<double>() <= 0
      || value.get<double>() > most)
    return refusal{400, name + " is " + quoted_value(value)
                          + "; allowed: a number above 0, up to "
                          + json(most).dump() + "."};
  return value.get<double>();
}

/// `{"ids": […], "reason", "type", "from", "to"}` choose; `rate` and
/// `stopAtPercent` steer a replay, `why` is for a discard.
accepted<parked_command> read_command(const http_request& request,
                                      parked_verb verb) {
  parked_command out;
  out.verb = verb;
  if (auto ok = check_query_names(request, {"format"}); !ok)
    return ok.error();
  std::string_view sent = "{}";
  if (!request.body.empty())
    sent = request.body;
  auto body =
    verb == parked_verb::replay
      ? read_object(sent, {"ids", "reason", "type", "from", "to", "rate",
                           "stopAtPercent"})
      : read_object(sent, {"ids", "reason", "type", "from", "to", "why"});
  if (!body)
    return body.error();
  for (auto& [name, value] : body->items()) {
    bool text = value.is_string();
    if (name == "ids" && value.is_array()) {
      if (value.size() > limits::parked_ids_max)
        return refusal{
          413, "More than " + std::to_string(limits::parked_ids_max) + " ids."};
      for (auto& id : value)
        if (auto read = read_condition(
              "id", id.is_string() ? id.get<std::string>() : id.dump(),
              out.filter);
            !read)
          return read.error();
      if (value.empty())
        return refusal{400, "ids is empty: nothing is chosen."};
    } else if (text
               && (name == "reason" || name == "type" || name == "from"
                   || name == "to")) {
      if (auto read =
            read_condition(name, value.get<std::string>(), out.filter);
          !read)
        return read.error();
    } else if (name == "rate") {
      auto rate = read_number(name, value, 100'000);
      if (!rate)
        return rate.error();
      out.per_second = *rate;
    } else if (name == "stopAtPercent") {
      auto percent = read_number(name, value, 100);
      if (!percent)
        return percent.error();
      out.stop_percent = *percent;
    } else if (name == "why" && text) {
      out.words = kept_words(value.get<std::string>());
    } else {
      return refusal{400, name + " is " + quoted_value(value) + "; allowed: "
                            + (name == "ids" ? "a list." : "a text.")};
    }
  }
  if (verb == parked_verb::discard && out.words.empty())
    return refusal{400, "A discard is for ever: say \"why\"."};
  if (verb == parked_verb::discard && out.filter.empty())
    return refusal{400, "A discard names what to discard: ids, reason, type, "
                        "from or to."};
  return out;
}

void command(const services_ptr& services, const http_exchange& exchange,
             parked_verb verb, std::string_view counted) {
  auto what = read_command(exchange.request(), verb);
  if (!what)
    return exchange.answer(
      problem(static_cast<http_status>(what.error().status), "invalid-request",
              what.error().text));
  what->key = subscription_routes::key_of(services, exchange.request());
  auto key = what->key;
  ask_for<parked_reply>(
    services, exchange, services->home_of(key.stream),
    [=, counted = std::string{counted}](const result<parked_reply>& done) {
      if (!done && done.error() == errc::already_exists)
        return exchange.answer(problem(
          http_status::conflict, "parked-command-going-on",
          "A replay or discard of parked events of " + describe(key)
            + " is going on, one at a time. DELETE …/parked/replay ends it."));
      if (!done)
        return exchange.answer(problem(done.error(), describe(key)));
      exchange.answer(
        promised(*services,
                 {.content_type = media::json.content_type,
                  .body = "{\"" + counted + "\":" + std::to_string(done->chosen)
                          + (done->more ? ",\"more\":true}\n" : "}\n")}));
    },
    parked_atom_v, std::move(*what));
}

} // namespace

void replay_parked(const services_ptr& services, http_request&,
                   const http_exchange& exchange) {
  command(services, exchange, parked_verb::replay, "replayed");
}

void stop_replay(const services_ptr& services, http_request&,
                 const http_exchange& exchange) {
  command(services, exchange, parked_verb::stop_replay, "left");
}

void discard_parked(const services_ptr& services, http_request&,
                    const http_exchange& exchange) {
  command(services, exchange, parked_verb::discard, "discarded");
}

} // namespace callboard::group_routes
