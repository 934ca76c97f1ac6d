// What forwarding refuses, redirects and survives.
#include "tests/support/forwarding_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

namespace callboard::test::forwarding_bounds_test {

using namespace std::chrono_literals;

namespace {

constexpr auto get = http_verb::get;
constexpr auto post = http_verb::post;

struct led : forwarding_fixture {
  template <class Adjust>
  explicit led(Adjust adjust) : forwarding_fixture(adjust) {
    lead(1);
    announce(1);
  }
};

/// Asks for the next thing as soon as it is answered, as a pipeline does.
class pipelining_client
    : public http_connection,
      public std::enable_shared_from_this<pipelining_client> {
public:
  pipelining_client(boost::asio::io_context& context,
                    request_forwarder& forwarder, unsigned left)
      : context_(context), forwarder_(forwarder), left_(left) {}

  http_executor executor() const noexcept override {
    return context_.get_executor();
  }

  void ask() {
    auto request =
      forwarding_fixture::make_request("/" + std::to_string(left_));
    if (requires_leader)
      request.add_header("ES-RequireLeader", "True");
    request.connection = state_;
    http_exchange exchange{shared_from_this(), left_, std::move(request)};
    forwarder_.forward(listener::eventstore, exchange.request(), exchange);
  }

  void answer(std::uint64_t, http_answer answer, std::string_view) override {
    answers.push_back(static_cast<unsigned>(answer.status));
    if (left_-- > 1)
      ask();
  }

  void on_gone(std::uint64_t, std::function<void()>) override {}

  void on_stopping(std::uint64_t, std::function<void()>) override {}

  void extend_deadline(std::uint64_t, std::chrono::milliseconds) override {}

  bool requires_leader = false;
  std::vector<unsigned> answers;

private:
  boost::asio::io_context& context_;
  request_forwarder& forwarder_;
  unsigned left_;
  std::shared_ptr<connection_state> state_ =
    std::make_shared<connection_state>();
};

} // namespace

TEST_CASE("so many requests wait and are out together, and no more") {
  forwarding_fixture all{
    [](auto& forwarder, auto&) { forwarder.requests_max = 3; }};
  auto client = all.connect();
  all.ask(*client, 2, "/1");
  all.lead(1);
  all.announce(1);
  all.ask(*client, 2, "/2");
  all.announce(std::nullopt);
  all.run(); // they are over
  all.announce(1);
  for (auto target : {"/3", "/4", "/5"})
    all.ask(*client, 2, target);
  auto refused = all.ask(*client, 2, "/6");
  CHECK(status_of(*client, refused) == 503);
  CHECK(client->answer_to(refused)->answer.headers == "Retry-After: 1\r\n");
  all.deliver();
  all.at(1).asked.back().answer({});
  all.deliver();
  auto taken = all.ask(*client, 2, "/7");
  CHECK(status_of(*client, taken) == 0);
}

TEST_CASE("bytes that are forwarded together are bounded") {
  led all{[](auto& forwarder, auto&) { forwarder.bytes_max = 10'000; }};
  auto client = all.connect();
  auto body = [](std::size_t size) {
    return forwarding_fixture::make_request("/", post, std::string(size, 'x'));
  };
  auto first = all.ask(*client, 2, body(6'000));
  auto second = all.ask(*client, 2, body(6'000));
  CHECK(status_of(*client, first) == 0);
  CHECK(status_of(*client, second) == 503);
  all.deliver();
  all.at(1).asked[0].answer({});
  all.deliver();
  CHECK(status_of(*client, all.ask(*client, 2, body(6'000))) == 0);
}

TEST_CASE("a body that no link carries is 413, such an answer 500") {
  led all{[](auto& forwarder, auto& requests) {
    forwarder.message_bytes_max = 5'000;
    requests.message_bytes_max = 5'000;
  }};
  auto client = all.connect();
  auto large = all.ask(
    *client, 2,
    forwarding_fixture::make_request("/", post, std::string(5'000, 'x')));
  CHECK(status_of(*client, large) == 413);
  auto number = all.ask(*client, 2, "/x");
  all.deliver();
  int unsent = 0;
  http_answer answer{.body = std::string(6'000, 'x')};
  answer.unsent = [&] { ++unsent; };
  all.at(1).asked[0].answer(std::move(answer));
  all.deliver();
  CHECK(status_of(*client, number) == 500);
  CHECK(unsent == 1);
}

TEST_CASE("an answer that a full link does not take is soon known as lost") {
  led all{[](auto&, auto& requests) {
    requests.send = [send = requests.send](node_id to, std::uint8_t kind,
                                           std::string bytes) {
      return bytes.size() < 1'000 && send(to, kind, std::move(bytes));
    };
  }};
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x");
  all.deliver();
  all.at(1).asked[0].answer({.body = std::string(2'000, 'x')});
  all.deliver();
  CHECK(status_of(*client, number) == 503);
}

TEST_CASE("a request that comes twice is served once") {
  led all{[](auto&, auto&) {}};
  auto client = all.connect();
  all.ask(*client, 2, "/x");
  all.frames.push_back(all.frames.front());
  all.deliver();
  CHECK(all.at(1).asked.size() == 1);
  all.cut(1, 2);
  CHECK(all.at(1).requests->in_progress() == 0);
}

TEST_CASE("the leader bounds what it serves for others") {
  led all{[](auto&, auto& requests) {
    requests.requests_max = 2;
    requests.clients_max = 3;
  }};
  auto client = all.connect();
  for (auto target : {"/1", "/2"})
    all.ask(*client, 2, target);
  auto third = all.ask(*client, 2, "/3");
  all.deliver();
  CHECK(status_of(*client, third) == 503);
  for (auto& each : all.at(1).asked)
    each.answer({});
  all.deliver();
  std::vector<std::shared_ptr<answer_collector>> others;
  for (unsigned expected : {0u, 0u, 503u}) {
    others.push_back(all.connect());
    auto number = all.ask(*others.back(), 3, "/x");
    all.deliver();
    CHECK(status_of(*others.back(), number) == expected);
  }
}

TEST_CASE("bytes that the leader serves for others are bounded") {
  led all{[](auto&, auto& requests) { requests.bytes_max = 1'000; }};
  auto client = all.connect();
  auto body =
    forwarding_fixture::make_request("/", post, std::string(700, 'x'));
  auto first = all.ask(*client, 2, body);
  auto second = all.ask(*client, 2, body);
  all.deliver();
  CHECK(status_of(*client, first) == 0);
  CHECK(status_of(*client, second) == 503);
  all.at(1).asked[0].answer({});
  all.deliver();
  auto third = all.ask(*client, 2, body);
  all.deliver();
  CHECK(status_of(*client, third) == 0);
  all.at(1).asked.back().extend_deadline(1s);
  all.deliver();
  client->go();
  all.deliver();
  auto fourth = all.ask(*client, 2, body);
  all.deliver();
  CHECK(status_of(*client, fourth) == 0);
}

TEST_CASE("of too many answers that are not confirmed the oldest's fate stays "
          "unknown") {
  led all{[](auto&, auto& requests) { requests.unconfirmed_max = 2; }};
  bool unsent_if_unknown = GENERATE(false, true);
  auto client = all.connect();
  std::vector<int> unsent;
  for (int i = 0; i < 3; ++i) {
    all.ask(*client, 2, "/x");
    all.deliver();
    http_answer answer;
    answer.unsent = [&unsent, i] { unsent.push_back(i); };
    answer.unsent_if_unknown = unsent_if_unknown;
    all.at(1).asked.back().answer(std::move(answer));
    all.deliver();
  }
  CHECK(unsent
        == (unsent_if_unknown ? std::vector<int>{0} : std::vector<int>{}));
}

TEST_CASE("who requires the leader is redirected to it") {
  led all{[](auto& forwarder, auto&) {
    forwarder.url_of = [](node_id id) {
      return "http://n" + std::to_string(id) + ":2113";
    };
  }};
  auto client = all.connect();
  auto require = [](std::string_view name, std::string_view value) {
    auto out = forwarding_fixture::make_request("/streams/a%20b?x=1", post);
    out.add_header(name, value);
    return out;
  };
  for (auto name :
       {"ES-RequireLeader", "es-requiremaster", "Kurrent-RequireLeader"}) {
    auto number = all.ask(*client, 2, require(name, "True"));
    CHECK(status_of(*client, number) == 307);
    CHECK(client->answer_to(number)->answer.headers
          == "Location: http://n1:2113/streams/a%20b?x=1\r\n");
  }
  CHECK(all.frames.empty());
  auto no = all.ask(*client, 2, require("ES-RequireLeader", "false"));
  auto wrong = all.ask(*client, 2, require("ES-RequireLeader", "1"));
  auto barco = all.ask(*client, 2, require("ES-RequireLeader", "true"),
                       listener::producer);
  for (auto number : {no, wrong, barco})
    CHECK(status_of(*client, number) == 0);
  all.deliver();
  CHECK(all.at(1).asked.size() == 3);
}

TEST_CASE("who requires a leader that is not known waits for it") {
  forwarding_fixture all{[](auto& forwarder, auto&) {
    forwarder.url_of = [](node_id id) {
      return id == 3 ? "" : "http://n" + std::to_string(id);
    };
  }};
  auto client = all.connect();
  auto request = forwarding_fixture::make_request("/x");
  request.add_header("ES-RequireLeader", "True");
  auto number = all.ask(*client, 2, request);
  CHECK(status_of(*client, number) == 0);
  all.announce(1);
  all.run();
  CHECK(status_of(*client, number) == 307);
  all.announce(3); // its address is not known
  all.ask(*client, 2, request);
  CHECK(all.count(forwarding_frame::request) == 1);
}

TEST_CASE("an answer may let in the next request of its connection") {
  led all{[](auto& forwarder, auto&) { forwarder.requests_max = 4; }};
  auto client =
    std::make_shared<pipelining_client>(all.context, *all.at(2).forwarder, 10);
  auto on_thread = [&](auto what) {
    boost::asio::post(all.context, what);
    all.run();
  };
  on_thread([&] { client->ask(); });
  all.deliver();
  CHECK(client->answers.empty());
  for (std::size_t i = 0; i < 5; ++i) {
    REQUIRE(all.at(1).asked.size() == i + 1);
    all.at(1).asked[i].answer({});
    all.deliver();
  }
  CHECK(client->answers.size() == 5);
  on_thread([&] { all.at(2).forwarder->stop(); });
  CHECK(client->answers.size() == 10);
  CHECK(all.at(2).forwarder->out() == 0);
}

TEST_CASE("a long pipeline of redirects does not fill the stack") {
  led all{[](auto& forwarder, auto&) {
    forwarder.url_of = [](auto) { return "u"; };
  }};
  auto client = std::make_shared<pipelining_client>(
    all.context, *all.at(2).forwarder, 50'000);
  client->requires_leader = true;
  boost::asio::post(all.context, [&] { client->ask(); });
  all.run();
  CHECK(client->answers == std::vector(50'000, 307u));
}

TEST_CASE("what no forwarder wrote is ignored") {
  led all{[](auto&, auto&) {}};
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x");
  all.deliver();
  for (int kind = 0; kind < 256; ++kind)
    for (std::string bytes : {"", "\1", "\1\0\5\1", "\2\3\4\5", "garbage"}) {
      all.at(2).forwarder->received(1, std::uint8_t(kind), bytes);
      all.at(1).requests->received(2, std::uint8_t(kind), bytes,
                                   all.at(1).served);
    }
  all.at(1).asked.back().answer({});
  all.deliver();
  CHECK(status_of(*client, number) == 200);
}

TEST_CASE("what the leader did not compress is not compressed on the way") {
  led all{[](auto&, auto&) {}};
  auto client = all.connect();
  auto request = forwarding_fixture::make_request("/x");
  request.add_header("Accept-Encoding", "gzip");
  auto number = all.ask(*client, 2, request);
  auto sent = decode_forwarded_request(all.frames.front().bytes).value();
  std::string body(10'000, 'x');
  all.at(2).forwarder->received(
    1, std::uint8_t(forwarding_frame::answer),
    encode(sent.from.key, http_answer{.body = body}, {}));
  all.run();
  CHECK(body_of(*client, number) == body);
}

TEST_CASE("a deadline is not extended for ever, nor backwards") {
  led all{[](auto&, auto&) {}};
  auto client = all.connect();
  all.ask(*client, 2, "/x");
  auto request = decode_forwarded_request(all.frames.front().bytes).value();
  all.at(2).forwarder->received(
    1, std::uint8_t(forwarding_frame::extend),
    encode(forwarding_note{request.from.key, ~std::uint64_t{0}}));
  CHECK(client->extended() == 1h);
}

TEST_CASE("no node answers for another") {
  led all{[](auto&, auto&) {}};
  auto client = all.connect();
  auto number = all.ask(*client, 2, "/x");
  auto request = decode_forwarded_request(all.frames.front().bytes).value();
  all.deliver();
  auto& forwarder = *all.at(2).forwarder;
  auto& key = request.from.key;
  auto kind = [](forwarding_frame of) { return std::uint8_t(of); };
  forwarder.received(3, kind(forwarding_frame::answer), encode(key, {}, {}));
  forwarder.received(3, kind(forwarding_frame::extend),
                     encode(forwarding_note{key, 1000}));
  auto& requests = *all.at(1).requests;
  requests.received(3, kind(forwarding_frame::cancel),
                    encode(forwarding_note{key, 0}), all.at(1).served);
  all.run();
  CHECK(status_of(*client, number) == 0);
  CHECK(client->extended() == 0ms);
  CHECK(requests.in_progress() == 1);
}

} // namespace callboard::test::forwarding_bounds_test
