// Pages of all events: what is asked for, checked; ask, wait, answer.
#include "net/all_feed.hpp"
#include "net/all_routes.hpp"
#include "net/event_filters.hpp"
#include "net/eventstore_formats.hpp"
#include "net/eventstore_request.hpp"
#include "net/link_targets.hpp"
#include "net/stream_reading.hpp"
#include "net/waiting.hpp"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace callboard::all_routes {

namespace {

constexpr std::size_t newest_page_count = 20;

/// Events that a filtered forward read looks at.
constexpr std::size_t forward_window = 1000;

struct all_query {
  all_request what;
  asked_filter filter; // empty: all are wanted
  std::chrono::seconds wait{0};
};

using query_ptr = std::shared_ptr<const all_query>;

void read_page(const services_ptr& services, const http_exchange& exchange,
               const query_ptr& query);

/// The version of all events that a page shows.
std::string tag_of(const all_page& page, const media_type& type) {
  return make_e_tag(to_string(page.end), type.content_type);
}

void answer_page(const services_ptr& services, const http_exchange& exchange,
                 const query_ptr& query, const all_page_ptr& page) {
  auto& request = exchange.request();
  auto& type = *request.response_type;
  auto& asked = query->what;
  auto tag = tag_of(*page, type);
  http_answer answer{.content_type = type.content_type};
  // Whatever is recorded later comes behind the borders of such a page.
  auto for_good = asked.towards == direction::backward
                    ? asked.from && *asked.from <= page->end
                    : !page->end_reached;
  add_caching(answer, for_good, 0, tag);
  if (tag_matches(request, tag)) {
    answer.status = http_status::not_modified;
    return exchange.answer(std::move(answer));
  }
  answer_with(
    services, exchange, layout_bytes(*page),
    [=, &request, &type, answer = std::move(answer)]() mutable {
      auto base = services->base(request);
      auto& what = query->what;
      auto feed = all_feed(
        {base,
         query->filter.wants ? "/streams/%24all/filtered" : "/streams/%24all",
         query->filter.query, what.from, what.count, what.towards},
        *page, tag);
      answer.body = write_feed(
        feed, parse_embed(request.query("embed").value_or("")), type);
      return std::move(answer);
    });
}

bool nothing_new(const http_request& request, const all_page& page) {
  return (page.events.empty() && page.end_reached)
         || tag_matches(request, tag_of(page, *request.response_type));
}

void read_page(const services_ptr& services, const http_exchange& exchange,
               const query_ptr& query) {
  ask_for<all_page_ptr>(
    services, exchange, services->broker,
    [=](const result<all_page_ptr>& read) {
      if (!read)
        return exchange.answer(error_answer(read.error()));
      const all_page_ptr& page = *read;
      if (query->wait.count() > 0 && nothing_new(exchange.request(), *page))
        return wait_for_event(services, exchange, std::string{all_stream},
                              {page->until.value + 1}, *query, read_page);
      std::set<std::string> targets;
      for (auto& e : page->events)
        if (e.what.through_link())
          targets.insert(e.what.target);
      after_checking_targets(services, exchange, targets, [=] {
        answer_page(services, exchange, query, page);
      });
    },
    read_atom_v, query->what);
}

// --- what is asked for

accepted<std::optional<log_position>> read_position(std::string_view text,
                                                    bool head_allowed) {
  if (head_allowed && text == "head")
    return std::optional<log_position>{};
  if (auto position = parse_log_position(text))
    return position;
  return refusal{400, "Invalid position argument: " + std::string{text}};
}

accepted<std::size_t> read_count(std::string_view text) {
  auto count = parse_integer(text);
  if (!count || *count <= 0)
    return refusal{400, "Invalid count argument: " + std::string{text}};
  return read_page_count(text);
}

enum class kind : std::uint8_t { all, filtered };

/// What all of these reads have in common; null: refused, and answered.
std::shared_ptr<all_query> new_query(const http_exchange& exchange, kind of,
                                     direction towards) {
  auto out = std::make_shared<all_query>();
  auto& request = exchange.request();
  auto links = read_flag(request, "ResolveLinkTos", of == kind::filtered);
  if (!admitted(check_leader_flags(request), exchange)
      || !admitted(links, exchange))
    return nullptr;
  out->what.towards = towards;
  out->what.resolve_links = *links || of == kind::filtered;
  if (of == kind::all)
    return out;
  auto filter = read_event_filter(request);
  if (!admitted(filter, exchange))
    return nullptr;
  out->filter = std::move(*filter);
  out->what.filter = out->filter.wants;
  return out;
}

/// A filtered read looks at so many events as it could show, or more forward.
void bound(all_query& query) {
  if (query.filter.wants)
    query.what.window = query.what.towards == direction::forward
                          ? forward_window
                          : query.what.count;
}

bool described(const services_ptr& services, const http_request& request,
               const http_exchange& exchange) {
  auto& type = *request.response_type;
  if (type != media::es_description_json && type != media::k_description_json)
    return false;
  describe_stream(services, exchange, std::string{all_stream});
  return true;
}

void newest(const services_ptr& services, const http_request& request,
            const http_exchange& exchange, kind of) {
  if (described(services, request, exchange))
    return;
  auto query = new_query(exchange, of, direction::backward);
  if (query == nullptr)
    return;
  query->what.count = newest_page_count;
  bound(*query);
  read_page(services, exchange, query);
}

void page_of(const services_ptr& services, const http_request& request,
             const http_exchange& exchange, kind of, direction towards) {
  if (described(services, request, exchange))
    return;
  auto forward = towards == direction::forward;
  auto from = read_position(request.parameter("position"), !forward);
  auto count = read_count(request.parameter("count"));
  if (!admitted(from, exchange) || !admitted(count, exchange))
    return;
  auto query = new_query(exchange, of, towards);
  auto wait = forward && of == kind::all
                ? read_wait(request)
                : accepted<std::chrono::seconds>{std::chrono::seconds{0}};
  if (query == nullptr || !admitted(wait, exchange))
    return;
  query->what.from = *from;
  query->what.count = *count;
  query->wait = *wait;
  bound(*query);
  read_page(services, exchange, query);
}

} // namespace

void nothing(const services_ptr&, http_request&,
             const http_exchange& exchange) {
  exchange.answer(plain_status(http_status::not_found));
}

void newest_page(const services_ptr& services, http_request& request,
                 const http_exchange& exchange) {
  newest(services, request, exchange, kind::all);
}

void backward_page(const services_ptr& services, http_request& request,
                   const http_exchange& exchange) {
  page_of(services, request, exchange, kind::all, direction::backward);
}

void forward_page(const services_ptr& services, http_request& request,
                  const http_exchange& exchange) {
  page_of(services, request, exchange, kind::all, direction::forward);
}

void filtered_newest_page(const services_ptr& services, http_request& request,
                          const http_exchange& exchange) {
  newest(services, request, exchange, kind::filtered);
}

void filtered_backward_page(const services_ptr& services, http_request& request,
                            const http_exchange& exchange) {
  page_of(services, request, exchange, kind::filtered, direction::backward);
}

void filtered_forward_page(const services_ptr& services, http_request& request,
                           const http_exchange& exchange) {
  page_of(services, request, exchange, kind::filtered, direction::forward);
}

} // namespace callboard::all_routes
