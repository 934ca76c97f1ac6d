// Answers that another thread lays out.
#include "net/admin_routes.hpp"
#include "net/negotiation.hpp"
#include "net/side_threads.hpp"
#include "net/subscription_routes.hpp"
#include "tests/support/answer_collector.hpp"
#include "tests/support/world.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <future>
#include <stdexcept>
#include <thread>

namespace callboard::test::side_threads_test {

namespace {

/// One connection, its thread, and one aside.
struct with_threads {
  explicit with_threads(std::size_t sending = 1000)
      : budgets(std::make_shared<http_budgets>(
          http_bounds{.sending_bytes = sending})),
        aside(std::in_place, 1, budgets) {}

  /// Asks for what `make` returns; the number of the request.
  std::uint64_t ask(std::size_t bytes, answer_maker make) {
    http_handler handler = [&](http_request&, const http_exchange& exchange) {
      aside->answer(exchange, bytes, std::move(make), [this] { ++unsent; });
    };
    return client->begin(handler, {});
  }

  /// The answer, once all that was asked for is laid out.
  http_answer answer_to(std::uint64_t number) {
    aside->stop();
    client->run();
    return client->answer_to(number).value().answer;
  }

  boost::asio::io_context context;
  std::shared_ptr<answer_collector> client =
    std::make_shared<answer_collector>(context);
  std::shared_ptr<http_budgets> budgets;
  std::optional<side_threads> aside;
  int unsent = 0;
};

} // namespace

TEST_CASE("a large answer is laid out on another thread") {
  with_threads at;
  std::thread::id where;
  auto asked = at.ask(1000, [&] {
    where = std::this_thread::get_id();
    return http_answer{.body = "large"};
  });
  CHECK(at.answer_to(asked).body == "large");
  CHECK(where != std::this_thread::get_id());
}

TEST_CASE("an answer that cannot be laid out is a 500, and did not leave") {
  with_threads at;
  auto asked = at.ask(
    1000, []() -> http_answer { throw std::runtime_error{"no memory"}; });
  CHECK(at.answer_to(asked).status == http_status::internal_server_error);
  CHECK(at.unsent == 1);
  CHECK(at.budgets->sending.used() == 0);
}

TEST_CASE("what waits to be laid out is bounded") {
  with_threads at;
  std::promise<void> go_on;
  auto wait = [&, until = go_on.get_future().share()] {
    until.wait();
    return http_answer{.body = "large"};
  };
  auto first = at.ask(600, wait);
  auto second = at.ask(401, wait);
  auto third = at.ask(400, wait);
  CHECK(at.client->answer_to(second).value().answer.status
        == http_status::service_unavailable);
  CHECK(at.unsent == 1);
  go_on.set_value();
  CHECK(at.answer_to(first).body == "large");
  CHECK(at.answer_to(third).body == "large");
  CHECK(at.unsent == 1);
  CHECK(at.budgets->sending.used() == 0);
}

TEST_CASE("after the end of the threads an answer is laid out at once") {
  with_threads at;
  at.aside->stop();
  auto asked = at.ask(1000, [] { return http_answer{.body = "large"}; });
  CHECK(at.client->answer_to(asked).value().answer.body == "large");
}

namespace {

/// The routes' services, with a thread aside.
services_ptr served_by(with_threads& at) {
  auto out = std::make_shared<eventstore_services>();
  out->aside = {&*at.aside, [](side_threads*) {}};
  return out;
}

/// Whether an answer of so many bytes is laid out elsewhere.
bool leaves(std::size_t bytes, bool compressed) {
  with_threads at{side_work_bytes};
  auto services = served_by(at);
  std::thread::id where;
  http_handler handler = [&](http_request&, const http_exchange& exchange) {
    answer_with(services, exchange, bytes, [&] {
      where = std::this_thread::get_id();
      return http_answer{};
    });
  };
  http_request request;
  if (compressed)
    request.add_header(http_field::accept_encoding, "Accept-Encoding", "gzip");
  auto asked = at.client->begin(handler, std::move(request));
  at.answer_to(asked);
  return where != std::this_thread::get_id();
}

} // namespace

TEST_CASE("an answer leaves its thread if it takes long") {
  CHECK(!leaves(side_work_bytes - 1, false));
  CHECK(leaves(side_work_bytes, false));
  CHECK(!leaves(compressed_side_work_bytes - 1, true));
  CHECK(leaves(compressed_side_work_bytes, true));
}

TEST_CASE("a long body is read aside, and its request goes on where it was") {
  for (auto bytes : {side_work_bytes - 1, side_work_bytes}) {
    with_threads at;
    auto services = served_by(at);
    std::thread::id read_by;
    std::thread::id then_by;
    http_handler handler = [&](http_request&, const http_exchange& exchange) {
      read_body(
        services, exchange,
        [&](const http_request& request) {
          read_by = std::this_thread::get_id();
          return request.body.size();
        },
        [&, exchange](std::size_t read) {
          then_by = std::this_thread::get_id();
          exchange.answer({.body = std::to_string(read)});
        });
    };
    http_request request;
    request.body.resize(bytes, 'x');
    auto asked = at.client->begin(handler, std::move(request));
    CHECK(at.answer_to(asked).body == std::to_string(bytes));
    CHECK((read_by == then_by) == (bytes < side_work_bytes));
    CHECK(then_by == std::this_thread::get_id());
  }
}

namespace {

/// A broker that tells of so many groups.
caf::behavior broker_of_groups(caf::event_based_actor*, std::size_t count) {
  auto told = [count] { return group_infos(count); };
  return {[told](groups_atom) { return told(); },
          [told](describe_atom) { return told(); }};
}

/// What a list of so many groups is answered with, by the io thread: with no
/// room for answers elsewhere, a long one is refused.
http_status answered(std::size_t groups, bool metrics) {
  with_threads at{1};
  world w;
  auto asker = w.vt->sys.spawn(asker_behavior);
  auto broker = w.vt->sys.spawn(broker_of_groups, groups);
  auto services = std::make_shared<eventstore_services>();
  services->asker = asker;
  services->broker = caf::actor_cast<broker_actor>(broker);
  services->aside = {&*at.aside, [](side_threads*) {}};
  auto admin = std::make_shared<admin_services>();
  admin->broker = services;
  admin->node = w.node;
  http_handler handler = [&](http_request& request,
                             const http_exchange& exchange) {
    request.response_type = &media::json;
    if (metrics)
      admin_routes::metrics(admin, request, exchange);
    else
      subscription_routes::all_groups(services, request, exchange);
  };
  auto asked = at.client->begin(handler, {});
  w.vt->run();
  at.client->run();
  auto status = at.client->answer_to(asked).value().answer.status;
  stop(*w.vt, asker);
  stop(*w.vt, broker);
  return status;
}

} // namespace

TEST_CASE("a long list of groups is laid out on another thread") {
  for (auto metrics : {false, true}) {
    CHECK(answered(10, metrics) == http_status::ok);
    CHECK(answered(1'000, metrics) == http_status::service_unavailable);
  }
}

} // namespace callboard::test::side_threads_test
