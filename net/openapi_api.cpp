// The document itself is made at configure time, of `openapi_document.cpp.in`.
#include "net/openapi_api.hpp"

#include "net/eventstore_request.hpp"
#include "net/router.hpp"

#include <string>
#include <utility>

namespace callboard {

namespace {

void tell_routes(http_request& request, const http_exchange& exchange) {
  http_answer answer;
  if (tag_matches(request, openapi_tag)) {
    answer.status = http_status::not_modified;
  } else {
    answer.content_type = media::json.content_type;
    answer.body = openapi_document;
  }
  answer.add_header("ETag", '"' + std::string{openapi_tag} + '"');
  // It is another one after an update of the broker.
  answer.add_header("Cache-Control", "no-cache");
  exchange.answer(std::move(answer));
}

} // namespace

void add_openapi_route(router& routes) {
  constexpr auto get = http_verb::get;
  routes.add(get, "/openapi.json", tell_routes);
}

} // namespace callboard
