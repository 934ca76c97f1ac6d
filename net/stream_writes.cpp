// Publishing, metadata, deleting.
#include "actors/core/names.hpp"
#include "actors/core/stream_heads.hpp"
#include "net/delayed_publishing.hpp"
#include "net/delayed_times.hpp"
#include "net/eventstore_batch.hpp"
#include "net/eventstore_feed.hpp"
#include "net/eventstore_request.hpp"
#include "net/json_body.hpp"
#include "net/random_uuid.hpp"
#include "net/stream_names.hpp"
#include "net/stream_policy.hpp"
#include "net/stream_routes.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace callboard::stream_routes {

namespace {

constexpr std::string_view metadata_type = "$metadata";
constexpr std::string_view no_id =
  "Empty eventId provided. (Parameter 'eventId')";
constexpr std::string_view no_type =
  "Empty eventType provided. (Parameter 'eventType')";

/// Whether the body holds the ids and types of its events.
bool is_batch(const media_type& type) {
  return type != media::json && type != media::octet_stream
         && type != media::text_xml && type != media::xml;
}

accepted<event_batch> events_of(const http_request& request) {
  return request.request_type->is_xml() ? parse_timed_xml_batch(request.body)
                                        : parse_timed_batch(request.body);
}

/// An answer that is an empty text.
http_answer empty_text(http_status status, std::string_view reason = {}) {
  auto out = plain_status(status, reason);
  out.content_type = media::text.content_type;
  return out;
}

http_answer redirect(std::string_view to, std::string body) {
  http_answer out{.status = http_status::temporary_redirect,
                  .content_type = media::text.content_type,
                  .body = std::move(body)};
  out.add_header("Location", to);
  return out;
}

/// The URL of the request as its client wrote it, without its query.
std::string request_url(const services_ptr& services,
                        const http_request& request) {
  return services->base(request).append(request.path());
}

http_answer wrong_version(std::int64_t current) {
  auto out = empty_text(http_status::bad_request, "Wrong expected EventNumber");
  out.add_header("ES-CurrentVersion", std::to_string(current));
  out.add_header("Kurrent-CurrentVersion", std::to_string(current));
  return out;
}

/// The answer to an append or delete that was decided against, or failed.
http_answer refused(errc why, std::int64_t current) {
  if (why == errc::wrong_version)
    return wrong_version(current);
  if (why == errc::stream_deleted)
    return plain_status(http_status::gone, "Stream deleted");
  return error_answer(why);
}

/// The id that a header gives, or nothing if there is no such header.
accepted<std::optional<uuid>> read_event_id(const http_request& request) {
  auto header = es_header(request, "EventId");
  if (!header)
    return std::optional<uuid>{};
  auto id = parse_uuid(header->value);
  if (!id || id->is_zero())
    return refusal{400, header->name() + " header in wrong format."};
  return id;
}

std::string read_event_type(const http_request& request) {
  auto header = es_header(request, "EventType");
  return std::string{header ? header->value : std::string_view{}};
}

/// The body as one event.
accepted<event_batch> single_event(http_request& request, uuid id,
                                   std::string type) {
  new_event e{id,
              std::move(type),
              std::move(request.body),
              {},
              *request.request_type == media::json};
  if (auto ok = check_event(e); !ok)
    return ok.error();
  event_batch out;
  out.events.push_back(std::move(e));
  return out;
}

/// What is read as a document has the bounds of one.
accepted<void> check_metadata(const new_event& e) {
  if (!e.is_json)
    return {};
  if (e.data.size() > document_bytes_max)
    return refusal{413, "The metadata have " + std::to_string(e.data.size())
                          + " bytes; at most "
                          + std::to_string(document_bytes_max)
                          + " are allowed."};
  return check_json_depth(e.data);
}

/// Copies of parked events are there for what retention takes.
accepted<void> check_bounds(std::string_view described,
                            const stream_policy& policy) {
  bool bounded = policy.max_count > 0 || policy.max_age_seconds > 0
                 || policy.truncate_before > 0;
  if (!bounded || !is_kept_stream(described))
    return {};
  return refusal{400, "The metadata are those of '" + std::string{described}
                        + "', which a group keeps for itself, and would take "
                          "events from it; allowed: metadata without "
                          "$maxCount, $maxAge and $tb."};
}

/// What a metadata stream will say, if this is one.
accepted<std::optional<stream_policy>>
policy_after(std::string_view stream, std::vector<new_event>& events) {
  // It lies in the row of its stream, which is one page of the store.
  constexpr std::size_t acl_bytes_max = 3000;
  if (!stream.starts_with("$$"))
    return std::optional<stream_policy>{};
  if (auto ok = check_metadata(events.back()); !ok)
    return ok.error();
  auto policy = parse_stream_policy(events.back());
  if (!policy)
    return policy.error();
  if (auto ok = check_bounds(stream.substr(2), *policy); !ok)
    return ok.error();
  if (policy->acl.size() > acl_bytes_max)
    return refusal{400, "$acl has " + std::to_string(policy->acl.size())
                          + " bytes; at most " + std::to_string(acl_bytes_max)
                          + " are allowed."};
  // Such a delete is done, and not told by the document: who reads that when
  // the stream has come back, and writes it again, must not repeat the delete.
  if (policy->truncate_before == truncate_all)
    events.back().data = without_cut(events.back().data);
  return std::optional{std::move(*policy)};
}

/// `Give-Up-At` is for the events of a request that have no such time of their
/// own.
accepted<void> read_give_up(const http_request& request, event_batch& events) {
  auto header = request.header("Give-Up-At");
  if (!header)
    return {};
  auto at = read_moment("Give-Up-At", *header);
  if (!at)
    return at.error();
  for (auto& e : events.events)
    if (e.give_up_at.value == 0)
      e.give_up_at = *at;
  return {};
}

/// The last checks and the append itself.
void write(const services_ptr& services, const http_exchange& exchange,
           std::string stream, accepted<event_batch> events) {
  auto& request = exchange.request();
  auto expected = read_expected_version(request);
  if (!admitted(expected, exchange)
      || !admitted(check_leader_flags(request), exchange)
      || !admitted(events, exchange)
      || !admitted(read_give_up(request, *events), exchange))
    return;
  for (auto& e : events->events)
    if (!admitted(check_settings(stream, e), exchange))
      return;
  auto later = is_for_later(request, *events);
  if (!admitted(later, exchange))
    return;
  if (*later)
    return publish_later(services, exchange, std::move(stream),
                         std::move(*events));
  auto policy = policy_after(stream, events->events);
  if (!admitted(policy, exchange))
    return;
  auto& home = services->home_of(stream);
  append_request what{stream, *expected, std::move(events->events),
                      std::move(*policy)};
  ask_for<append_reply>(
    services, exchange, home,
    [services, exchange,
     stream = std::move(stream)](const result<append_reply>& reply) {
      if (stream.starts_with("$$") || stream == settings_stream)
        services->access->stream_changed();
      if (!reply || reply->error != errc::none)
        return exchange.answer(refused(reply ? reply->error : reply.error(),
                                       reply ? reply->current : 0));
      auto answer = empty_text(http_status::created);
      answer.add_header("Location",
                        stream_uri(services->base(exchange.request()), stream)
                          + "/" + std::to_string(reply->first.value));
      exchange.answer(promised(*services, std::move(answer)));
    },
    append_atom_v, std::move(what));
}

void write_batch(const services_ptr& services, const http_exchange& exchange,
                 const std::string& stream) {
  read_body(services, exchange, events_of, [=](accepted<event_batch> events) {
    write(services, exchange, stream, std::move(events));
  });
}

} // namespace

void append(const services_ptr& services, http_request& request,
            const http_exchange& exchange) {
  auto stream = named_stream(services, request);
  if (!admitted(check_publishable_name(stream), exchange))
    return;
  if (is_batch(*request.request_type))
    return write_batch(services, exchange, stream);
  auto type = read_event_type(request);
  if (type.empty())
    return exchange.answer(
      bad_request("Must include an event type with the request either in body "
                  "or as ES-EventType header."));
  auto id = read_event_id(request);
  if (!admitted(id, exchange))
    return;
  if (!*id)
    return exchange.answer(redirect(request_url(services, request)
                                      + "/incoming/" + to_string(random_uuid()),
                                    "Forwarding to idempotent URI"));
  write(services, exchange, std::move(stream),
        single_event(request, **id, std::move(type)));
}

void append_with_id(const services_ptr& services, http_request& request,
                    const http_exchange& exchange) {
  auto stream = named_stream(services, request);
  if (!admitted(check_publishable_name(stream), exchange))
    return;
  auto id = parse_uuid(request.parameter("id"));
  if (!id || id->is_zero())
    return exchange.answer(
      bad_request("Invalid request. Unable to parse guid"));
  auto type = read_event_type(request);
  if (type.empty())
    return exchange.answer(bad_request(no_type));
  write(services, exchange, std::move(stream),
        single_event(request, *id, std::move(type)));
}

void append_metadata(const services_ptr& services, http_request& request,
                     const http_exchange& exchange) {
  auto stream = metadata_stream(named_stream(services, request));
  if (!admitted(check_writable_name(stream), exchange))
    return;
  auto type = read_event_type(request);
  if (!type.empty() && type != metadata_type)
    return exchange.answer(
      bad_request("Bad Request. You should not include an event type for "
                  "metadata."));
  if (is_batch(*request.request_type))
    return write_batch(services, exchange, stream);
  auto id = read_event_id(request);
  if (!admitted(id, exchange))
    return;
  if (!*id)
    return exchange.answer(bad_request(no_id));
  write(services, exchange, std::move(stream),
        single_event(request, **id, std::string{metadata_type}));
}

void remove(const services_ptr& services, http_request& request,
            const http_exchange& exchange) {
  auto stream = named_stream(services, request);
  auto expected = read_expected_version(request);
  auto hard = read_flag(request, "HardDelete", false);
  if (!admitted(hard, exchange)
      || !admitted(check_deletable_name(stream, *hard), exchange)
      || !admitted(expected, exchange)
      || !admitted(check_leader_flags(request), exchange))
    return;
  if (stream.starts_with("$$"))
    return exchange.answer(
      bad_request("Metadata cannot be deleted: what they say would stay in "
                  "force. Post an empty document {} instead."));
  auto& home = services->home_of(stream);
  ask_for<append_reply>(
    services, exchange, home,
    [services, exchange](const result<append_reply>& reply) {
      services->access->stream_changed();
      if (!reply || reply->error != errc::none)
        return exchange.answer(refused(reply ? reply->error : reply.error(),
                                       reply ? reply->current : 0));
      exchange.answer(promised(
        *services, plain_status(http_status::no_content, "Stream deleted")));
    },
    delete_atom_v, delete_request{std::move(stream), *expected, *hard});
}

void refuse_no_name(const services_ptr&, http_request&,
                    const http_exchange& exchange) {
  exchange.answer(refuse(check_readable_name({}).error()));
}

void drop_slash(const services_ptr& services, http_request& request,
                const http_exchange& exchange) {
  auto path = request.path();
  path.remove_suffix(1);
  auto query = request.target().substr(request.path().size());
  auto answer = redirect(services->base(request).append(path).append(query),
                         "Moved Permanently");
  answer.add_header("Cache-Control", "max-age=31536000, public");
  exchange.answer(std::move(answer));
}

} // namespace callboard::stream_routes
