// Which handler a request reaches, and what it is told if none (spec 0.1, 0.2).
#include "net/router.hpp"
#include "tests/support/answer_collector.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <stdexcept>
#include <utility>

namespace callboard::test::router_test {

namespace {

constexpr std::array json_or_xml{media::json, media::text_xml};
using headers = std::vector<std::pair<std::string, std::string>>;

/// A router whose handlers answer with their name and parameters.
class fixture {
public:
  explicit fixture(door door = {}, router_manners manners = {})
      : routes(std::make_shared<router>(std::move(door), std::move(manners))) {}

  void add(http_verb verb, std::string_view path, route_options options = {}) {
    routes->add(
      verb, path,
      [path = std::string{path}](http_request& request,
                                 const http_exchange& exchange) {
        http_answer answer{.body = path};
        for (auto& holder : request.placeholders)
          answer.body.append(" ").append(request.parameter(holder.name));
        if (request.response_type != nullptr)
          answer.content_type = request.response_type->content_type;
        exchange.answer(std::move(answer));
      },
      options);
  }

  answer_collector::entry ask(http_verb verb, std::string_view target,
                              const headers& lines = {}) {
    http_request request;
    request.method = verb;
    REQUIRE(request.set_target(target));
    for (auto& [name, value] : lines)
      request.add_header(name, value);
    auto number = connection->begin(handler, std::move(request));
    REQUIRE(connection->answer_to(number));
    return *connection->answer_to(number);
  }

  std::string body(http_verb verb, std::string_view target) {
    auto got = ask(verb, target).answer;
    return got.status == http_status::ok
             ? got.body
             : std::to_string(static_cast<unsigned>(got.status));
  }

  boost::asio::io_context context;
  std::shared_ptr<answer_collector> connection =
    std::make_shared<answer_collector>(context);
  std::shared_ptr<router> routes;
  http_handler handler = serve_by(routes);
};

using enum http_verb;

} // namespace

TEST_CASE("a literal beats a placeholder, and the verb decides among them") {
  fixture f;
  f.add(get, "/subscriptions/{stream}");
  f.add(post, "/subscriptions/restart");
  f.add(get, "/subscriptions/{stream}/{group}/info");
  f.add(get, "/subscriptions/{stream}/{group}/{count}");
  f.add(post, "/subscriptions/{stream}/{group}/replayParked");
  CHECK(f.body(post, "/subscriptions/restart") == "/subscriptions/restart");
  CHECK(f.body(get, "/subscriptions/restart")
        == "/subscriptions/{stream} restart");
  CHECK(f.body(get, "/subscriptions/s/g/info")
        == "/subscriptions/{stream}/{group}/info s g");
  CHECK(f.body(get, "/subscriptions/s/g/7")
        == "/subscriptions/{stream}/{group}/{count} s g 7");
  // Literals are case-sensitive: this is a count, which has no POST.
  CHECK(f.body(post, "/subscriptions/s/g/replayparked") == "405");
}

TEST_CASE(
  "a path that leads nowhere by its literal is tried as a placeholder") {
  fixture f;
  f.add(get, "/streams/$all/{position}/backward/{count}");
  f.add(get, "/streams/{stream}/{event}/{count}");
  CHECK(f.body(get, "/streams/$all/1/backward/2")
        == "/streams/$all/{position}/backward/{count} 1 2");
  CHECK(f.body(get, "/streams/%24all/1/2")
        == "/streams/{stream}/{event}/{count} $all 1 2");
}

TEST_CASE("an escaped slash stays inside its segment") {
  fixture f;
  f.add(get, "/streams/{stream}");
  CHECK(f.body(get, "/streams/a%2Fb") == "/streams/{stream} a/b");
  CHECK(f.body(get, "/streams/a/b") == "404");
  CHECK(f.body(get, "/%73treams/a") == "/streams/{stream} a");
}

TEST_CASE("a slash at the end makes another route") {
  fixture f;
  f.add(get, "/");
  f.add(get, "/streams/{stream}");
  f.add(post, "/streams/{stream}/");
  CHECK(f.body(get, "/") == "/");
  CHECK(f.body(get, "/streams/s/") == "405");
  CHECK(f.body(post, "/streams/s/") == "/streams/{stream}/ s");
  CHECK(f.body(post, "/streams/s") == "405");
  CHECK(f.body(get, "/streams/") == "404");
  CHECK(f.body(get, "/streams") == "404");
}

TEST_CASE("an empty segment inside is a placeholder's") {
  fixture f;
  f.add(put, "/subscriptions/{stream}/{group}");
  CHECK(f.body(put, "/subscriptions//g")
        == "/subscriptions/{stream}/{group}  g");
  CHECK(f.body(put, "/subscriptions/s/") == "404");
}

TEST_CASE("a star takes all segments that are left, at least one") {
  fixture f;
  f.add(get, "/stats");
  f.add(get, "/stats/{path*}");
  f.add(get, "/stats/proc/cpu");
  CHECK(f.body(get, "/stats") == "/stats");
  CHECK(f.body(get, "/stats/a") == "/stats/{path*} a");
  CHECK(f.body(get, "/stats/a/b/c/") == "/stats/{path*} a");
  CHECK(f.body(get, "/stats/proc/cpu") == "/stats/proc/cpu");
  CHECK(f.body(get, "/stats/proc/mem") == "/stats/{path*} proc");
}

TEST_CASE("what is unknown is 404 with an empty body") {
  fixture f;
  f.add(get, "/ping");
  auto got = f.ask(get, "/nowhere");
  CHECK(got.answer.status == http_status::not_found);
  CHECK(got.answer.body.empty());
  CHECK(got.header_block.starts_with("Access-Control-Allow-Methods: "
                                     "OPTIONS\r\n"));
}

TEST_CASE("a verb that a path does not have is 405 and names the others") {
  fixture f;
  f.add(get, "/streams/{stream}");
  f.add(post, "/streams/{stream}");
  f.add(delete_, "/streams/$all");
  auto got = f.ask(put, "/streams/$all");
  CHECK(got.answer.status == http_status::method_not_allowed);
  CHECK(got.answer.body.empty());
  CHECK(got.answer.headers.starts_with("Access-Control-Allow-Methods: DELETE, "
                                       "GET, POST, OPTIONS\r\n"));
  CHECK(got.answer.headers.find("\r\nAllow:") == std::string::npos);
  CHECK(got.header_block.empty()); // it would repeat them
  CHECK(f.ask(unknown, "/streams/a").answer.status
        == http_status::method_not_allowed);
}

TEST_CASE("HEAD is not implied by GET") {
  fixture f;
  f.add(get, "/ping");
  f.add(get, "/health/live");
  f.add(head, "/health/live");
  CHECK(f.body(head, "/ping") == "405");
  CHECK(f.body(head, "/health/live") == "/health/live");
}

TEST_CASE("OPTIONS on a known path is 200 and lets browsers in") {
  fixture f;
  f.add(put, "/subscriptions/{stream}/{group}",
        {.access = access_rule::operators, .request_types = json_or_xml});
  auto got = f.ask(options, "/subscriptions/a/b");
  CHECK(got.answer.status == http_status::ok);
  CHECK(got.answer.body.empty());
  CHECK(got.answer.headers.starts_with("Access-Control-Allow-Methods: PUT, "
                                       "OPTIONS\r\n"));
  CHECK(got.answer.headers.find("Access-Control-Allow-Origin: *\r\n")
        != std::string::npos);
  CHECK(f.body(options, "/nowhere") == "404");
}

TEST_CASE("every answer of a path names the verbs of all that match it") {
  fixture f;
  f.add(get, "/users/");
  f.add(post, "/users/{name}");
  f.add(get, "/users/$current");
  f.add(delete_, "/users/{name}");
  auto methods = [&](http_verb verb, std::string_view target) {
    auto block = f.ask(verb, target).header_block;
    return block.substr(0, block.find("\r\n"));
  };
  CHECK(methods(get, "/users/$current")
        == "Access-Control-Allow-Methods: POST, GET, DELETE, OPTIONS");
  CHECK(methods(post, "/users/a")
        == "Access-Control-Allow-Methods: POST, DELETE, OPTIONS");
  CHECK(methods(get, "/users/")
        == "Access-Control-Allow-Methods: GET, OPTIONS");
  auto block = f.ask(get, "/users/").header_block;
  for (auto line : {"Access-Control-Allow-Origin: *\r\n",
                    "Access-Control-Expose-Headers: Location, ",
                    "ES-CurrentVersion", "Kurrent-CurrentVersion",
                    "Access-Control-Allow-Headers: Content-Type, ",
                    "X-PINGOTHER", "ES-LongPoll", "Kurrent-LongPoll",
                    "Idempotency-Key", "Lease, Durability, Retry-After"}) {
    INFO(line);
    CHECK(block.find(line) != std::string::npos);
  }
}

TEST_CASE("codecs are checked after the verb: 415, then 406") {
  fixture f;
  f.add(put, "/groups/{name}",
        {.request_types = json_or_xml, .response_types = json_or_xml});
  auto got = f.ask(put, "/groups/a", {{"Accept", "image/png"}});
  CHECK(got.answer.status == http_status::unsupported_media_type);
  CHECK(got.answer.reason == "Invalid or missing Content-Type");
  CHECK(got.answer.body.empty());
  CHECK(f.body(get, "/groups/a") == "405");
  headers json{{"Content-Type", "application/json"}};
  auto no_type = json;
  no_type.emplace_back("Accept", "image/png");
  got = f.ask(put, "/groups/a", no_type);
  CHECK(got.answer.status == http_status::not_acceptable);
  CHECK(got.answer.reason
        == "Requested URI is not available in requested format");
  CHECK(f.ask(put, "/groups/a", json).answer.content_type
        == "application/json; charset=utf-8");
  CHECK(f.ask(put, "/groups/a?format=xml", json).answer.content_type
        == "text/xml; charset=utf-8");
  CHECK(f.ask(put, "/groups/a?FORMAT=bad", json).answer.status
        == http_status::not_acceptable);
}

TEST_CASE("a route without codecs takes any body and any Accept") {
  fixture f;
  f.add(post, "/ack");
  CHECK(f.ask(post, "/ack", {{"Content-Type", "x/y"}, {"Accept", "image/png"}})
          .answer.status
        == http_status::ok);
  CHECK(f.body(post, "/ack?format=bad") == "/ack");
}

TEST_CASE("several Accept headers are one list") {
  fixture f;
  f.add(get, "/a", {.response_types = json_or_xml});
  CHECK(f.ask(get, "/a", {{"Accept", "image/png"}, {"Accept", "text/xml"}})
          .answer.content_type
        == "text/xml; charset=utf-8");
}

TEST_CASE("a login that fails is 401 before anything else is looked at") {
  fixture f{door{
    .authenticate = [](auto&, auto&, auto then) { then(verdict::denied); }}};
  f.add(get, "/ping");
  for (auto target : {"/ping", "/nowhere"}) {
    auto got = f.ask(get, target);
    CHECK(got.answer.status == http_status::unauthorized);
    CHECK(got.answer.headers
          == "WWW-Authenticate: BasicCustom realm=\"ES\"\r\n");
    CHECK(got.answer.body.empty());
    CHECK(!got.header_block.empty());
  }
}

TEST_CASE("without a user store nobody can be told: 503") {
  fixture f{door{.authenticate = [](auto&, auto&, auto then) {
    then(verdict::unavailable);
  }}};
  auto got = f.ask(get, "/ping");
  CHECK(got.answer.status == http_status::service_unavailable);
  CHECK(got.answer.headers == "Retry-After: 1\r\n");
}

TEST_CASE("who may use a route is asked last, with the user and the rule") {
  std::vector<std::string> asked;
  fixture f{door{
    .authenticate =
      [](http_request& request, auto&, auto then) {
        request.user = std::make_shared<principal>(principal{"ann", {"$ops"}});
        then(verdict::granted);
      },
    .authorize =
      [&](http_request& request, const route_options& options, auto&,
          auto then) {
        asked.push_back(request.user->login + " "
                        + std::string{request.parameter("stream")});
        CHECK(options.access == access_rule::write_stream);
        then(request.parameter("stream") == "mine" ? verdict::granted
                                                   : verdict::denied);
      }}};
  f.add(post, "/streams/{stream}",
        {.access = access_rule::write_stream, .request_types = json_or_xml});
  f.add(get, "/ping");
  headers json{{"Content-Type", "application/json"}};
  CHECK(f.ask(post, "/streams/mine", json).answer.status == http_status::ok);
  CHECK(f.ask(post, "/streams/other", json).answer.status
        == http_status::unauthorized);
  CHECK(f.ask(post, "/streams/other").answer.status
        == http_status::unsupported_media_type);
  CHECK(f.body(get, "/ping") == "/ping");
  CHECK(asked == std::vector<std::string>{"ann mine", "ann other"});
}

TEST_CASE("verdicts may come later; without one the answer is 503") {
  verdict_then authenticated;
  verdict_then authorized;
  fixture f{door{
    .authenticate = [&](auto&, auto&, auto then) { authenticated = then; },
    .authorize = [&](auto&, auto&, auto&, auto then) { authorized = then; }}};
  f.add(get, "/a/{b}", {.access = access_rule::signed_in});
  auto begin = [&] {
    http_request request;
    request.method = get;
    REQUIRE(request.set_target("/a/x"));
    return f.connection->begin(f.handler, std::move(request));
  };
  auto first = begin();
  authenticated(verdict::granted);
  CHECK(!f.connection->answer_to(first));
  authorized(verdict::granted);
  authorized = authenticated = nullptr;
  f.connection->run();
  CHECK(f.connection->answer_to(first)->answer.body == "/a/{b} x");
  auto second = begin();
  authenticated = nullptr; // forgotten
  f.connection->run();
  CHECK(f.connection->answer_to(second)->answer.status
        == http_status::service_unavailable);
}

TEST_CASE("who waits at the door finds the routes, though nobody else does") {
  verdict_then authenticated;
  verdict_then authorized;
  fixture f{door{
    .authenticate = [&](auto&, auto&, auto then) { authenticated = then; },
    .authorize = [&](auto&, auto&, auto&, auto then) { authorized = then; }}};
  f.add(get, "/a/{b}", {.access = access_rule::signed_in});
  http_request request;
  request.method = get;
  REQUIRE(request.set_target("/a/1"));
  auto number = f.connection->begin(f.handler, std::move(request));
  std::weak_ptr<router> seen = std::exchange(f.routes, nullptr);
  f.handler = nullptr;
  REQUIRE_FALSE(seen.expired());
  std::exchange(authenticated, nullptr)(verdict::granted);
  REQUIRE_FALSE(seen.expired());
  std::exchange(authorized, nullptr)(verdict::granted);
  f.connection->run();
  auto got = f.connection->answer_to(number).value();
  CHECK(got.answer.body + got.header_block
        == "/a/{b} 1" + cors_headers("GET, OPTIONS"));
  CHECK(seen.expired());
}

TEST_CASE("a handler that throws is 500") {
  fixture f;
  f.routes->add(get, "/a", [](auto&, auto&) { throw std::runtime_error{"x"}; });
  auto got = f.ask(get, "/a");
  CHECK(got.answer.status == http_status::internal_server_error);
  CHECK(got.answer.body.empty());
}

TEST_CASE("another dialect refuses in its own words") {
  fixture f{{},
            {.cors = false,
             .not_found =
               [](auto&) {
                 return http_answer{.status = http_status::not_found,
                                    .body = "404 page not found\n"};
               },
             .method_not_allowed =
               [](auto&, std::string_view allowed) {
                 auto out = plain_status(http_status::method_not_allowed);
                 out.add_header("Allow", allowed);
                 return out;
               }}};
  f.add(get, "/status");
  CHECK(f.ask(get, "/x").answer.body == "404 page not found\n");
  auto got = f.ask(put, "/status");
  CHECK(got.answer.headers == "Allow: GET, OPTIONS\r\n");
  CHECK(got.header_block.empty());
  CHECK(f.ask(get, "/status").header_block.empty());
}

TEST_CASE("an exchange answers once") {
  fixture f;
  f.routes->add(get, "/a", [](auto&, const http_exchange& exchange) {
    exchange.answer({.body = "first"});
    exchange.answer({.body = "second"});
  });
  CHECK(f.body(get, "/a") == "first");
}

} // namespace callboard::test::router_test
