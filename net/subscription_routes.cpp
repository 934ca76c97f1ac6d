// What is told of groups: one, those of a stream, all.
#include "net/subscription_routes.hpp"

#include "net/eventstore_groups.hpp"
#include "net/eventstore_request.hpp"
#include "net/stream_names.hpp"

#include <memory>
#include <optional>
#include <string>

namespace callboard::subscription_routes {

namespace {

struct page_of_groups {
  std::size_t offset = 0;
  std::size_t count = 0;
};

/// The page that `offset` and `count` ask for; nothing: all (spec 1.7).
accepted<std::optional<page_of_groups>> read_page(const http_request& request) {
  auto offset_text = request.query("offset");
  auto count_text = request.query("count");
  if (!offset_text && !count_text)
    return std::optional<page_of_groups>{};
  auto offset_or_first = offset_text.value_or("0");
  auto offset = parse_integer(offset_or_first);
  if (!offset || *offset < 0)
    return refusal{400, "Offset \"" + std::string{offset_or_first}
                          + "\" must be a non-negative integer"};
  auto count = parse_integer(count_text.value_or(""));
  if (!count || *count < 1)
    return refusal{400, "Count \"" + std::string{count_text.value_or("")}
                          + "\" must be a positive integer"};
  return std::optional{page_of_groups{static_cast<std::size_t>(*offset),
                                      static_cast<std::size_t>(*count)}};
}

/// About how many bytes of an answer a group takes.
constexpr std::size_t summary_bytes = 1024;

http_answer document(const http_request& request, std::string body) {
  return {.content_type = request.response_type->content_type,
          .body = std::move(body)};
}

std::string summaries(const services_ptr& services, const http_request& request,
                      const group_infos& infos) {
  auto base = services->base(request);
  return request.response_type->is_xml() ? summaries_xml(base, infos)
                                         : summaries_json(base, infos);
}

std::string summaries_page(const services_ptr& services,
                           const http_request& request,
                           const group_infos& infos,
                           const page_of_groups& page) {
  auto base = services->base(request);
  auto write =
    request.response_type->is_xml() ? summaries_page_xml : summaries_page_json;
  return write(base, infos, page.offset, page.count);
}

} // namespace

group_key key_of(const services_ptr& services, const http_request& request) {
  return {named_stream(services, request),
          std::string{request.parameter("group")}};
}

void info(const services_ptr& services, http_request& request,
          const http_exchange& exchange) {
  auto key = key_of(services, request);
  auto& home = services->home_of(key.stream);
  ask_for<group_info>(
    services, exchange, home,
    [=](const result<group_info>& found) {
      if (!found)
        return exchange.answer(error_answer(found.error()));
      auto& asked = exchange.request();
      exchange.answer(
        document(asked, asked.response_type->is_xml()
                          ? info_xml(services->base(asked), *found)
                          : info_json(services->base(asked), *found)));
    },
    info_atom_v, std::move(key));
}

void groups_of_stream(const services_ptr& services, http_request& request,
                      const http_exchange& exchange) {
  auto stream = named_stream(services, request);
  auto& home = services->home_of(stream);
  ask_for<group_infos>(
    services, exchange, home,
    [=](result<group_infos> found) {
      if (!found)
        return exchange.answer(error_answer(found.error()));
      auto& asked = exchange.request();
      if (stream.empty()) // to a partition this means: of all streams
        found->clear();
      sort_groups(*found);
      auto answer = document(asked, summaries(services, asked, *found));
      if (found->empty())
        answer.status = http_status::not_found;
      exchange.answer(std::move(answer));
    },
    groups_atom_v, stream);
}

void all_groups(const services_ptr& services, http_request& request,
                const http_exchange& exchange) {
  auto page = read_page(request);
  if (!admitted(page, exchange))
    return;
  ask_for<group_infos>(
    services, exchange, services->broker,
    [=, page = *page](result<group_infos> found) {
      if (!found)
        return exchange.answer(error_answer(found.error()));
      auto groups = std::make_shared<group_infos>(std::move(*found));
      answer_with(services, exchange, groups->size() * summary_bytes,
                  [=, &asked = exchange.request()] {
                    sort_groups(*groups);
                    return document(
                      asked, page
                               ? summaries_page(services, asked, *groups, *page)
                               : summaries(services, asked, *groups));
                  });
    },
    groups_atom_v);
}

} // namespace callboard::subscription_routes
