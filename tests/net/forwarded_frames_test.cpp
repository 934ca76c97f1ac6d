// Binary producers on any node.
#include "net/forwarded_frames.hpp"
#include "tests/support/forwarding_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

namespace callboard::test::forwarded_frames_test {

using namespace std::chrono_literals;

namespace {

struct stored_frame {
  std::optional<std::int64_t> timestamp;
  std::string key;
  std::string topic;
  std::vector<std::string> records;

  friend bool operator==(const stored_frame&, const stored_frame&) = default;
};

stored_frame copy(const produce_frame& frame) {
  return {frame.timestamp,
          std::string{frame.key},
          std::string{frame.topic},
          {frame.records.begin(), frame.records.end()}};
}

using reply = std::function<void(std::optional<producer_refusal>)>;

/// Node 2's producers; the leader's sink keeps what it is given.
struct producing : forwarding_fixture {
  explicit producing(
    std::chrono::milliseconds leader_wait_max = limits::leader_wait_max)
      : forwarding_fixture([=](auto& forwarder, auto&) {
          forwarder.verdict_wait_max = 5ms;
          forwarder.leader_wait_max = leader_wait_max;
        }) {
    front =
      std::make_shared<producer_front>(context.get_executor(), at(2).forwarder);
    sink = front->sink();
  }

  producer_sink holding() {
    return [this](const produce_frame& frame, reply then) {
      stored.push_back(copy(frame));
      replies.push_back(std::move(then));
    };
  }

  /// Node `id` leads and stores.
  void lead_and_store(node_id id) {
    auto served = std::make_shared<served_listeners>();
    (*served)[std::size_t(listener::binary)].handler = serve_frames(holding());
    at(id).served = std::move(served);
    announce(id);
  }

  /// Returns what becomes of it.
  std::shared_ptr<std::string> send(const produce_frame& frame) {
    auto out = std::make_shared<std::string>("open");
    boost::asio::post(context, [this, frame, out] {
      sink(frame, [out](const std::optional<producer_refusal>& refused) {
        *out = refused ? std::to_string(int(refused->code)) + refused->text
                       : "stored";
      });
    });
    run();
    return out;
  }

  std::shared_ptr<std::string> send(std::string_view record) {
    return send({std::nullopt, "k", "t", {record}});
  }

  std::string records() const {
    std::string out;
    for (auto& each : stored)
      out += each.records.front();
    return out;
  }

  std::shared_ptr<producer_front> front;
  producer_sink sink;
  std::vector<stored_frame> stored;
  std::vector<reply> replies;
};

} // namespace

TEST_CASE("a produce frame comes back as it was, or not at all") {
  for (auto timestamp : {std::optional<std::int64_t>{}, std::optional{-5L}}) {
    produce_frame frame{
      timestamp, "", "topic", {std::string_view{"a\0b", 3}, ""}};
    auto bytes = encode(frame);
    auto back = decode_produce_frame(bytes);
    REQUIRE(back.has_value());
    CHECK(copy(*back) == copy(frame));
    for (std::size_t n = 0; n < bytes.size(); ++n)
      CHECK_FALSE(decode_produce_frame(bytes.substr(0, n)).has_value());
    CHECK_FALSE(decode_produce_frame(bytes + "x").has_value());
  }
  CHECK_FALSE(decode_produce_frame(encode(produce_frame{})).has_value());
}

TEST_CASE_METHOD(producing, "frames reach the leader's sink in their order, "
                            "and their outcomes come back") {
  front->follow();
  produce_frame whole{1234567, "key", "topic", {"a", "bc", ""}};
  auto first = send(whole);
  auto second = send("2");
  auto third = send("3");
  lead_and_store(1);
  deliver();
  REQUIRE(stored.size() == 3);
  CHECK(stored[0] == copy(whole));
  CHECK(records() == "a23");
  replies[2](std::nullopt);
  replies[0](std::nullopt);
  replies[1](producer_refusal{frame_error::routing, "not here"});
  deliver();
  CHECK(*first == "stored");
  CHECK(*second == "1not here");
  CHECK(*third == "stored");
}

TEST_CASE_METHOD(producing, "frames that a node does not serve yet stay in "
                            "order") {
  front->follow();
  announce(1);
  for (auto record : {"1", "2", "3"})
    send(record);
  deliver_one(); // "1", which is not served
  lead_and_store(1);
  send("4");
  deliver();
  announce(1);
  deliver();
  CHECK(records() == "1234");
}

TEST_CASE_METHOD(producing, "a frame whose outcome is unknown is refused, and "
                            "not sent again") {
  front->follow();
  lead_and_store(1);
  auto outcome = send("1");
  deliver();
  announce(3);
  CHECK(
    eventually([&] { return outcome->starts_with("1The leader was lost"); }));
  CHECK(outcome->ends_with("unknown. Sent again, it may be stored twice."));
  lead_and_store(1);
  deliver();
  CHECK(records() == "1");
}

TEST_CASE_METHOD(producing, "frames are stored here while this node leads") {
  CHECK(send("0")->starts_with("2This node does not take part"));
  front->lead(holding());
  auto first = send("1");
  auto second = send("2");
  auto third = send("3");
  CHECK(frames.empty());
  replies[0](std::nullopt);
  replies[1] = nullptr; // whoever had it has ended
  run();
  CHECK(*first == "stored");
  CHECK(*second
        == "1Nobody answered: whether it was stored is unknown. Sent again, it "
           "may be stored twice.");
  front->follow();
  CHECK(third->starts_with("1This node leads no more"));
  replies[2](std::nullopt);
  CHECK(third->starts_with("1This node leads no more"));
}

TEST_CASE("a frame for which no leader is found says so, and nothing was "
          "stored") {
  producing p{5ms};
  p.front->follow();
  auto outcome = p.send("1");
  CHECK(
    p.eventually([&] { return outcome->starts_with("2No leader is known"); }));
  p.announce(1);
  p.cut(1, 2);
  outcome = p.send("2");
  CHECK(p.eventually(
    [&] { return outcome->starts_with("1The leader cannot be reached"); }));
}

TEST_CASE_METHOD(producing, "a damaged frame is refused by the leader") {
  lead_and_store(1);
  auto client = connect();
  auto number = ask(*client, 2, make_request("/", http_verb::post, "damaged"),
                    listener::binary);
  deliver();
  CHECK(status_of(*client, number) == 400);
  CHECK(stored.empty());
}

} // namespace callboard::test::forwarded_frames_test
