// 404, 405, OPTIONS and redirects as Barco's HTTP library answers them.
#include "net/barco_router.hpp"

#include "net/ascii.hpp"
#include "net/barco_answers.hpp"

#include <algorithm>
#include <utility>

namespace callboard {

namespace {

/// "POST, GET, OPTIONS" in the order of the alphabet.
std::string sorted(std::string_view verbs) {
  std::vector<std::string_view> list;
  for (;;) {
    auto end = std::min(verbs.find(", "), verbs.size());
    list.push_back(verbs.substr(0, end));
    if (end == verbs.size())
      break;
    verbs.remove_prefix(end + 2);
  }
  std::sort(list.begin(), list.end());
  std::string out;
  for (auto verb : list)
    out.append(out.empty() ? "" : ", ").append(verb);
  return out;
}

/// The parts between slashes that are not empty.
std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (!part.empty())
      out.push_back(part);
  }
  return out;
}

router_manners
manners(std::function<http_answer(const http_request&)> unknown) {
  return {.cors = false,
          .not_found = std::move(unknown),
          .method_not_allowed =
            [](auto&, std::string_view allowed) {
              auto out = barco_library_error(http_status::method_not_allowed,
                                             "Method Not Allowed");
              out.add_header("Allow", sorted(allowed));
              return out;
            },
          .options =
            [](auto&, std::string_view allowed) {
              http_answer out;
              out.add_header("Allow", sorted(allowed));
              return out;
            }};
}

} // namespace

barco_router::barco_router()
    : routes_({},
              manners([this](auto& request) { return not_found(request); })) {}

void barco_router::add(http_verb verb, std::string_view path,
                       http_handler handler, route_options options) {
  known_path known{verb, {}};
  for (auto part : parts_of(path))
    known.segments.emplace_back(part.starts_with('{') ? "" : part);
  known_.push_back(std::move(known));
  routes_.add(verb, path, std::move(handler), options);
}

http_answer barco_router::not_found(const http_request& request) const {
  auto path = canonical(request);
  if (!path)
    return barco_library_error(http_status::not_found, "404 page not found");
  bool get = request.method == http_verb::get;
  http_answer out{.status = get ? http_status::moved_permanently
                                : http_status::temporary_redirect};
  out.add_header("Location",
                 path->append(request.target().substr(request.path().size())));
  return out;
}

/// The path of a route that this one stands for.
std::optional<std::string>
barco_router::canonical(const http_request& request) const {
  auto parts = parts_of(request.path());
  auto is_it = [&](const known_path& known) {
    return known.verb == request.method && known.segments.size() == parts.size()
           && std::equal(parts.begin(), parts.end(), known.segments.begin(),
                         [](auto part, auto& segment) {
                           return segment.empty() || iequals(part, segment);
                         });
  };
  auto found = std::find_if(known_.begin(), known_.end(), is_it);
  if (found == known_.end())
    return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& segment = found->segments[i];
    out.append("/").append(segment.empty() ? parts[i] : segment);
  }
  // A path that leads back to itself is unknown for another reason.
  return out != request.path() ? std::optional{std::move(out)} : std::nullopt;
}

http_handler serve_by(std::shared_ptr<const barco_router> routes) {
  return [routes = std::move(routes)](http_request& request,
                                      const http_exchange& exchange) {
    routes->serve(request, exchange);
  };
}

} // namespace callboard
