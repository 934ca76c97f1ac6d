// Routes to questions for the membership actor, and its answers to HTTP.
#include "net/barco_consumer_api.hpp"

#include "net/barco_answers.hpp"
#include "net/barco_poll.hpp"
#include "net/barco_registration.hpp"
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

/// Seconds after which a poll makes sense again.
constexpr std::string_view retry_without_data = "1";
constexpr std::string_view retry_without_partitions = "5";

http_answer not_registered() {
  return barco_text(http_status::conflict, "Consumer not registered");
}

/// 204 that says when to come again; at once if `retry_after` is empty.
http_answer nothing(std::string_view retry_after) {
  http_answer out{.status = http_status::no_content};
  out.add_header("Cache-Control", "no-store");
  if (!retry_after.empty())
    out.add_header("Retry-After", retry_after);
  return out;
}

http_answer failure(errc why) {
  if (why == errc::not_found)
    return not_registered();
  if (why == errc::corrupt)
    return barco_library_error(http_status::internal_server_error,
                               "Unexpected error while reading");
  return barco_error(why);
}

/// What a connection keeps for the consumer that is bound to it.
std::shared_ptr<consumer_ref> bound_to(const http_request& request) {
  return std::static_pointer_cast<consumer_ref>(request.connection->bound);
}

/// Who asks; nothing if the request does not say and its connection does not
/// know.
std::optional<consumer_ref> who_asks(const http_request& request) {
  if (auto id = consumer_id(request))
    return consumer_ref{{std::string{*id}, {}}, {}};
  if (auto bound = bound_to(request))
    return *bound;
  return std::nullopt;
}

http_answer registration_answer(const join_reply& reply) {
  switch (reply.outcome) {
    case join_outcome::joined: return barco_ok();
    case join_outcome::already: return barco_ok("Already registered");
    case join_outcome::different:
      return barco_text(http_status::bad_request,
                        "Consumer already registered with different "
                        "parameters");
    case join_outcome::too_many: break;
  }
  return failure(errc::overloaded);
}

void join(const barco_ptr& services, const http_exchange& exchange,
          join_request what) {
  auto key = what.key;
  ask_for<join_reply>(
    services->broker, exchange, services->members,
    [exchange, key](const result<join_reply>& reply) {
      if (!reply)
        return exchange.answer(failure(reply.error()));
      auto registered = reply->reader != reader_id{};
      if (registered && !key.bound_group.empty())
        exchange.request().connection->bound =
          std::make_shared<consumer_ref>(consumer_ref{key, reply->reader});
      exchange.answer(registration_answer(*reply));
    },
    join_atom_v, std::move(what));
}

/// Anonymous as everybody is here, it may read what is open to all.
void join_if_readable(const barco_ptr& services, const http_exchange& exchange,
                      join_request what, std::size_t checked) {
  if (checked == what.topics.size())
    return join(services, exchange, std::move(what));
  auto topic = what.topics[checked];
  services->access->check_stream(
    nullptr, access_rule::read_stream, topic, exchange.executor(),
    [services, exchange, what = std::move(what), checked](verdict v) mutable {
      if (v == verdict::granted)
        return join_if_readable(services, exchange, std::move(what),
                                checked + 1);
      if (v == verdict::unavailable)
        return exchange.answer(failure(errc::unavailable));
      exchange.answer(
        barco_text(http_status::forbidden, "Topic " + what.topics[checked]
                                             + " can be read by users only"));
    });
}

void register_consumer(const barco_ptr& services, http_request& request,
                       const http_exchange& exchange) {
  auto what = read_registration(request);
  if (!what)
    return exchange.answer(barco_refusal(what.error()));
  join_if_readable(services, exchange, std::move(*what), 0);
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
      case poll_outcome::delivered: return nothing(retry_without_data);
      case poll_outcome::idle: return nothing(retry_without_partitions);
      case poll_outcome::outdated: return nothing({});
    }
  if (accepts_json(request))
    return {.content_type = json_type,
            .body = poll_json(placement, reply.chunks)};
  return {.content_type = binary_type(request),
          .body = poll_binary(placement, reply.chunks)};
}

std::uint64_t next_session() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

void poll(const barco_ptr& services, http_request& request,
          const http_exchange& exchange) {
  auto who = who_asks(request);
  if (!who)
    return exchange.answer(not_registered());
  auto wait = read_wait(request);
  if (!wait)
    return exchange.answer(barco_refusal(wait.error()));
  poll_request what{*who, *wait, next_session()};
  auto leave = [services, key = who->key, session = what.session] {
    caf::anon_send(services->members, cancel_atom_v, key, session);
  };
  exchange.on_gone(leave); // what nobody receives must not count as received
  if (wait->count() > 0) {
    exchange.extend_deadline(*wait);
    exchange.on_stopping(leave);
  }
  ask_for<poll_reply_ptr>(
    services->broker, exchange, services->members,
    [services, exchange, leave](const result<poll_reply_ptr>& reply) {
      if (!reply)
        return exchange.answer(failure(reply.error()));
      auto answer =
        poll_answer(services->node->placement, exchange.request(), **reply);
      answer.unsent = leave;
      exchange.answer(std::move(answer));
    },
    poll_atom_v, std::move(what));
}

void commit(const barco_ptr& services, http_request& request,
            const http_exchange& exchange) {
  auto who = who_asks(request);
  if (!who)
    return exchange.answer(not_registered());
  ask_for<bool>(
    services->broker, exchange, services->members,
    [exchange](const result<bool>& done) {
      exchange.answer(done ? nothing(retry_without_data)
                           : failure(done.error()));
    },
    commit_atom_v, std::move(*who));
}

void goodbye(const barco_ptr& services, http_request& request,
             const http_exchange& exchange) {
  auto who = who_asks(request);
  if (!who)
    return exchange.answer(not_registered());
  auto commits = request.query("commit").value_or("") != "false";
  ask_for<bool>(
    services->broker, exchange, services->members,
    [exchange,
     bound = !who->key.bound_group.empty()](const result<bool>& done) {
      if (done && bound)
        exchange.request().connection->bound = nullptr;
      exchange.answer(done ? barco_ok() : failure(done.error()));
    },
    leave_atom_v, std::move(*who), commits);
}

void status(const barco_ptr& services, http_request& request,
            const http_exchange& exchange) {
  if (auto who = who_asks(request))
    ask_for<bool>(
      services->broker, exchange, services->members, [](const result<bool>&) {},
      touch_atom_v, std::move(who->key));
  exchange.answer(barco_text(http_status::ok,
                             "Consumer server listening on "
                               + std::to_string(services->state->ports.consumer)
                               + "\n"));
}

} // namespace

void add_consumer_routes(barco_router& routes, const barco_ptr& services) {
  barco_table add{routes, services};
  for (auto verb : {http_verb::put, http_verb::post})
    add(verb, "/v1/consumer/register", register_consumer);
  add(http_verb::post, "/v1/consumer/poll", poll);
  add(http_verb::post, "/v1/consumer/commit", commit);
  add(http_verb::post, "/v1/consumer/goodbye", goodbye);
  add(http_verb::get, "/status", status);
}

} // namespace callboard
