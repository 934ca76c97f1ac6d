// docs/openapi.json says what the routers have, no less and no more.
#include "net/admin_api.hpp"
#include "net/admin_cluster.hpp"
#include "net/eventstore_api.hpp"
#include "net/openapi_api.hpp"
#include "tests/support/dialect_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <cctype>
#include <memory>
#include <set>
#include <string>

namespace callboard::test::openapi_test {

using nlohmann::json;

namespace {

using route_set = std::set<std::string>; // "GET /streams/{stream}"

json document() {
  return json::parse(openapi_document);
}

/// As the document writes it: `{path*}` is `{path}`.
std::string template_of(std::string_view path) {
  std::string out{path};
  if (auto star = out.find("*}"); star != std::string::npos)
    out.erase(star, 1);
  return out;
}

/// All routes of the port, without those that end in a slash.
route_set routes_of_port() {
  router routes;
  add_eventstore_routes(routes, std::make_shared<eventstore_services>());
  add_admin_routes(routes, std::make_shared<admin_services>());
  add_cluster_routes(routes, [](auto&, auto) {});
  route_set out;
  routes.each_route([&](http_verb verb, std::string_view path) {
    std::string name;
    name.append(boost::beast::http::to_string(verb)).append(" ");
    if (!path.ends_with('/'))
      out.insert(name + template_of(path));
  });
  return out;
}

std::string in_capitals(std::string text) {
  for (auto& c : text)
    c = char(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

route_set routes_of_document() {
  route_set out;
  auto all = document();
  for (auto& [path, verbs] : all["paths"].items())
    for (auto& [verb, operation] : verbs.items())
      out.insert(in_capitals(verb) + " " + path);
  return out;
}

/// Served before a request reaches the router (`event_push.hpp`).
const route_set in_front = {"GET /subscriptions/{stream}/{group}/events"};

route_set without(route_set from, const route_set& what) {
  for (auto& one : what)
    from.erase(one);
  return from;
}

/// The placeholders of a path.
std::set<std::string> names_in(std::string_view path) {
  std::set<std::string> out;
  for (auto open = path.find('{'); open != std::string_view::npos;
       open = path.find('{', open + 1))
    out.emplace(path.substr(open + 1, path.find('}', open) - open - 1));
  return out;
}

/// Its own parameters or those that it refers to.
json resolved(const json& all, const json& one) {
  auto reference = one.value("$ref", std::string{});
  return reference.empty() ? one
                           : all.at(json::json_pointer{reference.substr(1)});
}

} // namespace

TEST_CASE("the document describes every route, and no other") {
  auto served = routes_of_port();
  auto described = routes_of_document();
  CHECK(without(served, described) == route_set{});
  CHECK(without(described, served) == in_front);
}

TEST_CASE("each operation has a name, a sentence, and its path's parameters") {
  auto all = document();
  std::set<std::string> names;
  for (auto& [path, verbs] : all["paths"].items())
    for (auto& [verb, operation] : verbs.items()) {
      INFO(verb << " " << path);
      CHECK(names.insert(operation["operationId"].get<std::string>()).second);
      auto summary = operation["summary"].get<std::string>();
      CHECK(summary.ends_with('.'));
      CHECK(summary.size() <= 100);
      std::set<std::string> parameters;
      for (auto& one : operation.value("parameters", json::array()))
        if (auto parameter = resolved(all, one); parameter["in"] == "path")
          parameters.insert(parameter["name"].get<std::string>());
      CHECK(parameters == names_in(path));
    }
}

TEST_CASE("the document is served with its tag, and once only to who has it") {
  dialect_fixture f;
  auto first = f.call_as({}, http_verb::get, "/openapi.json");
  CHECK(first.status() == 200);
  CHECK(first.answer.content_type == "application/json; charset=utf-8");
  CHECK(first.json()["openapi"] == "3.1.0");
  CHECK(first.json()["info"]["version"] == CALLBOARD_VERSION);
  auto tag = first.header("ETag");
  CHECK(tag == '"' + std::string{openapi_tag} + '"');
  auto again =
    f.call_as({}, http_verb::get, "/openapi.json", {{"If-None-Match", tag}});
  CHECK(again.status() == 304);
  CHECK(again.body().empty());
  CHECK(again.header("ETag") == tag);
}

} // namespace callboard::test::openapi_test
