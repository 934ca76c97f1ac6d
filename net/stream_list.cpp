// Which streams there are: those that their reader may read.
#include "actors/core/limits.hpp"
#include "actors/core/names.hpp"
#include "net/all_routes.hpp"
#include "net/eventstore_feed.hpp"
#include "net/eventstore_request.hpp"
#include "net/json_members.hpp"
#include "net/url.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace callboard::all_routes {

namespace {

constexpr std::size_t usual_limit = 100;

accepted<streams_request> read_query(const http_request& request) {
  streams_request out;
  out.after = request.query("after").value_or("");
  if (auto after = check_readable_name(out.after); !out.after.empty() && !after)
    return after.error();
  out.count = usual_limit;
  if (auto text = request.query("limit")) {
    auto limit = parse_integer(*text);
    if (!limit || *limit < 1 || *limit > std::int64_t{limits::page_streams_max})
      return refusal{400, "limit is '" + std::string{text->substr(0, 100)}
                            + "'; allowed: 1 to "
                            + std::to_string(limits::page_streams_max) + "."};
    out.count = static_cast<std::size_t>(*limit);
  }
  if (auto system = request.query("system")) {
    if (*system != "true" && *system != "false")
      return refusal{400, "system is '" + std::string{system->substr(0, 100)}
                            + "'; allowed: true or false."};
    out.system = *system == "true";
  }
  return out;
}

std::string to_json(std::string_view base, const streams_request& asked,
                    const stream_list& list, const std::vector<bool>& shown) {
  std::string out;
  json_members members{out, 0};
  members.name("streams");
  out += '[';
  bool first = true;
  for (std::size_t i = 0; i < list.streams.size(); ++i) {
    if (!shown[i])
      continue;
    if (!std::exchange(first, false))
      out += ',';
    append_line(out, 2);
    json_members one{out, 2};
    one.text("name", list.streams[i].name);
    one.number("lastEventNumber", list.streams[i].last.value);
    one.text("uri", stream_uri(base, list.streams[i].name));
    one.end();
  }
  if (!first)
    append_line(out, 1);
  out += ']';
  if (list.next) {
    auto uri = std::string{base}
               + "/streams?after=" + escape_segment(*list.next)
               + "&limit=" + std::to_string(asked.count);
    if (asked.system)
      uri += "&system=true";
    members.text("next", *list.next);
    members.text("nextUri", uri);
  } else {
    members.null("next");
  }
  members.end();
  return out;
}

/// A list on its way: every name is asked for at once, the last answer ends it.
struct pending_list {
  streams_request asked;
  stream_list_ptr list;
  std::vector<bool> shown;
  std::size_t left = 0;
  bool failed = false;
};

void answer(const services_ptr& services, const http_exchange& exchange,
            const pending_list& all) {
  if (all.failed)
    return exchange.answer(error_answer(errc::unavailable));
  auto& request = exchange.request();
  http_answer out{.content_type = request.response_type->content_type};
  out.add_header("Cache-Control", "max-age=0, no-cache, must-revalidate");
  out.body = to_json(services->base(request), all.asked, *all.list, all.shown);
  exchange.answer(std::move(out));
}

void check_each(const services_ptr& services, const http_exchange& exchange,
                const std::shared_ptr<pending_list>& all) {
  auto one_less = [=] {
    if (--all->left == 0)
      answer(services, exchange, *all);
  };
  for (std::size_t i = 0; i < all->list->streams.size(); ++i)
    services->access->check_stream(
      exchange.request().user.get(), access_rule::read_stream,
      all->list->streams[i].name, exchange.executor(), [=](verdict v) {
        all->shown[i] = v == verdict::granted;
        all->failed = all->failed || v == verdict::unavailable;
        one_less();
      });
  one_less();
}

} // namespace

void list_streams(const services_ptr& services, http_request& request,
                  const http_exchange& exchange) {
  auto asked = read_query(request);
  if (!admitted(asked, exchange))
    return;
  ask_for<stream_list_ptr>(
    services, exchange, services->broker,
    [=](const result<stream_list_ptr>& found) {
      if (!found)
        return exchange.answer(error_answer(found.error()));
      auto all = std::make_shared<pending_list>();
      all->asked = *asked;
      all->list = *found;
      all->shown.resize(all->list->streams.size());
      all->left = all->list->streams.size() + 1;
      check_each(services, exchange, all);
    },
    read_atom_v, *asked);
}

} // namespace callboard::all_routes
