// Parse, have it done, answer.
#include "net/admin_cluster.hpp"

#include "net/eventstore_request.hpp"
#include "net/json_body.hpp"
#include "net/route_table.hpp"
#include "net/try_again.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace callboard {

namespace {

constexpr std::int64_t node_id_max = 65'535;

http_answer answer_of(const cluster_reply& reply) {
  if (reply.status == 503)
    return try_again(reply.text);
  if (reply.status >= 300)
    return refuse({reply.status, reply.text});
  return {.status = static_cast<http_status>(reply.status),
          .content_type = "application/json; charset=utf-8",
          .body = nlohmann::json{{"message", reply.text}}.dump() + "\n"};
}

void perform(const cluster_changer& changer, const http_exchange& exchange,
             const cluster_command& what) {
  changer(what, [exchange](const cluster_reply& reply) {
    exchange.answer(answer_of(reply));
  });
}

accepted<std::uint64_t> node_named(std::string_view name,
                                   std::string_view text) {
  auto id = parse_integer(text);
  if (!id || *id < 1 || *id > node_id_max)
    return refusal{400, std::string{name} + " is '" + std::string{text}
                          + "'; allowed: the id of a node, 1 to 65535."};
  return std::uint64_t(*id);
}

accepted<cluster_command> read_member(std::string_view body) {
  refusal expected{400, "The body must be like "
                        R"({"id":4,"address":"10.0.0.4:2114"}.)"};
  if (auto depth = check_json_depth(body); !depth)
    return depth.error();
  auto document = parse_json_body(body);
  if (!document.is_object())
    return expected;
  auto id = document.find("id");
  auto address = document.find("address");
  if (id == document.end() || !id->is_number_integer()
      || address == document.end() || !address->is_string())
    return expected;
  auto node = node_named("id", id->dump());
  if (!node)
    return node.error();
  return cluster_command{cluster_verb::add, *node, address->get<std::string>()};
}

void add(const std::shared_ptr<const cluster_changer>& changer,
         http_request& request, const http_exchange& exchange) {
  auto what = read_member(request.body);
  if (!what)
    return exchange.answer(refuse(what.error()));
  perform(*changer, exchange, *what);
}

void remove(const std::shared_ptr<const cluster_changer>& changer,
            http_request& request, const http_exchange& exchange) {
  auto node = node_named("id", request.parameter("id"));
  if (!node)
    return exchange.answer(refuse(node.error()));
  perform(*changer, exchange, {cluster_verb::remove, *node});
}

/// A verb whose node is a parameter of the query, and may be missing.
template <cluster_verb Verb>
void about_node(const std::shared_ptr<const cluster_changer>& changer,
                http_request& request, const http_exchange& exchange) {
  auto name = Verb == cluster_verb::transfer ? "to" : "node";
  if (auto ok = check_query_names(request, {name}); !ok)
    return exchange.answer(refuse(ok.error()));
  cluster_command what{Verb};
  if (auto text = request.query(name)) {
    auto node = node_named(name, *text);
    if (!node)
      return exchange.answer(refuse(node.error()));
    what.node = *node;
  }
  perform(*changer, exchange, what);
}

} // namespace

void add_cluster_routes(router& routes, cluster_changer changer) {
  constexpr auto post = http_verb::post;
  constexpr auto erase = http_verb::delete_;
  auto services = std::make_shared<const cluster_changer>(std::move(changer));
  route_options operate{access_rule::operators, {}, {}};
  route_table<cluster_changer> route{routes, services};
  route(post, "/cluster/members", add, operate);
  route(erase, "/cluster/members/{id}", remove, operate);
  route(post, "/cluster/transfer", about_node<cluster_verb::transfer>, operate);
  route(post, "/cluster/drain", about_node<cluster_verb::drain>, operate);
  route(erase, "/cluster/drain", about_node<cluster_verb::resume>, operate);
}

} // namespace callboard
