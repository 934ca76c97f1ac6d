// The routes that read streams: what they ask for, checked.
#include "actors/core/names.hpp"
#include "net/eventstore_request.hpp"
#include "net/stream_names.hpp"
#include "net/stream_reading.hpp"
#include "net/stream_routes.hpp"

#include <string>
#include <utility>

namespace callboard::stream_routes {

namespace {

constexpr std::size_t newest_page_count = 20;

/// A stream as a route addresses it.
struct target {
  std::string stream;
  bool resolve_links = true; // unless a header says otherwise
  bool parked = false;
};

bool is_description(const media_type& type) {
  return type == media::es_description_json
         || type == media::k_description_json;
}

/// Whether the client asked for what can be had of a stream; then it is
/// answered.
bool described(const services_ptr& services, const http_request& request,
               const http_exchange& exchange, const std::string& stream) {
  if (!is_description(*request.response_type))
    return false;
  if (admitted(check_readable_name(stream), exchange))
    describe_stream(services, exchange, stream);
  return true;
}

/// What all reads have in common; null: refused, and answered.
std::shared_ptr<read_query> new_query(const http_exchange& exchange,
                                      target at) {
  auto out = std::make_shared<read_query>();
  auto links =
    read_flag(exchange.request(), "ResolveLinkTos", at.resolve_links);
  if (!admitted(check_readable_name(at.stream), exchange)
      || !admitted(check_leader_flags(exchange.request()), exchange)
      || !admitted(links, exchange))
    return nullptr;
  out->what.stream = std::move(at.stream);
  out->what.resolve_links = *links;
  out->what.towards = direction::backward;
  out->parked = at.parked;
  return out;
}

void page_of(const services_ptr& services, http_request& request,
             const http_exchange& exchange, direction towards, target at) {
  if (described(services, request, exchange, at.stream))
    return;
  auto forward = towards == direction::forward;
  auto from = read_event_number(request.parameter("event"), !forward);
  auto count = read_page_count(request.parameter("count"));
  if (!admitted(from, exchange) || !admitted(count, exchange))
    return;
  auto query = new_query(exchange, std::move(at));
  auto wait = forward ? read_wait(request) : std::chrono::seconds{0};
  if (query == nullptr || !admitted(wait, exchange))
    return;
  query->what.from = *from;
  query->what.count = *count;
  query->what.towards = towards;
  query->wait = *wait;
  read_page(services, exchange, query);
}

void event_of(const services_ptr& services, http_request& request,
              const http_exchange& exchange, target at) {
  auto number = read_event_number(request.parameter("event"), true);
  if (!admitted(number, exchange))
    return;
  auto query = new_query(exchange, std::move(at));
  if (query == nullptr)
    return;
  query->what.from = *number;
  query->what.count = 1;
  read_event(services, exchange, query);
}

target stream_of(const services_ptr& services, const http_request& request) {
  return {named_stream(services, request)};
}

/// The metadata stream of a route's stream, or why it has none.
accepted<target> metadata_of(const services_ptr& services,
                             const http_request& request) {
  auto stream = named_stream(services, request);
  if (stream.starts_with("$$"))
    return refusal{400, "'" + stream
                          + "' is a metadata stream; it has no metadata of its "
                            "own"};
  return target{metadata_stream(stream), false};
}

target parked_of(const services_ptr& services, const http_request& request) {
  return {
    parked_stream(named_stream(services, request), request.parameter("group")),
    true, true};
}

} // namespace

void newest_page(const services_ptr& services, http_request& request,
                 const http_exchange& exchange) {
  if (described(services, request, exchange,
                stream_of(services, request).stream))
    return;
  auto query = new_query(exchange, stream_of(services, request));
  if (query == nullptr)
    return;
  query->what.count = newest_page_count;
  read_page(services, exchange, query);
}

void one_event(const services_ptr& services, http_request& request,
               const http_exchange& exchange) {
  event_of(services, request, exchange, stream_of(services, request));
}

void backward_page(const services_ptr& services, http_request& request,
                   const http_exchange& exchange) {
  page_of(services, request, exchange, direction::backward,
          stream_of(services, request));
}

void forward_page(const services_ptr& services, http_request& request,
                  const http_exchange& exchange) {
  page_of(services, request, exchange, direction::forward,
          stream_of(services, request));
}

void metadata(const services_ptr& services, http_request& request,
              const http_exchange& exchange) {
  auto at = metadata_of(services, request);
  if (!admitted(at, exchange))
    return;
  auto query = new_query(exchange, std::move(*at));
  if (query == nullptr)
    return;
  query->what.count = 1;
  read_metadata(services, exchange, query, stream_of(services, request).stream);
}

void one_metadata_event(const services_ptr& services, http_request& request,
                        const http_exchange& exchange) {
  if (auto at = metadata_of(services, request); admitted(at, exchange))
    event_of(services, request, exchange, std::move(*at));
}

void metadata_backward_page(const services_ptr& services, http_request& request,
                            const http_exchange& exchange) {
  if (auto at = metadata_of(services, request); admitted(at, exchange))
    page_of(services, request, exchange, direction::backward, std::move(*at));
}

void metadata_forward_page(const services_ptr& services, http_request& request,
                           const http_exchange& exchange) {
  if (auto at = metadata_of(services, request); admitted(at, exchange))
    page_of(services, request, exchange, direction::forward, std::move(*at));
}

void parked_backward_page(const services_ptr& services, http_request& request,
                          const http_exchange& exchange) {
  page_of(services, request, exchange, direction::backward,
          parked_of(services, request));
}

void parked_forward_page(const services_ptr& services, http_request& request,
                         const http_exchange& exchange) {
  page_of(services, request, exchange, direction::forward,
          parked_of(services, request));
}

} // namespace callboard::stream_routes
