// Commands to a cluster over HTTP, which somebody else carries out.
#include "net/admin_cluster.hpp"
#include "tests/support/answer_collector.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <vector>

namespace callboard::test::admin_cluster_test {

namespace {

/// Routes over a cluster that answers `reply`, and `may`: who asks may operate.
struct cluster_client {
  explicit cluster_client(bool may = true)
      : routes(door{.authorize = [may](auto&, auto& options, auto&, auto then) {
          bool open = options.access != access_rule::operators;
          then(open || may ? verdict::granted : verdict::denied);
        }}) {
    add_cluster_routes(routes, [this](auto& what, auto then) {
      asked.push_back(what);
      then(reply);
    });
  }

  http_answer call(http_verb verb, const std::string& target,
                   std::string body = {}) {
    http_request request;
    request.method = verb;
    REQUIRE(request.set_target(target).has_value());
    request.body = std::move(body);
    http_handler serve = [this](http_request& r, const http_exchange& e) {
      routes.serve(r, e);
    };
    auto number = client->begin(serve, std::move(request));
    return client->answer_to(number).value().answer;
  }

  boost::asio::io_context context;
  router routes;
  std::shared_ptr<answer_collector> client =
    std::make_shared<answer_collector>(context);
  std::vector<cluster_command> asked;
  cluster_reply reply{200, "done"};
};

constexpr auto post = http_verb::post;
constexpr auto erase = http_verb::delete_;
constexpr auto ok = http_status::ok;
constexpr auto bad = http_status::bad_request;

} // namespace

TEST_CASE("commands to a cluster are understood") {
  cluster_client c;
  CHECK(
    c.call(post, "/cluster/members", R"({"id":4,"address":"h:2114"})").status
    == ok);
  CHECK(c.call(erase, "/cluster/members/4").status == ok);
  CHECK(c.call(post, "/cluster/transfer?to=2").status == ok);
  CHECK(c.call(post, "/cluster/transfer").status == ok);
  CHECK(c.call(post, "/cluster/drain?node=3").status == ok);
  CHECK(c.call(erase, "/cluster/drain?node=3").status == ok);
  using enum cluster_verb;
  CHECK(c.asked
        == std::vector<cluster_command>{{add, 4, "h:2114"},
                                        {remove, 4},
                                        {transfer, 2},
                                        {transfer},
                                        {drain, 3},
                                        {resume, 3}});
}

TEST_CASE("what a cluster answers to a command is told") {
  cluster_client c;
  c.reply = {202, "catches up"};
  auto begun = c.call(erase, "/cluster/members/4");
  CHECK(begun.status == http_status::accepted);
  CHECK(begun.body == "{\"message\":\"catches up\"}\n");
  c.reply = {409, "one change at a time"};
  auto refused = c.call(erase, "/cluster/members/4");
  CHECK(refused.status == http_status::conflict);
  CHECK(refused.body == "one change at a time");
  c.reply = {503, "node 1 leads and hands over first: ask again"};
  auto later = c.call(erase, "/cluster/members/1");
  CHECK(later.status == http_status::service_unavailable);
  CHECK(later.headers.find("Retry-After: 1") != std::string::npos);
}

TEST_CASE("commands to a cluster that make no sense are refused") {
  cluster_client c;
  for (std::string body :
       {"", "[]", "{}", R"({"id":4})", R"({"id":"4","address":"h:1"})",
        R"({"id":0,"address":"h:1"})", R"({"id":65536,"address":"h:1"})",
        R"({"id":4,"address":7})"})
    CHECK(c.call(post, "/cluster/members", body).status == bad);
  CHECK(c.call(erase, "/cluster/members/x").status == bad);
  CHECK(c.call(erase, "/cluster/members/0").status == bad);
  CHECK(c.call(post, "/cluster/transfer?to=").status == bad);
  CHECK(c.call(post, "/cluster/drain?node=-1").status == bad);
  // It would be about the node that leads.
  CHECK(c.call(post, "/cluster/drain?nod=3").status == bad);
  CHECK(c.call(erase, "/cluster/drain?to=3").status == bad);
  CHECK(c.call(post, "/cluster/transfer?x=1").status == bad);
  CHECK(c.asked.empty());
}

TEST_CASE("only operators command a cluster") {
  cluster_client c{false};
  for (std::string target :
       {"/cluster/members", "/cluster/transfer", "/cluster/drain"})
    CHECK(c.call(post, target).status == http_status::unauthorized);
  CHECK(c.call(erase, "/cluster/members/4").status
        == http_status::unauthorized);
  CHECK(c.call(erase, "/cluster/drain").status == http_status::unauthorized);
  CHECK(c.asked.empty());
}

} // namespace callboard::test::admin_cluster_test
