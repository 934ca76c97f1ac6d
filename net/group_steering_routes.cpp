// Pause and resume; when retries are made.
#include "actors/core/lease_note.hpp"
#include "actors/core/limits.hpp"
#include "actors/core/time_text.hpp"
#include "net/delayed_request.hpp"
#include "net/eventstore_request.hpp"
#include "net/explanation_text.hpp"
#include "net/group_routes.hpp"
#include "net/json_body.hpp"
#include "net/json_text.hpp"
#include "net/lease_holders.hpp"
#include "net/problem.hpp"
#include "net/subscription_routes.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace callboard::group_routes {

namespace {

using nlohmann::json;

struct pause_order {
  std::optional<due_time> due;
  std::string reason;
};

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// `{"until": time}` or `{"for": duration}`; with neither, or without a body,
/// until it is resumed.
accepted<pause_order> read_pause(const http_request& request) {
  pause_order out;
  if (auto ok = check_query_names(request, {"format"}); !ok)
    return ok.error();
  auto& text = request.body;
  if (text.empty())
    return out;
  auto body = read_object(text, {"until", "for", "reason"});
  if (!body)
    return body.error();
  auto until = body->find("until");
  auto lasting = body->find("for");
  if (until != body->end() && lasting != body->end())
    return refusal{400, "Both until and for are given; allowed: one of them."};
  if (until != body->end()) {
    auto at = parse_time(text_of(*until));
    if (!at)
      return refusal{400, "until is " + quoted_value(*until)
                            + "; allowed: a time such as "
                              "2027-01-01T00:00:00Z."};
    out.due = due_time{{}, *at};
  }
  if (lasting != body->end()) {
    auto span = parse_duration(text_of(*lasting));
    if (!span || span->count() == 0 || *span > limits::pause_max)
      return refusal{400, "for is " + quoted_value(*lasting)
                            + "; allowed: a duration such as 10m or PT10M, "
                              "above 0 and up to 365d."};
    out.due = due_time{*span};
  }
  if (auto reason = body->find("reason"); reason != body->end()) {
    if (!reason->is_string())
      return refusal{400, "reason is " + quoted_value(*reason)
                            + "; allowed: a text."};
    out.reason = kept_words(reason->get<std::string>());
  }
  return out;
}

std::string_view breaker_text(breaker_state state) noexcept {
  switch (state) {
    case breaker_state::closed: return "closed";
    case breaker_state::open: return "open";
    case breaker_state::half_open: return "half-open";
  }
  return "closed";
}

void answer_steering(const services_ptr& services,
                     const http_exchange& exchange, const group_key& key,
                     const result<group_info>& done) {
  if (!done && done.error() == errc::invalid_argument)
    return exchange.answer(
      problem(http_status::bad_request, "invalid-request",
              "until is over; allowed: a time that is still to come."));
  if (!done)
    return exchange.answer(problem(done.error(), describe(key)));
  nlohmann::ordered_json body;
  body["paused"] = done->paused_until.value != 0;
  if (done->paused_until.value != 0 && done->paused_until != never_ends)
    body["until"] = time_text(done->paused_until);
  body["breaker"] = breaker_text(done->breaker);
  if (!done->pause_reason.empty())
    body["reason"] = done->pause_reason;
  exchange.answer(promised(
    *services,
    {.content_type = media::json.content_type,
     .body = body.dump(2, ' ', false, json::error_handler_t::replace) + "\n"}));
}

void steer(const services_ptr& services, const http_exchange& exchange,
           group_command what) {
  auto key = what.key;
  ask_for<group_info>(
    services, exchange, services->home_of(key.stream),
    [=](const result<group_info>& done) {
      answer_steering(services, exchange, key, done);
    },
    command_atom_v, std::move(what));
}

} // namespace

void pause(const services_ptr& services, http_request& request,
           const http_exchange& exchange) {
  auto order = read_pause(request);
  if (!order)
    return exchange.answer(
      problem(http_status::bad_request, "invalid-request", order.error().text));
  group_command what;
  what.key = subscription_routes::key_of(services, request);
  what.verb = group_verb::pause;
  what.due = order->due;
  what.reason = std::move(order->reason);
  steer(services, exchange, std::move(what));
}

void resume(const services_ptr& services, http_request& request,
            const http_exchange& exchange) {
  group_command what;
  what.key = subscription_routes::key_of(services, request);
  what.verb = group_verb::resume;
  steer(services, exchange, std::move(what));
}

void move_retries(const services_ptr& services, http_request& request,
                  const http_exchange& exchange) {
  group_command what;
  if (auto ok = check_query_names(request, {"format"}); !ok)
    return exchange.answer(refused_problem(ok.error()));
  if (!request.body.empty()) {
    auto body = read_object(request.body, {"due", "delay"});
    auto due = body ? read_new_due(*body) : body.error();
    if (!due)
      return exchange.answer(refused_problem(due.error()));
    what.due = *due;
  }
  what.key = subscription_routes::key_of(services, request);
  what.verb = group_verb::move;
  auto key = what.key;
  ask_for<group_info>(
    services, exchange, services->home_of(key.stream),
    [services, exchange, key](const result<group_info>& done) {
      if (!done && done.error() == errc::too_large)
        return exchange.answer(beyond_retry_max());
      if (!done)
        return exchange.answer(problem(done.error(), describe(key)));
      json body{{"retrying", done->retrying},
                {"due", time_text(done->moved_to)}};
      exchange.answer(
        promised(*services, {.content_type = media::json.content_type,
                             .body = body.dump(2) + "\n"}));
    },
    command_atom_v, std::move(what));
}

} // namespace callboard::group_routes
