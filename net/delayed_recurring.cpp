// What recurs: a rule, a stream, and what each event is like.
#include "actors/core/cron.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/time_text.hpp"
#include "actors/core/topics.hpp"
#include "net/delayed_json.hpp"
#include "net/delayed_names.hpp"
#include "net/delayed_request.hpp"
#include "net/delayed_routes.hpp"
#include "net/delayed_times.hpp"
#include "net/eventstore_batch.hpp"
#include "net/eventstore_request.hpp"
#include "net/json_body.hpp"
#include "net/json_text.hpp"
#include "net/problem.hpp"
#include "net/random_uuid.hpp"

#include <nlohmann/json.hpp>
#include <simdjson.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace callboard::delayed_routes {

namespace {

using nlohmann::ordered_json;

refusal wrong(std::string_view name, const ordered_json& value,
              std::string_view allowed) {
  auto text = value.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
  return {400, std::string{name} + " is " + text.substr(0, 80)
                 + "; allowed: " + std::string{allowed} + "."};
}

/// The member as a text; empty if it is not there.
accepted<std::string> text_of(const ordered_json& body, const char* name,
                              std::size_t bytes_max) {
  auto found = body.find(name);
  if (found == body.end())
    return std::string{};
  if (!found->is_string() || found->get_ref<const std::string&>().empty()
      || found->get_ref<const std::string&>().size() > bytes_max)
    return wrong(name, *found,
                 "a string of 1 to " + std::to_string(bytes_max) + " bytes");
  return found->get<std::string>();
}

accepted<void> read_every(const ordered_json& body, recurrence& into) {
  auto text = text_of(body, "every", 100);
  if (!text)
    return text.error();
  auto every = parse_duration(*text, std::chrono::seconds{1});
  if (!every || *every < limits::recurring_min || *every > limits::delay_max)
    return refusal{400, "every is '" + *text
                          + "'; allowed: a duration from 1 second to 36525 "
                            "days, without months and years (PT15M): those "
                            "are for cron."};
  into.every_ms = std::uint64_t(every->count());
  if (body.contains("timezone"))
    return refusal{400, "timezone is for cron; every counts from `from`."};
  return {};
}

accepted<void> read_cron(const ordered_json& body, recurrence& into) {
  auto line = text_of(body, "cron", limits::cron_bytes_max);
  if (!line)
    return line.error();
  if (!parse_cron(*line))
    return refusal{400, "cron is '" + *line
                          + "'; allowed: five fields, minute hour "
                            "day-of-month month day-of-week, of *, numbers, "
                            "ranges a-b, steps /n and commas (*/5 9-17 * * "
                            "1-5)."};
  auto zone = text_of(body, "timezone", limits::zone_bytes_max);
  if (!zone)
    return zone.error();
  into.cron = std::move(*line);
  into.zone = *zone == "UTC" ? std::string{} : std::move(*zone);
  return {};
}

accepted<wall_time> time_of(const ordered_json& body, const char* name) {
  auto text = text_of(body, name, 100);
  if (!text)
    return text.error();
  return text->empty() ? wall_time{} : read_moment(name, *text);
}

accepted<recurrence> read_rule(const ordered_json& body) {
  recurrence out;
  if (body.contains("every") == body.contains("cron"))
    return refusal{400, "The body needs one of every and cron."};
  auto rule =
    body.contains("every") ? read_every(body, out) : read_cron(body, out);
  if (!rule)
    return rule.error();
  auto missed = body.value("catchUp", ordered_json("skip"));
  if (missed == "once")
    out.missed = catch_up::once;
  else if (missed == "all")
    out.missed = catch_up::all;
  else if (missed != "skip")
    return wrong("catchUp", missed, "skip, once, all");
  auto from = time_of(body, "from");
  auto until = time_of(body, "until");
  if (!from || !until)
    return from ? until.error() : from.error();
  out.from = *from;
  out.until = *until;
  if (auto count = body.find("count"); count != body.end()) {
    if (!count->is_number_unsigned() || *count == 0)
      return wrong("count", *count, "an integer from 1 on");
    out.count = count->get<std::uint64_t>();
  }
  return out;
}

/// `event` as an event of a batch, its numbers as they came; an id of its own
/// if it has none.
accepted<new_event> read_event(std::string_view body) {
  simdjson::padded_string padded{body};
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  std::string_view text;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS
      || document["event"].get_object().get(object) != simdjson::SUCCESS
      || object.raw_json().get(text) != simdjson::SUCCESS)
    return refusal{400, "event is missing, or no object; it has eventType, "
                        "data and metadata."};
  auto inside = text.substr(1);
  auto first = inside.find_first_not_of(" \t\r\n");
  auto separator = first < inside.size() && inside[first] == '}' ? "" : ",";
  auto events = parse_batch("[{\"eventId\":\"" + to_string(random_uuid()) + "\""
                            + separator + std::string{inside} + "]");
  if (!events)
    return refusal{events.error().status, "event: " + events.error().text};
  return std::move(events->front());
}

accepted<recurring_request> read_recurring(const services_ptr& services,
                                           std::string_view text) {
  auto body = read_object(text, {"stream", "every", "cron", "timezone",
                                 "catchUp", "from", "until", "count", "event"});
  if (!body)
    return body.error();
  auto stream = text_of(*body, "stream", limits::stream_name_bytes_max);
  if (!stream)
    return stream.error();
  recurring_request out;
  out.stream = canonical_stream(services->placement, *stream);
  if (auto ok = check_publishable_name(out.stream); !ok)
    return ok.error();
  if (out.stream.starts_with("$$"))
    return refusal{400, "stream is the metadata of a stream, which takes "
                        "effect with its event and cannot be scheduled."};
  auto rule = read_rule(*body);
  if (!rule)
    return rule.error();
  out.rule = std::move(*rule);
  auto event = read_event(text);
  if (!event)
    return event.error();
  out.event = std::move(*event);
  if (auto ok = check_settings(out.stream, out.event); !ok)
    return ok.error();
  return out;
}

http_answer refused(errc why, const recurrence& rule) {
  if (why == errc::not_found)
    return refused_problem(
      {400, "timezone is '" + rule.zone
              + "'; allowed: a name of the time zone database "
                "(Europe/Berlin), which this broker takes from its operating "
                "system (package tzdata)."});
  if (why == errc::invalid_argument)
    return problem(http_status::bad_request, "never-due",
                   "The schedule never comes: no time to come fits it, its "
                   "from and its until.");
  if (why == errc::too_large)
    return problem(http_status::bad_request, "too-far-ahead", too_far());
  if (why == errc::already_exists)
    return problem(http_status::conflict, "id-in-use",
                   "The eventId names the schedule, and is scheduled for "
                   "another stream, rule or purpose.");
  return problem(why, "schedule");
}

void schedule(const services_ptr& services, const http_exchange& exchange,
              recurring_request what) {
  auto partition = services->placement.home_of(what.stream);
  auto name = scheduled_name(partition, what.event.id);
  auto& home = services->home_of(what.stream);
  auto rule = what.rule; // `what` is moved, perhaps before the lambda is made
  ask_for<schedule_reply>(
    services, exchange, home,
    [services, exchange, name, rule](const result<schedule_reply>& reply) {
      if (!reply || reply->error != errc::none)
        return exchange.answer(
          refused(reply ? reply->error : reply.error(), rule));
      auto url = services->base(exchange.request()) + "/delayed/" + name;
      http_answer answer{.status = http_status::created,
                         .content_type = media::json.content_type,
                         .body = ordered_json{{"id", name},
                                              {"due", time_text(reply->due)},
                                              {"url", url}}
                                   .dump(2)
                                 + "\n"};
      answer.add_header("Location", url);
      exchange.answer(promised(*services, std::move(answer)));
    },
    schedule_atom_v, std::move(what));
}

void schedule_if_allowed(const services_ptr& services,
                         const http_exchange& exchange,
                         recurring_request what) {
  auto wanted = std::make_shared<recurring_request>(std::move(what));
  services->access->check_stream(
    exchange.request().user.get(), access_rule::write_stream, wanted->stream,
    exchange.executor(), [services, exchange, wanted](verdict v) {
      if (v == verdict::granted)
        return schedule(services, exchange, std::move(*wanted));
      exchange.answer(v == verdict::unavailable ? problem(errc::unavailable, {})
                                                : denied_answer());
    });
}

} // namespace

void repeat(const services_ptr& services, http_request&,
            const http_exchange& exchange) {
  read_body(
    services, exchange,
    [services](const http_request& request) {
      return read_recurring(services, request.body);
    },
    [services, exchange](accepted<recurring_request> what) {
      if (what)
        return schedule_if_allowed(services, exchange, std::move(*what));
      exchange.answer(refused_problem(what.error()));
    });
}

} // namespace callboard::delayed_routes
