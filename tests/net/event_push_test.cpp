// Events pushed over one answer; the group behind it is the test's.
#include "net/event_push.hpp"
#include "net/pushed_lines.hpp"
#include "net/try_again.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace callboard::test::event_push_test {

using namespace std::chrono_literals;

namespace {

/// What was asked in the client's place, and who waits for the answer.
struct asked_settle {
  std::string target;
  std::string body;
  std::string consumer;
  std::string authorization;
  http_exchange exchange;
};

std::string header_of(const http_request& request, std::string_view name) {
  return std::string{request.header(name).value_or("")};
}

/// A server that pushes, for a group that the test plays.
class pushing_server {
public:
  explicit pushing_server(std::chrono::milliseconds heartbeat = 10s)
      : server_(push_events(
          {.next =
             [this](http_request& request, const http_exchange& exchange) {
               take(request, exchange);
             },
           .heartbeat = heartbeat,
           .pause = 20ms})),
        client(server_.port()) {}

  ~pushing_server() {
    client.close();
    std::vector<asked_settle> last;
    {
      std::lock_guard lock{mutex_};
      last.swap(asked_);
    }
    last.clear(); // unanswered ones are answered, on the server's thread
    for (int turns = 0; turns < 3; ++turns)
      server_.on_thread([this] {
        std::lock_guard lock{mutex_};
        asked_.clear();
        return true;
      });
  }

  pushing_server(const pushing_server&) = delete;
  pushing_server& operator=(const pushing_server&) = delete;

  /// The settle number `i`, from 0, whoever it is for.
  asked_settle settle(std::size_t i) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, 10s, [&] { return asked_.size() > i; });
    return asked_.at(i);
  }

  void answer(std::size_t i, std::string body,
              http_status status = http_status::ok) {
    settle(i).exchange.answer({.status = status, .body = std::move(body)});
  }

  bool left(int times) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 10s, [&] { return left_ >= times; });
  }

  std::future<void> begin_stop() { return server_.begin_stop(); }

private:
  void take(http_request& request, const http_exchange& exchange) {
    exchange.on_gone([this] {
      std::lock_guard lock{mutex_};
      ++left_;
      changed_.notify_all();
    });
    std::lock_guard lock{mutex_};
    asked_.push_back({std::string{request.target()}, request.body,
                      header_of(request, "Consumer-Name"),
                      header_of(request, "Authorization"), exchange});
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<asked_settle> asked_;
  int left_ = 0;
  http_fixture server_;

public:
  http_client client;
};

std::string event_text(int n) {
  auto text = std::to_string(n);
  return R"({"id":"00000000-0000-0000-0000-00000000000)" + text
         + R"(","lease":"g1-l)" + text + R"(","number":)" + text + "}";
}

std::string until(http_client& from, std::string_view end) {
  std::string out;
  while (out.find(end) == std::string::npos)
    out += from.receive_some();
  return out;
}

constexpr auto path = "/subscriptions/orders/workers/events";

} // namespace

TEST_CASE("events of a settle's answer become lines, JSON as it came") {
  auto batch = pushed_lines("{\"applied\":0,\"events\":[" + event_text(1)
                            + ",{\"id\":\"x\",\"lease\":"
                              "\"g1-l2\",\"data\":{\n \"price\": 1.50\n}}]}");
  CHECK(batch.lines
        == "id: g1-l1/00000000-0000-0000-0000-000000000001\ndata: "
             + event_text(1)
             + "\n\nid: g1-l2/x\ndata: {\"id\":\"x\",\"lease\":\"g1-l2\","
               "\"data\":{\ndata:  \"price\": 1.50\ndata: }}\n\n");
  CHECK(batch.leases == std::deque<std::string>{"g1-l1", "g1-l2"});
  CHECK(pushed_lines("no JSON").lines.empty());
  CHECK(pushed_lines("{}").leases.empty());
}

TEST_CASE("each kind of line end begins another line of data") {
  auto lines = [](std::string_view text) {
    std::string out = ">";
    append_data_lines(out, text);
    return out;
  };
  CHECK(lines("") == ">data: \n");
  CHECK(lines("a") == ">data: a\n");
  CHECK(lines("a\nb\rc\r\nd") == ">data: a\ndata: b\ndata: c\ndata: d\n");
  CHECK(lines("\n\r") == ">data: \ndata: \ndata: \n");
  CHECK(lines("\r\r\n") == ">data: \ndata: \ndata: \n");
  CHECK(lines("a\r\n") == ">data: a\ndata: \n");
}

TEST_CASE("what is leased in the client's place is pushed") {
  pushing_server s;
  s.client.send_request("GET", std::string{path} + "?maxInFlight=5",
                        "Authorization: Basic eDp5\r\nConsumer-Name: me\r\n"
                        "Accept-Encoding: gzip\r\n");
  auto first = s.settle(0);
  CHECK(first.target == "/subscriptions/orders/workers/settle?maxInFlight=5");
  CHECK(first.body == R"({"next":{"count":5}})");
  CHECK(first.consumer == "me");
  CHECK(first.authorization == "Basic eDp5");
  s.answer(0, R"({"events":[)" + event_text(1) + "]}");
  auto head = s.client.receive_head();
  CHECK(head.find("Content-Type: text/event-stream") != std::string::npos);
  CHECK(head.find("Cache-Control: no-store") != std::string::npos);
  CHECK(until(s.client, event_text(1)).find("retry: 20") != std::string::npos);
  CHECK(s.settle(1).body == R"({"next":{"count":5,"wait":"10000ms"}})");
  s.answer(1, R"({"events":[)" + event_text(2) + "," + event_text(3) + "]}");
  until(s.client, event_text(3));
}

TEST_CASE("who wants the leader is not sent to the settle in its place") {
  pushing_server s;
  s.client.send_request("GET", path,
                        "ES-RequireLeader: true\r\n"
                        "ES-RequireMaster: true\r\n"
                        "Kurrent-RequireLeader: true\r\n"
                        "Kurrent-RequireMaster: true\r\n");
  auto& asked = s.settle(0).exchange.request();
  for (auto* name : {"ES-RequireLeader", "ES-RequireMaster",
                     "Kurrent-RequireLeader", "Kurrent-RequireMaster"})
    CHECK_FALSE(asked.header(name));
}

TEST_CASE("other requests go on, also those that look alike") {
  pushing_server s;
  std::size_t count = 0;
  for (std::string other : {"/subscriptions/orders/workers", "/streams/events",
                            "/subscriptions/orders/workers/events/"}) {
    s.client.send_request("GET", other);
    CHECK(s.settle(count).target == other);
    s.answer(count++, "other");
    CHECK(s.client.receive().body() == "other");
  }
}

TEST_CASE("a connection without a name gets one of its own") {
  pushing_server s;
  s.client.send_request("GET", path);
  CHECK(s.settle(0).consumer.starts_with("push-"));
  http_client named{s.client.socket().remote_endpoint().port()};
  named.send_request("GET", std::string{path} + "?consumer=me");
  CHECK(s.settle(1).consumer == "me");
}

TEST_CASE("a credit that cannot be is refused before anything is leased") {
  pushing_server s;
  for (auto credit : {"0", "1001", "many", "", "5x"}) {
    auto answer = s.client.get(std::string{path} + "?maxInFlight=" + credit);
    CHECK(answer.result() == http_status::bad_request);
    CHECK(answer["Content-Type"] == "application/problem+json");
  }
}

TEST_CASE("what the first settle is refused with is the answer") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, "no such group", http_status::not_found);
  auto answer = s.client.receive();
  CHECK(answer.result() == http_status::not_found);
  CHECK(answer.body() == "no such group");
}

TEST_CASE("a quiet stream says that it lives") {
  pushing_server s{50ms};
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[]})");
  s.client.receive_head();
  s.settle(1);
  s.answer(1, R"({"events":[]})");
  until(s.client, ":\n\n");
  s.settle(2);
}

TEST_CASE("a broker that is not there is asked again, and told of") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[]})");
  s.answer(1, "no leader", http_status::service_unavailable);
  until(s.client, ": waiting for the broker\n\n");
  s.answer(2, R"({"events":[)" + event_text(1) + "]}");
  until(s.client, event_text(1));
}

TEST_CASE("a stream ends at a node that was removed from its cluster") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[]})");
  s.settle(1).exchange.answer(try_again(takes_no_part));
  auto text = s.client.receive().body();
  CHECK(text.find("event: problem\n") != std::string::npos);
  CHECK(text.find("urn:callboard:problem:unavailable") != std::string::npos);
}

TEST_CASE("what goes wrong for good is told, and ends the stream") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[]})");
  s.answer(1, "{\"title\":\"deleted\"}", http_status::not_found);
  auto answer = s.client.receive();
  CHECK(answer.body().ends_with(
    "event: problem\ndata: {\"title\":\"deleted\"}\n\n"));
}

TEST_CASE("a stream that a refusal without words ends says so, and gives its "
          "leases back") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[)" + event_text(1) + "]}");
  s.answer(1, "", http_status::unauthorized);
  CHECK(s.settle(2).body == R"({"release":["g1-l1"]})");
  auto text = s.client.receive().body();
  auto end = text.find("event: problem\n");
  REQUIRE(end != std::string::npos);
  CHECK(text.find("data:   \"status\": 401,", end) != std::string::npos);
  CHECK(text.find("urn:callboard:problem:events-refused", end)
        != std::string::npos);
}

TEST_CASE("a broken connection gives its leases back, and waits no more") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[)" + event_text(1) + "," + event_text(2) + "]}");
  until(s.client, event_text(2));
  s.settle(1);
  s.client.close();
  CHECK(s.left(1));
  auto back = s.settle(2);
  CHECK(back.body == R"({"release":["g1-l1","g1-l2"]})");
  CHECK(back.target.find("/settle") != std::string::npos);
  // What was leased while it left comes back too.
  s.answer(1, R"({"events":[)" + event_text(3) + "]}");
  CHECK(s.settle(3).body == R"({"release":["g1-l3"]})");
}

TEST_CASE("a lease that never left is given back by who made it") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[]})");
  auto waiting = s.settle(1);
  s.client.receive_head();
  s.client.close();
  CHECK(s.left(1));
  std::promise<void> given_back;
  waiting.exchange.answer({.body = R"({"events":[)" + event_text(1) + "]}",
                           .unsent = [&] { given_back.set_value(); }});
  CHECK(given_back.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("who comes back names the last event, whose lease is given back") {
  pushing_server s;
  s.client.send_request(
    "GET", path,
    "Last-Event-ID: g1-l7/8f5c0000-0000-0000-0000-000000000000\r\n");
  CHECK(s.settle(0).body == R"({"release":["g1-l7"],"next":{"count":20}})");
  http_client other{s.client.socket().remote_endpoint().port()};
  other.send_request("GET", path, "Last-Event-ID: \"],[\r\n");
  CHECK(s.settle(1).body == R"({"next":{"count":20}})");
}

TEST_CASE("a server that stops gives the leases back, and ends the stream") {
  pushing_server s;
  s.client.send_request("GET", path);
  s.answer(0, R"({"events":[)" + event_text(1) + "]}");
  until(s.client, event_text(1));
  s.settle(1);
  auto stopped = s.begin_stop();
  CHECK(s.settle(2).body == R"({"release":["g1-l1"]})");
  until(s.client, "0\r\n\r\n");
  s.answer(1, R"({"events":[]})");
  s.answer(2, "{}");
  stopped.wait();
}

} // namespace callboard::test::event_push_test
