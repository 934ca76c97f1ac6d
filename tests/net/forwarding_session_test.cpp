// Real clients of a node that forwards: what they see is what the leader says.
#include "net/forwarded_requests.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>

namespace callboard::test::forwarding_session_test {

using namespace std::chrono_literals;

namespace {

/// A listener of node 2, and node 1, which leads; both on the listener's
/// thread, and so is the link between them.
class two_nodes {
public:
  explicit two_nodes(http_handler leader, http_options options = {}) {
    auto served = std::make_shared<served_listeners>();
    (*served)[0] = {std::move(leader), "Leader: 1\r\n"};
    served_ = std::move(served);
    options.header_block = "Follower: 2\r\n";
    server_.emplace(
      [this](http_request& request, const http_exchange& exchange) {
        forwarder_->forward(listener::eventstore, request, exchange);
      },
      options);
    auto executor = server_->context().get_executor();
    requests_ = std::make_shared<forwarded_requests>(
      forwarded_requests_options{.executor = executor, .send = link(1)});
    forwarder_ = std::make_shared<request_forwarder>(forwarder_options{
      .thread = 0, .executor = executor, .self = 2, .send = link(2)});
    server_->on_thread([this] {
      forwarder_->leader_changed(1);
      return true;
    });
  }

  two_nodes(const two_nodes&) = delete;
  two_nodes& operator=(const two_nodes&) = delete;

  /// Clients first, then what serves them, then the thread.
  ~two_nodes() {
    if (!stopped_)
      begin_stop().wait();
    server_->on_thread([this] {
      requests_->stop_serving();
      requests_.reset();
      forwarder_.reset();
      return true;
    });
    server_.reset();
  }

  std::future<void> begin_stop() {
    stopped_ = true;
    return server_->begin_stop();
  }

  http_fixture& server() { return *server_; }

  std::uint16_t port() const { return server_->port(); }

  std::size_t clients() {
    return server_->on_thread([this] { return requests_->clients(); });
  }

private:
  peer_send link(node_id from) {
    return [this, from](node_id to, std::uint8_t kind, std::string bytes) {
      boost::asio::post(server_->context(),
                        [this, from, to, kind, all = std::move(bytes)] {
                          // What is on its way at the end finds nobody.
                          if (to == 1 && requests_)
                            requests_->received(from, kind, all, served_);
                          else if (to == 2 && forwarder_)
                            forwarder_->received(from, kind, all);
                        });
      return true;
    };
  }

  std::shared_ptr<const served_listeners> served_;
  std::optional<http_fixture> server_;
  std::shared_ptr<forwarded_requests> requests_;
  std::shared_ptr<request_forwarder> forwarder_;
  bool stopped_ = false;
};

void echo(http_request& request, const http_exchange& exchange) {
  http_answer out{.status = http_status::created,
                  .content_type = "application/x-echo",
                  .body = request.body};
  out.add_header("Target", request.target());
  exchange.answer(std::move(out));
}

template <class Condition>
bool eventually(Condition condition) {
  auto begin = std::chrono::steady_clock::now();
  while (!condition()) {
    if (std::chrono::steady_clock::now() - begin > 10s)
      return false;
    std::this_thread::yield();
  }
  return true;
}

} // namespace

TEST_CASE("a client of a follower gets the leader's answer, line by line") {
  two_nodes nodes{echo};
  http_client client{nodes.port()};
  auto answer = client.post("/a%20b?x=1", "body");
  CHECK(answer.result_int() == 201);
  CHECK(answer["Content-Type"] == "application/x-echo");
  CHECK(answer["Target"] == "/a%20b?x=1");
  CHECK(answer["Leader"] == "1");
  CHECK(answer.count("Follower") == 0);
  CHECK(answer.count("Date") == 1);
  CHECK(answer.body() == "body");
}

TEST_CASE("HEAD, chunked and large bodies are forwarded as others are") {
  two_nodes nodes{echo};
  http_client client{nodes.port()};
  auto head = client.request("HEAD", "/x", {}, "abc");
  CHECK(head["Content-Length"] == "3");
  CHECK(head.body().empty());
  client.send_request("POST", "/x", "Transfer-Encoding: chunked\r\n");
  client.send("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
  CHECK(client.receive().body() == "abcde");
  std::string large(3'000'000, 'x');
  large.back() = 'y';
  CHECK(client.post("/x", large).body() == large);
}

TEST_CASE("pipelined requests are forwarded one after the other") {
  two_nodes nodes{echo};
  http_client client{nodes.port()};
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(all);
  for (int i = 0; i < 100; ++i)
    REQUIRE(client.receive()["Target"] == "/" + std::to_string(i));
  CHECK(nodes.clients() == 1);
}

TEST_CASE("the leader hears of clients of others that go, and of connections "
          "that end") {
  std::atomic<int> gone = 0;
  std::atomic<int> asked = 0;
  two_nodes nodes{[&](http_request&, const http_exchange& exchange) {
    ++asked;
    exchange.extend_deadline(1min);
    exchange.on_gone([&gone, exchange] { ++gone; });
  }};
  {
    http_client client{nodes.port()};
    client.send_request("GET", "/wait");
    REQUIRE(eventually([&] { return asked == 1; }));
    CHECK(gone == 0);
    CHECK(nodes.clients() == 1);
  }
  CHECK(eventually([&] { return gone == 1; }));
  CHECK(eventually([&] { return nodes.clients() == 0; }));
}

TEST_CASE("a client that closes its half gets its answer through a follower, "
          "too") {
  std::promise<http_exchange> asked;
  two_nodes nodes{[&](http_request& request, const http_exchange& exchange) {
    if (request.target() == "/slow")
      return asked.set_value(exchange);
    echo(request, exchange);
  }};
  http_client client{nodes.port()};
  client.send_request("POST", "/slow", {}, "body");
  client.close_output();
  auto exchange = std::optional{asked.get_future().get()};
  asked = {}; // its copy too
  // The server has looked at its sockets since.
  CHECK(http_client{nodes.port()}.get("/x").result_int() == 201);
  nodes.server().on_thread([&] {
    exchange->answer({.body = "done"});
    exchange.reset();
    return true;
  });
  CHECK(client.receive().body() == "done");
}

TEST_CASE("a deadline that passes here, passes for the leader") {
  std::atomic<int> gone = 0;
  two_nodes nodes{[&](http_request& request, const http_exchange& exchange) {
                    exchange.on_gone([&gone, exchange] { ++gone; });
                    exchange.extend_deadline(
                      request.target() == "/long" ? 60'000ms : 1ms);
                  },
                  {.answer_wait_max = 50ms}};
  http_client patient{nodes.port()};
  patient.send_request("GET", "/long");
  http_client client{nodes.port()};
  CHECK(client.get("/short").result_int() == 408);
  CHECK(eventually([&] { return gone == 1; }));
  CHECK(nodes.server().sessions() == 2);
}

TEST_CASE("a node that stops lets the leader's long polls end with an answer") {
  std::atomic<bool> asked = false;
  two_nodes nodes{[&](http_request&, const http_exchange& exchange) {
    exchange.on_stopping([exchange] { exchange.answer({.body = "so far"}); });
    asked = true;
  }};
  http_client client{nodes.port()};
  client.send_request("GET", "/poll");
  REQUIRE(eventually([&] { return asked.load(); }));
  auto stopped = nodes.begin_stop();
  CHECK(client.receive().body() == "so far");
  stopped.wait();
}

} // namespace callboard::test::forwarding_session_test
