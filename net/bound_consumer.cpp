// Registrations, asked for by clients or repeated for them.
#include "net/bound_consumer.hpp"

#include "actors/core/limits.hpp"
#include "net/barco_answers.hpp"
#include "net/barco_registration.hpp"

#include <string>
#include <utility>
#include <vector>

namespace callboard {

struct bound_consumer::joining {
  struct call {
    http_exchange exchange;
    std::function<void(const consumer_ref&)> then;
  };

  barco_ptr at;
  std::vector<call> calls; // no more than the connection may have in progress
};

namespace {

http_answer registration_answer(const join_reply& reply) {
  switch (reply.outcome) {
    case join_outcome::joined: return barco_ok();
    case join_outcome::already: return barco_ok("Already registered");
    case join_outcome::different:
      return barco_text(http_status::bad_request,
                        "Consumer already registered with different "
                        "parameters");
    case join_outcome::too_many_topics:
      return barco_text(
        http_status::bad_request,
        "Too many topics; a group keeps positions in up to "
          + std::to_string(limits::group_topics_max)
          + ", those of members that have gone included: take another group");
    case join_outcome::too_many: break;
  }
  return barco_consumer_error(errc::overloaded);
}

/// Anonymous as everybody is here, it may read what is open to all.
void check_then_join(const barco_ptr& services, const http_exchange& exchange,
                     join_request what, std::size_t checked,
                     std::function<void(http_answer, reader_id)> then) {
  if (checked == what.topics.size())
    return ask_for<join_reply>(
      services->broker, exchange, services->members,
      [then = std::move(then)](const result<join_reply>& reply) {
        if (reply)
          then(registration_answer(*reply), reply->reader);
        else
          then(barco_consumer_error(reply.error()), {});
      },
      join_atom_v, std::move(what));
  auto topic = what.topics[checked];
  services->access->check_stream(
    nullptr, access_rule::read_stream, topic, exchange.executor(),
    [services, exchange, what = std::move(what), checked,
     then = std::move(then)](verdict v) mutable {
      if (v == verdict::granted)
        return check_then_join(services, exchange, std::move(what), checked + 1,
                               std::move(then));
      if (v == verdict::unavailable)
        return then(barco_consumer_error(errc::unavailable), {});
      then(barco_text(http_status::forbidden, "Topic " + what.topics[checked]
                                                + " can be read by users only"),
           {});
    });
}

} // namespace

std::shared_ptr<bound_consumer> bound_to(const http_request& request) {
  return request.connection
           ? std::static_pointer_cast<bound_consumer>(request.connection->bound)
           : nullptr;
}

void join(const barco_ptr& services, const http_exchange& exchange,
          join_request what, std::function<void(http_answer, reader_id)> then) {
  if (!what.key.bound_group.empty())
    what.connection = exchange.request().connection;
  check_then_join(services, exchange, std::move(what), 0, std::move(then));
}

void bind(const barco_ptr& services, const http_exchange& exchange,
          bound_consumer what) {
  auto& connection = *exchange.request().connection;
  auto before = std::static_pointer_cast<bound_consumer>(connection.bound);
  // Nobody could poll for it any more, or say goodbye.
  if (before && before->at.lock() == services
      && before->what.key != what.what.key)
    ask_for<bool>(
      services->broker, exchange, services->members, [](const result<bool>&) {},
      leave_atom_v, consumer_ref{before->what.key, before->reader}, false);
  connection.bound = std::make_shared<bound_consumer>(std::move(what));
}

void with_consumer(const barco_ptr& services, const http_exchange& exchange,
                   std::function<void(const consumer_ref&)> then) {
  auto& request = exchange.request();
  if (auto id = consumer_id(request))
    return then({{std::string{*id}, {}}, {}});
  auto bound = bound_to(request);
  if (!bound)
    return exchange.answer(barco_not_registered());
  if (bound->at.lock() == services)
    return then({bound->what.key, bound->reader});
  if (auto now = bound->in_progress.lock(); now && now->at == services)
    return now->calls.push_back({exchange, std::move(then)});
  auto joining = std::make_shared<bound_consumer::joining>();
  joining->at = services;
  joining->calls.push_back({exchange, std::move(then)});
  bound->in_progress = joining;
  join(services, exchange, bound->what,
       [bound, joining](const http_answer& answer, reader_id reader) {
         bound->in_progress.reset();
         if (reader != reader_id{}) {
           bound->at = joining->at;
           bound->reader = reader;
         }
         for (auto& call : std::exchange(joining->calls, {}))
           if (reader != reader_id{})
             call.then({bound->what.key, reader});
           else
             call.exchange.answer(answer);
       });
}

} // namespace callboard
