// Routes to questions for the membership actor, and its answers to HTTP.
#include "net/barco_consumer_api.hpp"

#include "net/barco_answers.hpp"
#include "net/barco_poll.hpp"
#include "net/barco_registration.hpp"
#include "net/bound_consumer.hpp"
#include "net/eventstore_request.hpp"

#include <caf/send.hpp>

#include <atomic>
#include <string>
#include <utility>

namespace callboard {

namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view polar_type = "application/vnd.polar.consumermessage";
constexpr std::string_view barco_type = "application/vnd.barco.consumermessage";

void register_consumer(const barco_ptr& services, http_request& request,
                       const http_exchange& exchange) {
  auto what = read_registration(request);
  if (!what)
    return exchange.answer(barco_refusal(what.error()));
  join(
    services, exchange, *what,
    [services, exchange, what = *what](http_answer answer, reader_id reader) {
      auto known = reader != reader_id{};
      // Its client may not ask again: the next call tries anew.
      auto later = answer.status == http_status::service_unavailable;
      if ((known || later) && !what.key.bound_group.empty()
          && exchange.request().connection)
        bind(services, exchange, {what, known ? services : nullptr, reader});
      exchange.answer(std::move(answer));
    });
}

bool accepts_json(const http_request& request) {
  return request.header(http_field::accept).value_or("") == json_type;
}

std::string_view binary_type(const http_request& request) {
  return request.header(http_field::accept).value_or("") == barco_type
           ? barco_type
           : polar_type;
}

http_answer poll_answer(const ring& placement, const http_request& request,
                        const poll_reply& reply) {
  if (reply.chunks.empty())
    switch (reply.outcome) {
      case poll_outcome::delivered: return barco_nothing(retry_without_data);
      case poll_outcome::idle: return barco_nothing(retry_without_partitions);
      case poll_outcome::outdated: return barco_nothing({});
    }
  if (accepts_json(request))
    return {.content_type = json_type,
            .body = poll_json(placement, reply.chunks)};
  return {.content_type = binary_type(request),
          .body = poll_binary(placement, reply.chunks)};
}

/// A consumer that is its connection registers when it dials: one that is not
/// registered any more has to (barco-http.md 3.7).
http_answer call_failed(bool bound, errc why) {
  auto out = barco_consumer_error(why);
  out.close = bound && why == errc::not_found;
  return out;
}

bool is_bound(const consumer_ref& who) {
  return !who.key.bound_group.empty();
}

/// About how many bytes an answer takes.
std::size_t layout_bytes(const poll_reply& reply) {
  std::size_t out = 0;
  for (auto& chunk : reply.chunks)
    for (auto& one : chunk.records)
      out += one->data.size();
  return out;
}

std::uint64_t next_session() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

void poll_for(const consumer_ref& who, const barco_ptr& services,
              const http_exchange& exchange) {
  auto wait = read_wait(exchange.request());
  if (!wait)
    return exchange.answer(barco_refusal(wait.error()));
  poll_request what{who, *wait, next_session()};
  auto leave = [services, key = who.key, session = what.session] {
    tell(services->broker->asker, services->members, cancel_atom_v, key,
         session);
  };
  exchange.on_gone(leave); // what nobody receives must not count as received
  if (wait->count() > 0) {
    exchange.extend_deadline(*wait);
    exchange.on_stopping(leave);
  }
  ask_for<poll_reply_ptr>(
    services->broker, exchange, services->members,
    [services, exchange, leave,
     bound = is_bound(who)](const result<poll_reply_ptr>& reply) {
      if (!reply)
        return exchange.answer(call_failed(bound, reply.error()));
      answer_with(
        services->broker, exchange, layout_bytes(**reply),
        [=, what = *reply] {
          auto answer =
            poll_answer(services->node->placement, exchange.request(), *what);
          // Go unpacks by itself, and the official client then misses the
          // length and drops the answer.
          answer.as_it_is = true;
          answer.unsent = leave;
          answer.unsent_if_unknown = true; // better twice than never
          return answer;
        },
        leave);
    },
    poll_atom_v, std::move(what));
}

void poll(const barco_ptr& services, http_request&,
          const http_exchange& exchange) {
  with_consumer(services, exchange,
                [services, exchange](const consumer_ref& who) {
                  poll_for(who, services, exchange);
                });
}

void commit(const barco_ptr& services, http_request&,
            const http_exchange& exchange) {
  with_consumer(
    services, exchange, [services, exchange](const consumer_ref& who) {
      ask_for<bool>(
        services->broker, exchange, services->members,
        [exchange, bound = is_bound(who)](const result<bool>& done) {
          exchange.answer(done ? barco_nothing(retry_without_data)
                               : call_failed(bound, done.error()));
        },
        commit_atom_v, who);
    });
}

void leave_as(const consumer_ref& who, const barco_ptr& services,
              const http_exchange& exchange) {
  auto commits = read_goodbye(exchange.request());
  if (!commits)
    return exchange.answer(barco_refusal(commits.error()));
  ask_for<bool>(
    services->broker, exchange, services->members,
    [exchange, bound = is_bound(who)](const result<bool>& done) {
      if (done && bound)
        exchange.request().connection->bound = nullptr;
      exchange.answer(done ? barco_ok() : call_failed(bound, done.error()));
    },
    leave_atom_v, who, *commits);
}

void goodbye(const barco_ptr& services, http_request&,
             const http_exchange& exchange) {
  with_consumer(services, exchange,
                [services, exchange](const consumer_ref& who) {
                  leave_as(who, services, exchange);
                });
}

/// Whose life a request of any kind shows.
std::optional<consumer_key> who_lives(const http_request& request) {
  if (auto id = consumer_id(request))
    return consumer_key{std::string{*id}, {}};
  if (auto bound = bound_to(request))
    return bound->what.key;
  return std::nullopt;
}

void consumer_status(const barco_ptr& services, http_request& request,
                     const http_exchange& exchange) {
  // A node that does not lead has no members.
  if (auto who = who_lives(request); who && services->members)
    ask_for<bool>(
      services->broker, exchange, services->members, [](const result<bool>&) {},
      touch_atom_v, std::move(*who));
  exchange.answer(barco_text(http_status::ok,
                             "Consumer server listening on "
                               + std::to_string(services->state->ports.consumer)
                               + "\n"));
}

} // namespace

void add_consumer_routes(barco_router& routes, const barco_ptr& services) {
  barco_table add{routes, services};
  // Bodies are ignored, or bounded in the dialect's own words.
  constexpr route_options any_body{.body_bytes_max = SIZE_MAX};
  for (auto verb : {http_verb::put, http_verb::post})
    add(verb, "/v1/consumer/register", register_consumer, any_body);
  add(http_verb::post, "/v1/consumer/poll", poll, any_body);
  add(http_verb::post, "/v1/consumer/commit", commit, any_body);
  add(http_verb::post, "/v1/consumer/goodbye", goodbye, any_body);
  add(http_verb::get, "/status", consumer_status);
}

} // namespace callboard
