// One request: check, split, place, append, `OK`.
#include "net/barco_producer_api.hpp"

#include "net/barco_answers.hpp"
#include "net/barco_publishing.hpp"
#include "net/barco_records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace callboard {

namespace {

std::string bad_length(std::size_t most) {
  return "Content length must be defined (HTTP/1.1 chunked not supported), "
         "greater than 0 and less than "
         + std::to_string(most) + " bytes";
}

/// All but the records; their timestamp, if it says one.
accepted<std::optional<std::uint64_t>>
check_request(const http_request& request, std::string_view topic,
              std::size_t most) {
  if (auto ok = check_topic(topic); !ok)
    return ok.error();
  if (!request.header(http_field::content_length) || request.body.empty()
      || request.body.size() > most)
    return refusal{400, bad_length(most)};
  return read_timestamp(request.query("timestamp"));
}

/// The records of a request, for their partition.
accepted<record_batch> read_batch(const barco_services& services,
                                  http_request& request) {
  auto topic = request.parameter("topic");
  auto timestamp =
    check_request(request, topic, services.state->settings.message_bytes_max);
  if (!timestamp)
    return timestamp.error();
  record_batch out{std::string{topic}, {}, {}};
  auto records =
    read_records(format_of(request.header(http_field::content_type)),
                 std::move(request.body), *timestamp);
  if (!records)
    return records.error();
  out.records = std::move(*records);
  out.partition = place_records(
    services, request.query("partitionKey").value_or(std::string_view{}));
  return out;
}

http_answer answer_to(const eventstore_services& services,
                      const publish_outcome& outcome) {
  switch (outcome.access) {
    case verdict::granted: break;
    case verdict::denied:
      return barco_text(http_status::forbidden,
                        "The ACL of the stream with this topic's name lets "
                        "only users write, and there are none here: publish "
                        "over the Event Store dialect");
    case verdict::throttled:
    case verdict::unavailable: return barco_error(errc::unavailable);
  }
  if (outcome.error == errc::stream_deleted)
    return barco_text(http_status::gone,
                      "The topic's part in this partition was deleted for "
                      "ever, as an Event Store stream");
  if (outcome.error != errc::none)
    return barco_error(outcome.error);
  return promised(services, barco_ok());
}

void produce(const barco_ptr& services, http_request& request,
             const http_exchange& exchange) {
  // Barco's paths are split after they are decoded.
  if (request.parameter("topic").find('/') != std::string_view::npos)
    return exchange.answer(
      barco_library_error(http_status::not_found, "404 page not found"));
  auto& state = *services->state;
  state.produce_requests.fetch_add(1, std::memory_order_relaxed);
  state.produce_bytes.fetch_add(request.body.size(), std::memory_order_relaxed);
  auto batch = read_batch(*services, request);
  if (!batch)
    return exchange.answer(barco_refusal(batch.error()));
  publish(services, exchange.executor(), std::move(*batch),
          [services, exchange](publish_outcome outcome) {
            exchange.answer(answer_to(*services->broker, outcome));
          });
}

void no_reading(const barco_ptr&, http_request&,
                const http_exchange& exchange) {
  exchange.answer(
    barco_text(http_status::method_not_allowed,
               "Producer server doesn't allow getting topic messages\n"));
}

void producer_status(const barco_ptr& services, http_request&,
                     const http_exchange& exchange) {
  exchange.answer(barco_text(http_status::ok,
                             "Producer server listening on "
                               + std::to_string(services->state->ports.producer)
                               + "\n"));
}

} // namespace

void add_producer_routes(barco_router& routes, const barco_ptr& services) {
  barco_table add{routes, services};
  add(http_verb::post, "/v1/topic/{topic}/messages", produce,
      {.body_bytes_max = events_body});
  add(http_verb::get, "/v1/topic/{topic}/messages", no_reading);
  add(http_verb::get, "/status", producer_status);
}

bool producer_answered_anywhere(const http_request& request) {
  if (request.method != http_verb::post || request.segment_count() != 4
      || request.trailing_slash() || request.segment(0) != "v1"
      || request.segment(1) != "topic" || request.segment(3) != "messages")
    return true;
  auto topic = request.segment(2);
  return topic.find('/') != std::string_view::npos
         || !check_request(request, topic, SIZE_MAX);
}

http_answer refuse_producer(const refusal& why, std::size_t message_bytes_max) {
  if (why.status == 413)
    return barco_text(http_status::bad_request, bad_length(message_bytes_max));
  return barco_refusal(why);
}

} // namespace callboard
