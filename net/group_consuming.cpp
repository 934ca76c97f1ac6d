// Fetching, acking, nacking: the hot path of a consumer.
#include "net/ascii.hpp"
#include "net/default_codec.hpp"
#include "net/eventstore_feed.hpp"
#include "net/eventstore_formats.hpp"
#include "net/eventstore_request.hpp"
#include "net/eventstore_settings.hpp"
#include "net/group_routes.hpp"
#include "net/lease_holders.hpp"
#include "net/link_targets.hpp"
#include "net/subscription_routes.hpp"
#include "net/waiting.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace callboard::subscription_routes {

namespace {

constexpr std::string_view nack_reason =
  "Client explicitly NAK'ed message.\nNacked from HTTP";

/// What a fetch that may wait said it did: `Prefer` wants to know.
void add_preference(http_answer& answer, const http_request& request,
                    std::chrono::seconds wait) {
  if (wait.count() > 0 && request.header(http_field::prefer)
      && !es_header(request, "LongPoll"))
    answer.add_header("Preference-Applied",
                      "wait=" + std::to_string(wait.count()));
}

void answer_batch(const services_ptr& services, const http_exchange& exchange,
                  const fetch_request& what, const delivery_batch_ptr& batch) {
  auto& request = exchange.request();
  auto& type = *request.response_type;
  http_answer answer{.content_type = type.content_type};
  answer.add_header("Cache-Control", "no-store");
  if (auto& events = batch->events; !events.empty()) {
    answer.add_header(
      "Lease", to_string(lease_token{batch->group, events.front().lease}));
    answer.unsent = [=, key = what.key] {
      group_routes::give_back(services, key, *batch);
    };
  }
  add_preference(answer, request,
                 std::chrono::duration_cast<std::chrono::seconds>(what.wait));
  answer_with(
    services, exchange, layout_bytes(*batch),
    [=, &request, &type, key = what.key, count = what.count,
     answer = std::move(answer)]() mutable {
      auto base = services->base(request);
      auto feed = competing_feed(base, key, count, *batch);
      answer.body = write_feed(
        feed, parse_embed(request.query("embed").value_or("")), type);
      return std::move(answer);
    },
    [=, key = what.key] { group_routes::give_back(services, key, *batch); });
}

void answer_fetch(const services_ptr& services, const http_exchange& exchange,
                  const fetch_request& what,
                  const result<delivery_batch_ptr>& fetched) {
  if (!fetched)
    return exchange.answer(
      fetched.error() == errc::not_found
        ? text_answer(exchange.request(), http_status::not_found, "Not found.")
        : error_answer(fetched.error()));
  if (!leads_elsewhere(what.key, **fetched))
    return answer_batch(services, exchange, what, *fetched);
  hide_targets(services, exchange, what.key, *fetched,
               [=](const delivery_batch_ptr& shown) {
                 answer_batch(services, exchange, what, shown);
               });
}

/// Fetches through a session that can be taken back. What came after its client
/// had left was leased to nobody: it goes back.
void fetch_waiting(const services_ptr& services, const http_exchange& exchange,
                   const fetch_request& what) {
  auto poll = start_waiting(services, exchange, what.key.stream, what.wait);
  ask_for<delivery_batch_ptr>(
    services, exchange, poll->session,
    [=](result<delivery_batch_ptr> fetched) {
      if (poll->left && fetched && !(*fetched)->events.empty()) {
        group_routes::give_back(services, what.key, **fetched);
        fetched = std::make_shared<const delivery_batch>();
      }
      answer_fetch(services, exchange, what, fetched);
    },
    fetch_atom_v, what);
}

void fetch_count(const services_ptr& services, const http_exchange& exchange,
                 std::size_t count) {
  auto& request = exchange.request();
  auto wait = read_wait(request);
  if (!admitted(wait, exchange))
    return;
  auto who = holder_of(request);
  if (!admitted(who, exchange))
    return;
  fetch_request what{key_of(services, request), count, *wait, 0,
                     std::move(*who)};
  if (auto reason = stream_refusal(what.key.stream); !reason.empty())
    return exchange.answer(
      text_answer(request, http_status::bad_request, reason));
  if (wait->count() > 0)
    return fetch_waiting(services, exchange, what);
  ask_for<delivery_batch_ptr>(
    services, exchange, services->home_of(what.key.stream),
    [=](const result<delivery_batch_ptr>& fetched) {
      answer_fetch(services, exchange, what, fetched);
    },
    fetch_atom_v, what);
}

/// The lease that a client insists on: `Lease:`, or `lease=`.
accepted<std::optional<lease_token>> read_lease(const http_request& request) {
  auto text = request.header("Lease");
  if (!text)
    text = request.query("lease");
  if (!text)
    return std::optional<lease_token>{};
  auto token = parse_lease_token(*text);
  if (!token)
    return refusal{400, "Lease is '" + std::string{*text}
                          + "'; allowed: a lease such as g7-l12."};
  return token;
}

settle_verb verb_of(settle_action action) noexcept {
  switch (action) {
    case settle_action::ack: return settle_verb::ack;
    case settle_action::retry: return settle_verb::retry;
    case settle_action::park: return settle_verb::park;
    case settle_action::skip: return settle_verb::skip;
  }
  return settle_verb::ack;
}

/// Settles only what this lease still has; nothing of it: 409.
void settle_fenced(const services_ptr& services, const http_exchange& exchange,
                   settle_request&& what, const lease_token& lease) {
  settle_batch fenced;
  fenced.key = what.key;
  auto by = what.delay;
  if (what.whole_group) { // it waits, not its events
    fenced.trip = {*what.delay, what.reason};
    by = std::chrono::milliseconds{0};
  }
  for (auto& id : what.ids)
    fenced.items.push_back(
      {verb_of(what.action), id, lease, by, what.reason, what.whole_group});
  ask_for<settle_batch_reply_ptr>(
    services, exchange, services->home_of(what.key.stream),
    [=](const result<settle_batch_reply_ptr>& done) {
      if (!done && done.error() != errc::not_found)
        return exchange.answer(error_answer(done.error()));
      auto applied = [](settle_outcome one) {
        return one == settle_outcome::applied;
      };
      if (!done
          || std::none_of((*done)->items.begin(), (*done)->items.end(),
                          applied))
        return exchange.answer(group_routes::stale_lease(lease));
      exchange.answer(promised(*services, plain_status(http_status::accepted)));
    },
    settle_atom_v, std::move(fenced));
}

void settle(const services_ptr& services, const http_exchange& exchange,
            settle_request what) {
  auto lease = read_lease(exchange.request());
  if (!admitted(lease, exchange))
    return;
  if (*lease)
    return settle_fenced(services, exchange, std::move(what), **lease);
  auto& home = services->home_of(what.key.stream);
  ask_for<settle_reply>(
    services, exchange, home,
    [services, exchange](const result<settle_reply>& done) {
      if (!done && done.error() != errc::not_found)
        return exchange.answer(error_answer(done.error()));
      // An id that is not in flight, or of no group, is 202 too (spec 4.1); but
      // then nothing was recorded.
      auto answer = plain_status(http_status::accepted);
      if (done && done->applied > 0)
        answer = promised(*services, std::move(answer));
      exchange.answer(std::move(answer));
    },
    settle_atom_v, std::move(what));
}

/// A malformed id: the reason of the status line, and no text (spec 0.8).
http_answer malformed_id(const refusal& why) {
  return plain_status(http_status::bad_request, why.text);
}

void ack_ids(const services_ptr& services, const http_exchange& exchange,
             std::string_view ids) {
  auto read = read_event_ids(ids);
  if (!read)
    return exchange.answer(malformed_id(read.error()));
  settle(services, exchange,
         {key_of(services, exchange.request()),
          settle_action::ack,
          std::move(*read),
          {},
          {}});
}

void nack_ids(const services_ptr& services, const http_exchange& exchange,
              std::string_view ids, std::string_view action) {
  auto read = read_event_ids(ids);
  if (!read)
    return exchange.answer(malformed_id(read.error()));
  settle_request what{key_of(services, exchange.request()),
                      read_action(action),
                      std::move(*read),
                      {},
                      {}};
  if (auto text = exchange.request().query("delay")) {
    auto delay = read_delay(*text);
    if (!admitted(delay, exchange))
      return;
    if (what.action != settle_action::retry)
      return exchange.answer(
        bad_request("delay is given with action '" + std::string{action}
                    + "'; allowed: with action retry, or none."));
    what.delay = *delay;
  }
  if (auto words = exchange.request().query("reason"))
    what.reason = kept_words(*words);
  else if (what.action == settle_action::park)
    what.reason = nack_reason;
  if (auto scope = exchange.request().query("scope")) {
    what.whole_group = iequals(*scope, "group");
    if (!what.whole_group && !iequals(*scope, "event"))
      return exchange.answer(bad_request("scope is '" + std::string{*scope}
                                         + "'; allowed: event or group."));
    if (what.whole_group && !what.delay)
      return exchange.answer(
        bad_request("scope=group pauses the group for a delay: give delay= "
                    "with action retry."));
  }
  settle(services, exchange, std::move(what));
}

/// A query value as the seed document wrote it: `<ids>?action=<action>`.
struct ids_and_action {
  std::string_view ids;
  std::string_view action;
};

ids_and_action split_at_stray(std::string_view value, std::string_view action) {
  constexpr std::string_view stray = "?action=";
  auto at = value.find(stray);
  if (at == std::string_view::npos)
    return {value, action};
  return {value.substr(0, at), value.substr(at + stray.size())};
}

} // namespace

void fetch_one(const services_ptr& services, http_request&,
               const http_exchange& exchange) {
  fetch_count(services, exchange, 1);
}

void fetch(const services_ptr& services, http_request& request,
           const http_exchange& exchange) {
  if (auto count = read_message_count(request.parameter("count"));
      admitted(count, exchange))
    fetch_count(services, exchange, *count);
}

void ack(const services_ptr& services, http_request& request,
         const http_exchange& exchange) {
  ack_ids(services, exchange, request.parameter("id"));
}

void ack_many(const services_ptr& services, http_request& request,
              const http_exchange& exchange) {
  ack_ids(services, exchange, request.query("ids").value_or(""));
}

void nack(const services_ptr& services, http_request& request,
          const http_exchange& exchange) {
  nack_ids(services, exchange, request.parameter("id"),
           request.query("action").value_or(""));
}

void nack_many(const services_ptr& services, http_request& request,
               const http_exchange& exchange) {
  auto [ids, action] = split_at_stray(request.query("ids").value_or(""),
                                      request.query("action").value_or(""));
  nack_ids(services, exchange, ids, action);
}

void settle_by_old_link(const services_ptr& services, http_request& request,
                        const http_exchange& exchange) {
  auto link = request.parameter("count");
  auto question = link.find('?');
  auto verb = link.substr(0, question);
  auto value = question == std::string_view::npos ? std::string_view{}
                                                  : link.substr(question + 1);
  constexpr std::string_view name = "ids=";
  if ((verb != "ack" && verb != "nack")
      || !iequals(value.substr(0, name.size()), name))
    return exchange.answer(plain_status(http_status::method_not_allowed));
  value.remove_prefix(name.size());
  if (verb == "ack")
    return ack_ids(services, exchange, value);
  auto [ids, action] =
    split_at_stray(value, request.query("action").value_or(""));
  nack_ids(services, exchange, ids, action);
}

} // namespace callboard::subscription_routes
