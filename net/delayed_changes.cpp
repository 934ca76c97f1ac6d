// One message: another time, or none.
#include "actors/core/scheduled.hpp"
#include "net/delayed_json.hpp"
#include "net/delayed_names.hpp"
#include "net/delayed_request.hpp"
#include "net/delayed_routes.hpp"
#include "net/delayed_times.hpp"
#include "net/json_body.hpp"
#include "net/problem.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace callboard::delayed_routes {

namespace {

/// What clients may not change, and how they get what they want.
http_answer cannot_change(const delayed_item& item) {
  auto& what = item.what;
  std::string text = "This one belongs to the broker: it can be seen, and "
                     "neither moved nor taken away.";
  if (what.kind == delayed_kind::retry_due)
    text = "A retry belongs to its group: it can be moved, and not taken away. "
           "What is not to be tried again is parked or skipped.";
  else if (what.kind == delayed_kind::lease_end)
    text = "The end of a lease can be moved, and not taken away: settle its "
           "events, or move it to now.";
  else if (what.kind == delayed_kind::retention)
    text = "Retention follows from $maxAge in the stream's metadata: change "
           "it there.";
  else if (what.kind == delayed_kind::bulk)
    text = "This is a step of a job: see and stop it by the URL that its "
           "answer gave.";
  return problem(http_status::conflict, "cannot-change-delayed", text,
                 {{"kind", name_of(what.kind)}});
}

http_answer failed(errc why, const http_request& request) {
  if (why == errc::too_large)
    return problem(http_status::bad_request, "too-far-ahead", too_far());
  return problem(why,
                 "delayed message " + std::string{request.parameter("id")});
}

/// Tells what was moved, and to when.
void tell_moved(const services_ptr& services, const http_exchange& exchange,
                delayed_item item, wall_time due) {
  item.due = due;
  auto text = delayed_json(services->base(exchange.request()), item);
  exchange.answer(promised(*services, {.content_type = media::json.content_type,
                                       .body = text.dump(2) + "\n"}));
}

/// A retry, or the end of a lease: the group that it belongs to moves it.
void move_in_group(const services_ptr& services, const http_exchange& exchange,
                   const delayed_item& item, const due_time& due) {
  group_command what;
  what.key = {item.what.stream, item.what.group};
  what.verb = group_verb::move;
  what.ticket = lease_id{item.what.subject};
  what.due = due;
  ask_for<group_info>(
    services, exchange, services->partitions->partitions[item.partition.value],
    [services, exchange, item](const result<group_info>& done) {
      if (done) {
        auto moved = item;
        moved.what.due = done->moved_to; // a part of its name
        auto wall = done->moved_to.value + item.due.value - item.what.due.value;
        return tell_moved(services, exchange, moved, {wall});
      }
      exchange.answer(done.error() == errc::too_large
                        ? beyond_retry_max()
                        : failed(done.error(), exchange.request()));
    },
    command_atom_v, std::move(what));
}

/// Changes what was found, and answers if that went wrong.
template <class Then>
void change(const services_ptr& services, const http_exchange& exchange,
            const delayed_detail_ptr& found, delayed_command what, Then then) {
  auto body = unpack_body(found->item.what.body);
  if (!may_be_changed(found->item.what.kind) || !body)
    return exchange.answer(cannot_change(found->item));
  what.id = body->id;
  auto partition = found->item.partition;
  ask_for<schedule_reply>(
    services, exchange, services->partitions->partitions[partition.value],
    [exchange, then](const result<schedule_reply>& reply) {
      auto why = reply ? reply->error : reply.error();
      if (why == errc::none)
        return then(*reply);
      exchange.answer(failed(why, exchange.request()));
    },
    delayed_atom_v, std::move(what));
}

} // namespace

void move(const services_ptr& services, http_request& request,
          const http_exchange& exchange) {
  auto body = read_object(request.body, {"due", "delay"});
  auto due = body ? read_new_due(*body) : body.error();
  if (!due)
    return exchange.answer(refused_problem(due.error()));
  if (!*due)
    return exchange.answer(refused_problem(
      {400, "The body says neither due nor delay; one of them is needed."}));
  with_delayed(
    services, exchange,
    [services, exchange, due = **due](const delayed_detail_ptr& found) {
      auto kind = found->item.what.kind;
      if (kind == delayed_kind::retry_due || kind == delayed_kind::lease_end)
        return move_in_group(services, exchange, found->item, due);
      change(services, exchange, found, {{}, delayed_verb::move, due},
             [services, exchange, found](const schedule_reply& reply) {
               tell_moved(services, exchange, found->item, reply.due);
             });
    });
}

void cancel(const services_ptr& services, http_request&,
            const http_exchange& exchange) {
  with_delayed(
    services, exchange, [services, exchange](const delayed_detail_ptr& found) {
      change(services, exchange, found, {{}, delayed_verb::cancel, {}},
             [services, exchange](const schedule_reply&) {
               exchange.answer(
                 promised(*services, plain_status(http_status::no_content)));
             });
    });
}

} // namespace callboard::delayed_routes
