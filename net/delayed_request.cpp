// Parsers of one value each; the look-up that all routes of one message share.
#include "net/delayed_request.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/topics.hpp"
#include "net/delayed_names.hpp"
#include "net/delayed_times.hpp"
#include "net/eventstore_request.hpp"
#include "net/json_body.hpp"
#include "net/problem.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace callboard {

namespace {

using nlohmann::ordered_json;

refusal bad(std::string_view name, std::string_view value,
            std::string_view allowed) {
  return {400, std::string{name} + " is '" + std::string{value.substr(0, 100)}
                 + "'; allowed: " + std::string{allowed} + "."};
}

accepted<void> add_kinds(std::string_view text,
                         std::vector<delayed_kind>& into) {
  for (;;) {
    auto comma = text.find(',');
    auto kind = parse_kind(text.substr(0, comma));
    if (!kind)
      return bad("kind", text.substr(0, comma),
                 "publish, recurring, retry, lease-end, session-end, "
                 "retention, resume, replay, announce, bulk, forget");
    if (std::find(into.begin(), into.end(), *kind) == into.end())
      into.push_back(*kind); // so there are only so many for a job's row
    if (comma == std::string_view::npos)
      return {};
    text.remove_prefix(comma + 1);
  }
}

/// Both become part of a row if the filter is that of a job.
accepted<void> read_names(const services_ptr& services,
                          const http_request& request, delayed_filter& into) {
  auto stream = request.query("stream").value_or("");
  auto group = request.query("group").value_or("");
  if (!stream.empty()) {
    if (auto ok = check_readable_name(stream); !ok)
      return ok;
    into.stream = canonical_stream(services->placement, stream);
  }
  if (group.size() > limits::group_name_bytes_max)
    return refusal{
      400, "group has " + std::to_string(group.size()) + " bytes; at most "
             + std::to_string(limits::group_name_bytes_max) + " are allowed."};
  into.group = group;
  return {};
}

accepted<void> read_bound(const http_request& request, std::string_view name,
                          wall_time& into) {
  auto text = request.query(name);
  if (!text)
    return {};
  auto at = read_moment(name, *text);
  if (!at)
    return at.error();
  into = *at;
  return {};
}

} // namespace

accepted<delayed_filter> read_delayed_filter(const services_ptr& services,
                                             const http_request& request) {
  delayed_filter out;
  for (auto text : request.query_list("kind"))
    if (auto ok = add_kinds(text, out.kinds); !ok)
      return ok.error();
  if (auto ok = read_names(services, request, out); !ok)
    return ok.error();
  if (auto ok = read_bound(request, "from", out.from); !ok)
    return ok.error();
  if (auto ok = read_bound(request, "to", out.to); !ok)
    return ok.error();
  return out;
}

accepted<delayed_query> read_delayed_query(const services_ptr& services,
                                           const http_request& request) {
  auto filter = read_delayed_filter(services, request);
  if (!filter)
    return filter.error();
  delayed_query out;
  out.filter = std::move(*filter);
  auto count =
    read_count(request, "limit", out.count, limits::delayed_page_max);
  if (!count)
    return count.error();
  out.count = *count;
  if (auto text = request.query("after")) {
    auto behind = parse_delayed_name(*text);
    if (!behind || behind->scheduled)
      return bad("after", *text, "what a link to the next page has");
    out.after_due = behind->due;
    out.after_partition = behind->partition;
    out.after_id = behind->id;
  }
  return out;
}

accepted<std::optional<due_time>> read_new_due(const ordered_json& body) {
  auto due = body.find("due");
  auto delay = body.find("delay");
  if (due != body.end() && delay != body.end())
    return refusal{400, "There are both due and delay; one of them says when."};
  if (due != body.end()) {
    if (!due->is_string())
      return bad("due", due->dump(), "a string, as 2027-01-01T00:00:00Z");
    auto at = read_moment("due", due->get<std::string>());
    if (!at)
      return at.error();
    return std::optional{due_time{{}, *at}};
  }
  if (delay == body.end())
    return std::optional<due_time>{};
  auto text = delay->is_string() ? delay->get<std::string>() : delay->dump();
  auto in = read_delay_of("delay", text);
  if (!in)
    return in.error();
  return std::optional{*in};
}

http_answer beyond_retry_max() {
  static_assert(limits::retry_delay_max == std::chrono::hours{24 * 365});
  return problem(http_status::bad_request, "too-far-ahead",
                 "Retries and leases wait for 365 days at most, and that is "
                 "later.");
}

http_answer refused_problem(const refusal& why) {
  return problem(http_status(why.status), "invalid-request", why.text);
}

bool is_operator(const http_request& request) noexcept {
  auto* who = request.user.get();
  return is_in_group(who, "$admins") || is_in_group(who, "$ops");
}

namespace {

/// Goes on for who may write to the stream of what is scheduled.
void check_writer(const services_ptr& services, const http_exchange& exchange,
                  const delayed_detail_ptr& found,
                  std::function<void(const delayed_detail_ptr&)> then) {
  auto& what = found->item.what;
  if (!may_be_changed(what.kind))
    return exchange.answer(denied_answer());
  services->access->check_stream(
    exchange.request().user.get(), access_rule::write_stream, what.stream,
    exchange.executor(), [=, then = std::move(then)](verdict v) {
      if (v == verdict::granted)
        return then(found);
      exchange.answer(v == verdict::unavailable
                        ? error_answer(errc::unavailable)
                        : denied_answer());
    });
}

} // namespace

void with_delayed(const services_ptr& services, const http_exchange& exchange,
                  std::function<void(const delayed_detail_ptr&)> then) {
  auto& request = exchange.request();
  auto name = std::string{request.parameter("id")};
  auto which = parse_delayed_name(name);
  if (!which)
    return exchange.answer(problem(errc::not_found, "delayed message " + name));
  ask_for<delayed_detail_ptr>(
    services, exchange, services->broker,
    [services, exchange, name,
     then = std::move(then)](const result<delayed_detail_ptr>& found) {
      if (!found)
        return exchange.answer(problem(found.error(), name));
      if (*found == nullptr)
        return exchange.answer(problem(
          http_status::not_found, "not-found",
          "Nothing of the name " + name
            + " waits: it has happened, or it was taken away or moved."));
      if (is_operator(exchange.request()))
        return then(*found);
      check_writer(services, exchange, *found, then);
    },
    delayed_atom_v, *which);
}

} // namespace callboard
