// What cannot be delayed is refused by name; the rest is one record.
#include "net/delayed_publishing.hpp"

#include "net/delayed_names.hpp"
#include "net/delayed_times.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

accepted<schedule_request> read_schedule(const http_request& request,
                                         std::string stream,
                                         event_batch&& events) {
  auto header = read_due(request);
  if (!header)
    return header.error();
  if (es_header(request, "ExpectedVersion"))
    return refusal{400, "ExpectedVersion cannot be used with a delay: the "
                        "version is checked when an event is appended, and by "
                        "then nobody is there to be told. Leave it out."};
  if (stream.starts_with("$$"))
    return refusal{400, "Metadata of streams cannot be delayed: it takes "
                        "effect with its event. Leave the delay out."};
  schedule_request out{std::move(stream), {}};
  for (std::size_t i = 0; i < events.events.size(); ++i) {
    auto due = i < events.due.size() && events.due[i] ? events.due[i] : *header;
    if (!due)
      return refusal{400, "Event " + std::to_string(i)
                            + " has no delay, and others have: a batch is "
                              "published now or later as a whole. The header "
                              "Delay or Deliver-At counts for all events that "
                              "have none of their own."};
    out.events.emplace_back(std::move(events.events[i]), *due);
  }
  return out;
}

http_answer refused(errc why) {
  if (why == errc::stream_deleted)
    return plain_status(http_status::gone, "Stream deleted");
  if (why == errc::too_large)
    return bad_request(too_far());
  if (why == errc::already_exists)
    return plain_status(
      http_status::conflict,
      "An event id of this request is scheduled for another stream or purpose");
  return error_answer(why);
}

} // namespace

accepted<bool> is_for_later(const http_request& request,
                            const event_batch& events) {
  auto header = read_due(request);
  if (!header)
    return header.error();
  return header->has_value()
         || std::any_of(events.due.begin(), events.due.end(),
                        [](auto& due) { return due.has_value(); });
}

void publish_later(const services_ptr& services, const http_exchange& exchange,
                   std::string stream, event_batch events) {
  auto what =
    read_schedule(exchange.request(), std::move(stream), std::move(events));
  if (!admitted(what, exchange))
    return;
  auto partition = services->placement.home_of(what->stream);
  auto names = nlohmann::json::array();
  for (auto& [event, due] : what->events)
    names.push_back(scheduled_name(partition, event.id));
  auto& home = services->home_of(what->stream);
  ask_for<schedule_reply>(
    services, exchange, home,
    [services, exchange,
     names = std::move(names)](const result<schedule_reply>& reply) {
      if (!reply || reply->error != errc::none)
        return exchange.answer(refused(reply ? reply->error : reply.error()));
      http_answer answer{.status = http_status::accepted,
                         .content_type = media::json.content_type,
                         .body =
                           nlohmann::json{{"delayed", names}}.dump(2) + "\n"};
      answer.add_header("Location", services->base(exchange.request())
                                      + "/delayed/"
                                      + names.front().get<std::string>());
      exchange.answer(promised(*services, std::move(answer)));
    },
    schedule_atom_v, std::move(*what));
}

} // namespace callboard
