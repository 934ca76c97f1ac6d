// The Event Store dialect over a whole node, without sockets or real time.
#pragma once

#include "net/admin_api.hpp"
#include "net/eventstore_api.hpp"
#include "tests/support/answer_collector.hpp"
#include "tests/support/world.hpp"

#include <caf/send.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace callboard::test {

/// An answer, easy to look into.
struct seen_answer {
  http_answer answer;

  unsigned status() const { return static_cast<unsigned>(answer.status); }

  const std::string& body() const { return answer.body; }

  nlohmann::json json() const { return nlohmann::json::parse(answer.body); }

  /// The value of a header, or nothing.
  std::string header(std::string_view name) const {
    auto line = std::string{name} + ": ";
    for (auto at = answer.headers.find(line); at != std::string::npos;
         at = answer.headers.find(line, at + 1))
      if (at == 0 || answer.headers[at - 1] == '\n')
        return answer.headers.substr(
          at + line.size(), answer.headers.find('\r', at) - at - line.size());
    return {};
  }
};

using headers = std::vector<std::pair<std::string, std::string>>;

/// Whoever sends `ES-TrustedAuth` is believed: `admin; $admins` by default, for
/// all calls but those of `call_as`.
class dialect_fixture {
public:
  /// `login`: who checks passwords, instead of the node's own actor.
  explicit dialect_fixture(
    access_options options = {.trusted_header = true},
    const std::function<login_actor(caf::actor_system&)>& login = {})
      : asker_(w.vt->sys.spawn(asker_behavior)),
        access(std::make_shared<access_control>(
          access_sources{asker_, login ? login(w.vt->sys) : w.broker.login,
                         w.broker.routes, w.node->placement},
          std::move(options), std::make_shared<access_shared>())),
        routes_(access->make_door()) {
    auto services = std::make_shared<eventstore_services>(
      eventstore_services{&w.vt->sys,
                          asker_,
                          w.broker.routes,
                          w.broker.broker,
                          w.node->placement,
                          {},
                          access});
    add_eventstore_routes(routes_, services);
    add_admin_routes(
      routes_,
      std::make_shared<admin_services>(admin_services{
        .broker = services,
        .node = w.node,
        .http = {},
        .ready = [this] { return ready; },
        .names_for_anonymous = names_for_anonymous,
        .scavenger = w.broker.scavenger,
        .shut_down = [this] { ++shutdowns; },
        .options = {{"admin-password", "a secret", "********", "default"},
                    {"log-level", "how much", "warn", "--log-level"}},
        .data = "/"}));
  }

  ~dialect_fixture() {
    caf::anon_send_exit(asker_, caf::exit_reason::user_shutdown);
    settle();
  }

  dialect_fixture(const dialect_fixture&) = delete;
  dialect_fixture& operator=(const dialect_fixture&) = delete;

  /// Begins a request without letting anything else run.
  std::uint64_t begin_quietly(http_verb verb, std::string_view target,
                              const headers& more, std::string body = {}) {
    return client->begin(serve_, made({}, verb, target, more, std::move(body)));
  }

  /// Begins a request; `user` as in ES-TrustedAuth, empty: anonymous.
  std::uint64_t begin_as(const std::string& user, http_verb verb,
                         std::string_view target, const headers& more = {},
                         std::string body = {}) {
    auto number =
      client->begin(serve_, made(user, verb, target, more, std::move(body)));
    settle();
    return number;
  }

  /// The answer, if there is one by now.
  std::optional<seen_answer> answer_to(std::uint64_t number) const {
    auto& got = client->answer_to(number);
    return got ? std::optional{seen_answer{got->answer}} : std::nullopt;
  }

  seen_answer call_as(const std::string& user, http_verb verb,
                      std::string_view target, const headers& more = {},
                      std::string body = {}) {
    auto got = answer_to(begin_as(user, verb, target, more, std::move(body)));
    if (!got)
      throw std::runtime_error("no answer");
    return *got;
  }

  seen_answer call(http_verb verb, std::string_view target,
                   const headers& more = {}, std::string body = {}) {
    return call_as("admin; $admins", verb, target, more, std::move(body));
  }

  seen_answer get(std::string_view target, headers more = {}) {
    if (more.empty())
      more = {{"Accept", "application/json"}};
    return call(http_verb::get, target, more);
  }

  seen_answer post(std::string_view target, const headers& more = {},
                   std::string body = {}) {
    return call(http_verb::post, target, more, std::move(body));
  }

  /// A group's next deliveries, as the body of their feed.
  nlohmann::json fetch(std::string_view target) {
    return get(target,
               {{"Accept", "application/vnd.eventstore.competingatom+json"}})
      .json();
  }

  /// Publishes one JSON event; its id counts up.
  seen_answer publish(const std::string& stream,
                      std::string body = R"({"a":1})") {
    return post("/streams/" + stream,
                {{"Content-Type", "application/json"},
                 {"ES-EventType", "order"},
                 {"ES-EventId", to_string(world::id(++published_))}},
                std::move(body));
  }

  /// What serves its requests; this must outlive it.
  const http_handler& handler() const noexcept { return serve_; }

  std::string last_id() const { return to_string(world::id(published_)); }

  /// Lets time pass, and everything happen that is due.
  void advance(std::chrono::milliseconds span) {
    w.vt->advance(span);
    settle();
  }

  /// Runs actors and callbacks until there is nothing left to do.
  void settle() {
    do
      client->run();
    while (w.vt->run() > 0);
  }

  bool ready = true;
  int shutdowns = 0;
  bool names_for_anonymous = false;
  world w;
  boost::asio::io_context context{1};
  std::shared_ptr<answer_collector> client =
    std::make_shared<answer_collector>(context);

private:
  caf::actor asker_;

public:
  std::shared_ptr<access_control> access;

private:
  static http_request made(const std::string& user, http_verb verb,
                           std::string_view target, const headers& more,
                           std::string body) {
    http_request request;
    request.method = verb;
    if (!request.set_target(target))
      throw std::runtime_error("bad target");
    request.add_header("Host", "h:2113");
    if (!user.empty())
      request.add_header("ES-TrustedAuth", user);
    for (auto& [name, value] : more)
      request.add_header(name, value);
    request.body = std::move(body);
    return request;
  }

  router routes_;
  http_handler serve_ = [this](http_request& request,
                               const http_exchange& exchange) {
    routes_.serve(request, exchange);
  };
  std::uint64_t published_ = 0;
};

} // namespace callboard::test
