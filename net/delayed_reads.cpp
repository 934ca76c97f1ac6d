// What waits: a page of it, and one message.
#include "net/delayed_json.hpp"
#include "net/delayed_names.hpp"
#include "net/delayed_request.hpp"
#include "net/delayed_routes.hpp"
#include "net/problem.hpp"
#include "net/url.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace callboard::delayed_routes {

namespace {

using nlohmann::ordered_json;

/// The query of the request with another `after`.
std::string next_query(const http_request& request, const delayed_page& page) {
  std::string out;
  for (auto name : {"kind", "stream", "group", "from", "to", "limit"})
    for (auto value : request.query_list(name))
      out.append(name).append("=").append(escape_segment(value)).append("&");
  return out + "after=" + stored_name(page.partition, page.due, page.id);
}

http_answer page_answer(const services_ptr& services,
                        const http_request& request, const delayed_page& page) {
  auto base = services->base(request);
  ordered_json body;
  body["items"] = ordered_json::array();
  for (auto& item : page.items)
    body["items"].push_back(delayed_json(base, item));
  body["links"] = ordered_json::object();
  if (page.more)
    body["links"]["next"] = base + "/delayed?" + next_query(request, page);
  return {.content_type = media::json.content_type,
          .body =
            body.dump(2, ' ', false, ordered_json::error_handler_t::replace)
            + "\n"};
}

void tell_detail(const services_ptr& services, const http_exchange& exchange,
                 const delayed_detail& what, bool readable) {
  auto body = detail_json(services->base(exchange.request()), what, readable);
  exchange.answer(
    {.content_type = media::json.content_type,
     .body = body.dump(2, ' ', false, ordered_json::error_handler_t::replace)
             + "\n"});
}

} // namespace

void list(const services_ptr& services, http_request& request,
          const http_exchange& exchange) {
  auto query = read_delayed_query(services, request);
  if (!query)
    return exchange.answer(refused_problem(query.error()));
  ask_for<delayed_page_ptr>(
    services, exchange, services->broker,
    [services, exchange](const result<delayed_page_ptr>& page) {
      exchange.answer(page ? page_answer(services, exchange.request(), **page)
                           : problem(page.error(), "page"));
    },
    delayed_atom_v, std::move(*query));
}

void one(const services_ptr& services, http_request&,
         const http_exchange& exchange) {
  with_delayed(
    services, exchange, [services, exchange](const delayed_detail_ptr& found) {
      if (!found->event)
        return tell_detail(services, exchange, *found, false);
      services->access->check_stream(
        exchange.request().user.get(), access_rule::read_stream,
        found->item.what.stream, exchange.executor(),
        [services, exchange, found](verdict v) {
          if (v == verdict::unavailable)
            return exchange.answer(problem(errc::unavailable, {}));
          tell_detail(services, exchange, *found, v == verdict::granted);
        });
    });
}

} // namespace callboard::delayed_routes
