// One read: its question, what must be checked before it is shown, its formats.
#include "net/stream_reading.hpp"

#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "net/eventstore_feed.hpp"
#include "net/eventstore_feed_json.hpp"
#include "net/eventstore_formats.hpp"
#include "net/eventstore_request.hpp"
#include "net/link_targets.hpp"
#include "net/negotiation.hpp"
#include "net/waiting.hpp"

#include <functional>
#include <set>
#include <string_view>
#include <utility>

namespace callboard {

namespace {

constexpr std::string_view for_ever = "max-age=31536000, private";
constexpr std::string_view not_at_all = "max-age=0, no-cache, must-revalidate";

/// The row of a stream that can be read; null for one that is missing, soft
/// deleted, or never had an event.
const stream_row* readable(const std::optional<stream_row>& head) {
  return head && head->state == stream_state::live && head->next.value > 0
           ? &*head
           : nullptr;
}

bool is_tombstoned(const std::optional<stream_row>& head) {
  return head && head->state == stream_state::tombstoned;
}

http_answer gone() {
  return plain_status(http_status::gone, "Deleted");
}

/// 404 of a single event (spec 6.3).
http_answer missing_event(const media_type& type) {
  http_answer out{.status = http_status::not_found,
                  .content_type = media::text.content_type};
  if (type.is_json())
    out.body = "{}";
  return out;
}

} // namespace

void add_caching(http_answer& answer, bool for_good, std::uint64_t seconds,
                 std::string_view e_tag) {
  answer.add_header("Vary", "Accept");
  if (for_good)
    return answer.add_header("Cache-Control", for_ever);
  answer.add_header("Cache-Control",
                    seconds == 0
                      ? std::string{not_at_all}
                      : "max-age=" + std::to_string(seconds) + ", private");
  answer.add_header("ETag", '"' + std::string{e_tag} + '"');
}

namespace {

/// Whether the page stays as it is whatever is published (spec 6.5). One that
/// begins before the stream does has changed already, and leads on to where
/// that begins now.
bool is_full(const read_query& query, const stream_row& head) {
  auto& what = query.what;
  if (query.parked || !what.from)
    return false;
  return what.towards == direction::backward
           ? *what.from < head.next
           : *what.from >= head.first_live
               && head.next.value >= what.from->value + what.count;
}

/// Clients that ask for many events skip what a short page leaves out: they go
/// on by the count that they asked for.
accepted<void> check_all_fit(const read_request& what, const event_page& page) {
  if (what.count <= limits::cut_page_events_max || page.covered >= what.count)
    return {};
  auto fit = std::to_string(page.covered) + " fit into "
             + std::to_string(limits::whole_page_bytes_max >> 20) + " MiB";
  auto most = std::to_string(limits::cut_page_events_max);
  return refusal{500, "Read size too big, "
                        + (page.covered > limits::cut_page_events_max
                             ? "here at most " + fit
                             : "only " + fit + ": ask for up to " + most
                                 + " and follow the links")};
}

void answer_page(const services_ptr& services, const http_exchange& exchange,
                 const query_ptr& query, const event_page_ptr& page,
                 const stream_row& head) {
  if (!admitted(check_all_fit(query->what, *page), exchange))
    return;
  auto& request = exchange.request();
  auto& type = *request.response_type;
  auto tag = make_e_tag(head, type.content_type);
  http_answer answer{.content_type = type.content_type};
  add_caching(answer, is_full(*query, head), head.policy.cache_control_seconds,
              tag);
  if (tag_matches(request, tag)) {
    answer.status = http_status::not_modified;
    return exchange.answer(std::move(answer));
  }
  answer_with(services, exchange, layout_bytes(*page),
              [=, &request, &type, answer = std::move(answer)]() mutable {
                auto base = services->base(request);
                auto& what = query->what;
                auto feed = stream_feed(
                  {base, what.stream, what.from, what.count, what.towards},
                  *page, tag);
                answer.body = write_feed(
                  feed, parse_embed(request.query("embed").value_or("")), type);
                return std::move(answer);
              });
}

void answer_event(const services_ptr& services, const http_exchange& exchange,
                  const query_ptr& query, const event_page_ptr& page,
                  const stream_row& head) {
  auto& request = exchange.request();
  auto& type = *request.response_type;
  if (page->events.empty() || page->events.front().resolved == nullptr)
    return exchange.answer(missing_event(type));
  http_answer answer{.content_type = type.content_type};
  add_caching(answer, query->what.from && !query->parked,
              head.policy.cache_control_seconds,
              make_e_tag(head, type.content_type));
  answer_with(services, exchange, layout_bytes(*page),
              [=, &request, &type, answer = std::move(answer)]() mutable {
                auto entry = entry_of(page->events.front(), query->what.stream);
                auto embed = parse_embed(request.query("embed").value_or(""));
                answer.body =
                  write_event(services->base(request), entry, embed, type);
                return std::move(answer);
              });
}

void after_checking_links(const services_ptr& services,
                          const http_exchange& exchange, const query_ptr& query,
                          const event_page_ptr& page,
                          const std::function<void()>& then) {
  std::set<std::string> targets;
  for (auto& e : page->events)
    if (e.through_link())
      targets.insert(e.target);
    else if (query->parked && is_link(*e.original))
      if (auto link = parse_link(e.original->data))
        targets.insert(std::move(link->second));
  after_checking_targets(services, exchange, targets, then);
}

/// Reads, and answers with `format` what can be shown; `missing` tells of a
/// stream that is not there, and the number of its next event.
template <class Format, class Missing>
void read(const services_ptr& services, const http_exchange& exchange,
          const query_ptr& query, const Format& format,
          const Missing& missing) {
  ask_for<event_page_ptr>(
    services, exchange, services->home_of(query->what.stream),
    [=](const result<event_page_ptr>& read) {
      if (!read)
        return exchange.answer(error_answer(read.error()));
      const event_page_ptr& page = *read;
      if (is_tombstoned(page->head))
        return exchange.answer(gone());
      auto* head = readable(page->head);
      if (head == nullptr)
        return missing(page->head ? page->head->next : event_number{});
      after_checking_links(services, exchange, query, page,
                           [=] { format(page, *head); });
    },
    read_atom_v, query->what);
}

/// Whether a page has nothing to tell that its reader does not know (spec 6.6).
bool nothing_new(const http_request& request, const read_query& query,
                 const stream_row& head) {
  return query.what.from.value_or(event_number{}) >= head.next
         || tag_matches(request,
                        make_e_tag(head, request.response_type->content_type));
}

/// A stream that has no metadata: does it exist itself?
void answer_no_metadata(const services_ptr& services,
                        const http_exchange& exchange,
                        const std::string& stream) {
  ask_for<stream_description>(
    services, exchange, services->home_of(stream),
    [exchange](const result<stream_description>& found) {
      if (!found)
        return exchange.answer(error_answer(found.error()));
      auto& type = *exchange.request().response_type;
      if (is_tombstoned(found->head))
        return exchange.answer(gone());
      if (readable(found->head) == nullptr)
        return exchange.answer(missing_event(type));
      http_answer answer{.content_type = type.content_type};
      answer.add_header("Vary", "Accept");
      answer.add_header("Cache-Control", not_at_all);
      // In XML an empty document is no text at all.
      if (type.is_json())
        answer.body = "{}";
      exchange.answer(std::move(answer));
    },
    describe_atom_v, stream);
}

} // namespace

void read_page(const services_ptr& services, const http_exchange& exchange,
               const query_ptr& query) {
  auto waits = query->wait.count() > 0;
  read(
    services, exchange, query,
    [=](const event_page_ptr& page, const stream_row& head) {
      if (waits && nothing_new(exchange.request(), *query, head))
        return wait_for_event(services, exchange, query->what.stream, head.next,
                              *query, read_page);
      answer_page(services, exchange, query, page, head);
    },
    [=](event_number next) {
      if (waits)
        return wait_for_event(services, exchange, query->what.stream, next,
                              *query, read_page);
      exchange.answer(plain_status(http_status::not_found));
    });
}

void read_event(const services_ptr& services, const http_exchange& exchange,
                const query_ptr& query) {
  read(
    services, exchange, query,
    [=](const event_page_ptr& page, const stream_row& head) {
      answer_event(services, exchange, query, page, head);
    },
    [=](event_number) {
      exchange.answer(missing_event(*exchange.request().response_type));
    });
}

void read_metadata(const services_ptr& services, const http_exchange& exchange,
                   const query_ptr& query, const std::string& stream) {
  auto none = [=](event_number) {
    answer_no_metadata(services, exchange, stream);
  };
  read(
    services, exchange, query,
    [=](const event_page_ptr& page, const stream_row& head) {
      if (page->events.empty())
        return none(head.next);
      answer_event(services, exchange, query, page, head);
    },
    none);
}

void describe_stream(const services_ptr& services,
                     const http_exchange& exchange, const std::string& stream) {
  ask_for<stream_description>(
    services, exchange, services->home_of(stream),
    [=](const result<stream_description>& found) {
      if (!found)
        return exchange.answer(error_answer(found.error()));
      auto& type = *exchange.request().response_type;
      http_answer answer{.content_type = type.content_type};
      // A client that did not choose gets to know what it can choose from.
      if (accepts_anything(exchange.request()))
        answer.status = http_status::not_acceptable;
      answer.body = description_to_json(stream, found->groups, type.name());
      exchange.answer(std::move(answer));
    },
    describe_atom_v, stream);
}

} // namespace callboard
