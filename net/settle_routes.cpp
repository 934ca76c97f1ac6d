// Settling: parse, ask, answer; a settle with `next` may wait as a fetch does.
#include "actors/core/limits.hpp"
#include "net/eventstore_request.hpp"
#include "net/group_routes.hpp"
#include "net/json_body.hpp"
#include "net/lease_holders.hpp"
#include "net/link_targets.hpp"
#include "net/problem.hpp"
#include "net/settle_body.hpp"
#include "net/subscription_routes.hpp"

#include <caf/send.hpp>
#include <nlohmann/json.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace callboard::group_routes {

namespace {

http_answer invalid(const refusal& why) {
  return problem(static_cast<http_status>(why.status),
                 why.status == 413 ? "too-large" : "invalid-request", why.text);
}

settle_batch_reply_ptr with_next(const settle_batch_reply& reply,
                                 delivery_batch_ptr next) {
  auto out = std::make_shared<settle_batch_reply>(reply);
  out->next = std::move(next);
  return out;
}

void answer_done(const services_ptr& services, const http_exchange& exchange,
                 const std::shared_ptr<const settle_body>& asked,
                 const settle_batch_reply_ptr& done) {
  auto& reply = *done;
  http_answer answer{.content_type = media::json.content_type};
  answer.add_header("Cache-Control", "no-store");
  bool leased = reply.next != nullptr && !reply.next->events.empty();
  if (leased) {
    answer.add_header("Lease",
                      to_string(lease_token{reply.next->group,
                                            reply.next->events.front().lease}));
    // Nobody has it: it is not held against its events.
    answer.unsent = [services, key = asked->what.key, next = reply.next] {
      give_back(services, key, *next);
    };
  }
  bool records = leased;
  for (auto one : reply.items)
    records = records || one == settle_outcome::applied;
  if (records)
    answer = promised(*services, std::move(answer));
  answer_with(
    services, exchange, leased ? layout_bytes(*reply.next) : 0,
    [asked, done, answer = std::move(answer)]() mutable {
      answer.body = settle_answer(*asked, *done);
      return std::move(answer);
    },
    [=] {
      if (leased)
        give_back(services, asked->what.key, *done->next);
    });
}

void answer_settle(const services_ptr& services, const http_exchange& exchange,
                   const std::shared_ptr<const settle_body>& asked,
                   const result<settle_batch_reply_ptr>& done) {
  auto& key = asked->what.key;
  if (!done)
    return exchange.answer(problem(done.error(), describe(key)));
  auto& reply = **done;
  if (reply.error == errc::already_exists)
    return exchange.answer(
      problem(http_status::conflict, "idempotency-key-reused",
              "The Idempotency-Key was used for another settle of this group: "
              "give each settle a key of its own."));
  if (reply.error != errc::none)
    return exchange.answer(problem(reply.error, describe(key)));
  if (reply.next == nullptr || !leads_elsewhere(key, *reply.next))
    return answer_done(services, exchange, asked, *done);
  hide_targets(services, exchange, key, reply.next,
               [=, done = *done](const delivery_batch_ptr& shown) {
                 answer_done(services, exchange, asked,
                             with_next(*done, shown));
               });
}

/// Names a waiter for `cancel_atom`; sessions have the ids of actors, which are
/// small.
std::uint64_t next_waiter() noexcept {
  static std::atomic<std::uint64_t> last{std::uint64_t{1} << 63};
  return ++last;
}

/// Whoever waits is taken back when its client leaves or the server stops.
std::shared_ptr<bool> watch_waiter(const services_ptr& services,
                                   const http_exchange& exchange,
                                   settle_batch& what) {
  auto left = std::make_shared<bool>(false);
  auto session = next_waiter();
  what.next->session = session;
  auto leave = [services, key = what.key, session, left] {
    *left = true;
    tell(services->asker, services->home_of(key.stream), cancel_atom_v, key,
         session);
  };
  exchange.extend_deadline(what.next->wait);
  exchange.on_gone(leave);
  exchange.on_stopping(leave);
  return left;
}

void ask_settle(const services_ptr& services, const http_exchange& exchange,
                settle_body body) {
  auto left = std::make_shared<bool>(false);
  if (body.what.next && body.what.next->wait.count() > 0)
    left = watch_waiter(services, exchange, body.what);
  auto asked = std::make_shared<const settle_body>(std::move(body));
  ask_for<settle_batch_reply_ptr>(
    services, exchange, services->home_of(asked->what.key.stream),
    [=](const result<settle_batch_reply_ptr>& done) {
      if (!*left || !done || (*done)->next == nullptr)
        return answer_settle(services, exchange, asked, done);
      // What came after the client had left was leased to nobody. If it is the
      // server that stops, somebody reads the answer still.
      give_back(services, asked->what.key, *(*done)->next);
      answer_settle(
        services, exchange, asked,
        with_next(**done, std::make_shared<const delivery_batch>()));
    },
    settle_atom_v, asked->what);
}

/// The header and the names that all requests of a group have.
accepted<void> complete(const services_ptr& services,
                        const http_request& request, settle_batch& what) {
  what.key = subscription_routes::key_of(services, request);
  if (what.next) {
    what.next->key = what.key;
    auto who = holder_of(request);
    if (!who)
      return who.error();
    what.next->who = std::move(*who);
    what.next->resumes =
      !what.items.empty() && request.header("Last-Event-ID").has_value();
    // No bound of its own unless it asks for one.
    auto credit = read_count(request, "maxInFlight", 0, limits::in_flight_max);
    if (!credit)
      return credit.error();
    what.next->in_flight_max = *credit;
  }
  if (auto name = request.header("Idempotency-Key")) {
    if (name->empty() || name->size() > limits::idempotency_key_bytes_max)
      return refusal{400, "Idempotency-Key has " + std::to_string(name->size())
                            + " bytes; allowed: 1 to "
                            + std::to_string(limits::idempotency_key_bytes_max)
                            + "."};
    what.idempotency_key = *name;
  }
  return {};
}

} // namespace

void give_back(const services_ptr& services, const group_key& key,
               const delivery_batch& batch) {
  lease_id last;
  for (auto& one : batch.events)
    if (std::exchange(last, one.lease) != one.lease)
      caf::anon_send(services->home_of(key.stream), release_atom_v, key,
                     one.lease);
}

std::string describe(const group_key& key) {
  return "group '" + key.group + "' on stream '" + key.stream + "'";
}

void settle(const services_ptr& services, http_request&,
            const http_exchange& exchange) {
  read_body(
    services, exchange,
    [](const http_request& request) { return read_settle_body(request.body); },
    [=](accepted<settle_body> body) {
      if (!body)
        return exchange.answer(invalid(body.error()));
      if (auto whole = complete(services, exchange.request(), body->what);
          !whole)
        return exchange.answer(invalid(whole.error()));
      ask_settle(services, exchange, std::move(*body));
    });
}

http_answer stale_lease(const std::optional<lease_token>& lease) {
  auto extra = nlohmann::json::object();
  if (lease)
    extra["lease"] = to_string(*lease);
  return problem(http_status::conflict, "stale-lease",
                 "The lease is over, or does not have this event any more: "
                 "nothing was changed. Somebody else may work on it; fetch "
                 "again.",
                 extra);
}

namespace {

/// The one item of a request to extend: its body, with what its header or its
/// query add.
accepted<settle_item> read_extension(const http_request& request) {
  if (auto flat = check_json_depth(request.body); !flat)
    return flat.error();
  auto what = request.body.empty()
                ? nlohmann::json::object()
                : nlohmann::json::parse(request.body, nullptr, false);
  if (!what.is_object())
    return refusal{400,
                   "The body is not one JSON object; allowed: {\"lease\" or "
                   "\"id\": ..., \"by\": \"30s\"}."};
  for (auto* name : {"lease", "by"})
    if (auto text = request.query(name); text && !what.contains(name))
      what[name] = *text;
  if (auto lease = request.header("Lease"); lease && !what.contains("lease"))
    what["lease"] = *lease;
  nlohmann::json body;
  body["extend"] = nlohmann::json::array({std::move(what)});
  // A header or a query may be no UTF-8, and then it is no lease either.
  auto read = read_settle_body(
    body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (!read)
    return read.error();
  return std::move(read->what.items.front());
}

} // namespace

void extend(const services_ptr& services, http_request& request,
            const http_exchange& exchange) {
  auto item = read_extension(request);
  if (!item)
    return exchange.answer(invalid(item.error()));
  settle_batch what;
  what.items.push_back(*item);
  if (auto whole = complete(services, request, what); !whole)
    return exchange.answer(invalid(whole.error()));
  auto key = what.key;
  ask_for<settle_batch_reply_ptr>(
    services, exchange, services->home_of(key.stream),
    [=, item = *item](const result<settle_batch_reply_ptr>& done) {
      if (!done)
        return exchange.answer(problem(done.error(), describe(key)));
      if ((*done)->items.front() != settle_outcome::applied)
        return exchange.answer(stale_lease(item.lease));
      exchange.answer(
        promised(*services, {.content_type = media::json.content_type,
                             .body = "{\"extended\":true}\n"}));
    },
    settle_atom_v, std::move(what));
}

} // namespace callboard::group_routes
