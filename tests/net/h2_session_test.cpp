// HTTP/2 over a real socket, next to HTTP/1 on the same port.
#include "tests/support/h2_client.hpp"
#include "tests/support/http_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

namespace callboard::test::h2_session_test {

using namespace std::chrono_literals;

namespace {

const http_options both{.h2c = true};

/// Answers with what it got.
void echo(http_request& request, const http_exchange& exchange) {
  http_answer answer{.content_type = "text/plain"};
  answer.body = std::string{boost::beast::http::to_string(request.method)}
                  .append(" ")
                  .append(request.target())
                  .append(" ")
                  .append(request.body);
  exchange.answer(std::move(answer));
}

/// Keeps exchanges until the test answers them.
class waiting_handler {
public:
  http_handler handler() {
    return [this](http_request&, const http_exchange& exchange) {
      exchange.on_gone([this] { ++gone; });
      exchange.on_stopping([this] { ++stopping; });
      std::lock_guard lock{mutex_};
      waiting_.push_back(exchange);
      arrived_.notify_all();
    };
  }

  http_exchange take(std::size_t i) {
    std::unique_lock lock{mutex_};
    REQUIRE(arrived_.wait_for(lock, 10s, [&] { return waiting_.size() > i; }));
    return *std::exchange(waiting_[i], std::nullopt);
  }

  std::atomic<int> gone = 0;
  std::atomic<int> stopping = 0;

private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::optional<http_exchange>> waiting_;
};

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

/// What a command prints.
std::string output_of(const std::string& command) {
  std::string out;
  auto* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  while (auto size = std::fread(buffer, 1, sizeof buffer, pipe))
    out.append(buffer, size);
  CHECK(pclose(pipe) == 0);
  return out;
}

} // namespace

TEST_CASE("HTTP/1 and HTTP/2 are served on one port") {
  http_fixture server{echo, both};
  h2_client two{server.port()};
  http_client one{server.port()};
  CHECK(two.post("/a", "x").body == "POST /a x");
  CHECK(one.post("/a", "x").body() == "POST /a x");
  CHECK(two.get("/b?c").body == "GET /b?c ");
  CHECK(one.get("/b?c").body() == "GET /b?c ");
  CHECK(server.sessions() == 2);
}

TEST_CASE(
  "a preface that comes byte by byte begins HTTP/2, and what only looks "
  "like it does not") {
  http_fixture server{echo, both};
  h2_client client{server.port()};
  auto id = client.peer.request("GET", "/");
  for (char c : client.peer.output())
    client.connection().send({&c, 1});
  CHECK(client.receive(id).body == "GET / ");
  http_client post{server.port()};
  for (char c : std::string{"P"})
    post.send({&c, 1});
  CHECK(http_client{server.port()}.get("/").result_int() == 200);
  post.send("OST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
  CHECK(post.receive().body() == "POST / x");
  http_client broken{server.port()};
  broken.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
  CHECK(broken.receive().result_int() == 400);
  CHECK(broken.closed());
  http_client second{server.port()}; // it must come first
  CHECK(second.get("/").result_int() == 200);
  second.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(second.receive().result_int() == 400);
}

TEST_CASE("where HTTP/2 is off, its preface is a broken request") {
  http_fixture server{echo};
  http_client client{server.port()};
  client.send(h2_peer{}.output());
  CHECK(client.receive().result_int() == 400);
  CHECK(client.closed());
  h2_client other{server.port()};
  auto head = other.upgrade("GET /a HTTP/1.1\r\nHost: x\r\n");
  CHECK(head.starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("a request of HTTP/1.1 can ask to go on in HTTP/2") {
  http_fixture server{echo, both};
  h2_client client{server.port(), {.upgraded = true}};
  CHECK(client.connection().get("/first").body() == "GET /first ");
  auto head = client.upgrade("POST /a HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: 0\r\n");
  CHECK(head
        == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
           "Upgrade: h2c");
  CHECK(client.receive(1).body == "POST /a ");
  CHECK(client.receive(1).header("content-length") == "8");
  CHECK(client.get("/b").body == "GET /b ");
}

TEST_CASE("answers come in the order in which they are given") {
  waiting_handler later;
  http_fixture server{later.handler(), both};
  h2_client client{server.port()};
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 3; ++i)
    ids.push_back(client.peer.request("GET", "/" + std::to_string(i)));
  client.send();
  std::vector<http_exchange> exchanges;
  for (std::size_t i = 0; i < 3; ++i)
    exchanges.push_back(later.take(i));
  for (std::size_t i : {2, 0, 1}) {
    exchanges[i].answer({.body = std::to_string(i)}); // from this thread
    CHECK(client.receive(ids[i]).body == std::to_string(i));
    for (std::size_t j = 0; j < 3; ++j)
      CHECK((client.peer[ids[j]].complete || j != i));
  }
}

TEST_CASE("large bodies go in and out over small windows") {
  http_fixture server{
    [](http_request& request, const http_exchange& exchange) {
      exchange.answer({.body = std::move(request.body)});
    },
    {.h2c = true,
     .h2 = {.stream_window_bytes = 20'000, .connection_window_bytes = 65'535}}};
  std::string large(4 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1000)
    large[i] = char('a' + i / 1000 % 26);
  h2_client client{server.port(), {.window = 10'000}};
  CHECK(client.post("/", large).body == large);
  CHECK(client.post("/", "small").body == "small");
  h2_client wide{server.port(), {.window = 8 << 20}};
  wide.peer.grant(0, 8 << 20);
  CHECK(wide.post("/", large).body == large);
}

TEST_CASE("a reset of a waiting request, and the end of its connection, are "
          "noticed") {
  waiting_handler later;
  http_fixture server{later.handler(), both};
  h2_client client{server.port()};
  auto one = client.peer.request("GET", "/1");
  client.peer.request("GET", "/2");
  client.send();
  auto first = later.take(0);
  auto second = later.take(1);
  client.peer.reset(one);
  client.send();
  CHECK(eventually([&] { return later.gone == 1; }));
  client.close();
  CHECK(eventually([&] { return later.gone == 2; }));
  CHECK(eventually([&] { return server.sessions() == 0; }));
}

TEST_CASE(
  "who asks for the end of a request of HTTP/2 that has ended is told") {
  std::promise<http_exchange> arrived;
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        arrived.set_value(exchange);
                      },
                      both};
  h2_client client{server.port()};
  auto id = client.peer.request("GET", "/");
  client.send();
  auto exchange = arrived.get_future().get();
  client.peer.reset(id);
  client.peer.ping();
  client.run([&] { return client.peer.pongs == 1; });
  std::promise<void> told;
  server.on_thread([&] { exchange.on_gone([&] { told.set_value(); }); });
  told.get_future().wait();
}

TEST_CASE(
  "a stop lets requests of HTTP/2 finish, and closes idle connections") {
  waiting_handler later;
  http_fixture server{later.handler(), both};
  h2_client idle{server.port()};
  idle.peer.ping();
  idle.run([&] { return idle.peer.pongs == 1; });
  h2_client busy{server.port()};
  auto id = busy.peer.request("GET", "/");
  busy.send();
  auto exchange = later.take(0);
  auto stopped = server.begin_stop();
  idle.run([&] { return idle.peer.goaway.has_value(); });
  CHECK(idle.peer.goaway == NGHTTP2_NO_ERROR);
  CHECK(idle.closed());
  idle.close();
  busy.run([&] { return busy.peer.goaway.has_value(); });
  CHECK(later.stopping == 1);
  exchange.answer({.body = "last"});
  CHECK(busy.receive(id).body == "last");
  CHECK(busy.closed());
  busy.close();
  stopped.wait();
  CHECK(later.gone == 0);
}

TEST_CASE("a client of HTTP/2 that never reads is cut off") {
  http_fixture server{[&](http_request&, const http_exchange& exchange) {
                        exchange.answer({.body = std::string(16 << 20, 'x')});
                      },
                      {.h2c = true, .write_wait_max = 50ms}};
  h2_client client{server.port(), {.window = 64 << 20}};
  client.peer.grant(0, 64 << 20);
  client.peer.request("GET", "/");
  client.peer.request("GET", "/");
  client.send();
  CHECK(eventually([&] { return server.sessions() == 1; }));
  CHECK(eventually([&] { return server.sessions() == 0; }));
}

TEST_CASE("a handler that throws, or never answers, costs its own request") {
  http_fixture server{[](http_request& request, const http_exchange& exchange) {
                        if (request.path() == "/throw")
                          throw std::runtime_error{"x"};
                        if (request.path() != "/forget")
                          exchange.answer({.body = "fine"});
                      },
                      both};
  h2_client client{server.port()};
  CHECK(client.get("/throw").status() == "500");
  CHECK(client.get("/forget").status() == "503");
  CHECK(client.get("/").body == "fine");
}

TEST_CASE(
  "all requests of a connection share its state and its address, across "
  "an upgrade too") {
  struct counted {
    std::promise<void>& ended;
    int requests = 0;

    explicit counted(std::promise<void>& end) : ended(end) {}

    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

    ~counted() { ended.set_value(); }
  };

  std::promise<void> ended;
  http_fixture server{
    [&](http_request& request, const http_exchange& exchange) {
      auto& bound = request.connection->bound;
      if (!bound)
        bound = std::make_shared<counted>(ended);
      auto count = ++static_cast<counted*>(bound.get())->requests;
      exchange.answer(
        {.body = request.remote_address + ' ' + std::to_string(count)});
    },
    both};
  h2_client client{server.port(), {.upgraded = true}};
  CHECK(client.connection().get("/").body() == "127.0.0.1 1");
  client.upgrade("GET / HTTP/1.1\r\nHost: x\r\n");
  CHECK(client.receive(1).body == "127.0.0.1 2");
  CHECK(client.get("/").body == "127.0.0.1 3");
  auto end = ended.get_future();
  CHECK(end.wait_for(0s) == std::future_status::timeout);
  client.close();
  end.wait();
}

TEST_CASE("connections and requests of HTTP/2 are counted as those of HTTP/1") {
  auto counts = std::make_shared<http_counters>();
  http_fixture server{echo, {.h2c = true, .counts = counts}};
  {
    h2_client client{server.port()};
    client.get("/");
    client.get("/");
    client.get("/%4");
    CHECK(server.on_thread([&] { return counts->connections(); }) == 1);
  }
  CHECK(eventually([&] { return server.sessions() == 0; }));
  CHECK(counts->of_class(2) == 2);
  CHECK(counts->of_class(4) == 1);
  CHECK(counts->connections() == 0);
}

TEST_CASE("curl speaks HTTP/2 with us, in both ways") {
  http_fixture server{echo, both};
  auto url = "http://127.0.0.1:" + std::to_string(server.port()) + "/a";
  for (std::string how : {"--http2-prior-knowledge", "--http2", "--http1.1"}) {
    auto curl = "curl -sS -m 10 " + how + " -w ' %{http_version}' ";
    auto version = how == "--http1.1" ? " 1.1" : " 2";
    CHECK(output_of(curl + url) == std::string{"GET /a "} + version);
    CHECK(output_of(curl + "-d body " + url)
          == std::string{"POST /a body"} + version);
    // With prior knowledge curl 7.88 breaks connections that it uses again.
    if (how != "--http2-prior-knowledge")
      CHECK(output_of(curl + url + " " + url)
            == std::string{"GET /a "} + version + "GET /a " + version);
  }
}

} // namespace callboard::test::h2_session_test
