// Links between nodes that behave, over loopback.
#include "net/cluster_frames.hpp"
#include "tests/support/cluster_links.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <thread>

namespace callboard::test::cluster_link_test {

using namespace std::chrono_literals;

namespace {

/// Makes them know each other; ids from 1 on, in this order.
void introduce(std::vector<seen_link*> links) {
  std::vector<cluster_peer> all;
  for (auto* one : links)
    all.push_back(one->as_peer(all.size() + 1));
  for (auto* one : links)
    one->link.set_peers(all);
}

/// Sends until it is taken.
void send_surely(seen_link& from, node_id to, std::uint8_t kind,
                 const std::string& body) {
  REQUIRE(eventually([&] { return from.link.send(to, kind, body); }));
}

} // namespace

TEST_CASE("two nodes find each other, say hello, and exchange frames") {
  seen_link one{link_options(1)};
  seen_link two{link_options(2)};
  CHECK(!one.link.connected(2));
  CHECK(!one.link.send(2, 1, "nobody is there"));
  introduce({&one, &two});
  REQUIRE(one.wait_up(1));
  REQUIRE(two.wait_up(1));
  CHECK(one.hellos[2] == "I am 2");
  CHECK(two.hellos[1] == "I am 1");
  CHECK(one.link.connected(2));
  // Whoever dials the other before that one was introduced is cut off.
  auto before = one.status_of(2);
  CHECK(one.link.send(2, 1, "from one"));
  CHECK(two.link.send(1, 7, std::string{"from\0two", 8}));
  CHECK(two.link.send(1, 7, ""));
  REQUIRE(two.wait_frames(1));
  REQUIRE(one.wait_frames(2));
  CHECK(two.frames[0].from == 1);
  CHECK(two.frames[0].kind == 1);
  CHECK(two.frames[0].body == "from one");
  CHECK(one.frames[0].kind == 7);
  CHECK(one.frames[0].body == std::string{"from\0two", 8});
  CHECK(one.frames[1].body.empty());
  auto status = one.status_of(2);
  CHECK(status.connected);
  CHECK(status.accepted);
  CHECK(status.frames_sent == 1);
  CHECK(status.bytes_sent == cluster_frame_header_bytes + 8);
  CHECK(status.frames_received == 2);
  CHECK(status.connections == 1);
  CHECK(status.cut_offs == before.cut_offs);
  CHECK(status.silent_for);
}

TEST_CASE("what several threads send arrives in each one's order") {
  seen_link one{link_options(1)};
  seen_link two{link_options(2)};
  seen_link three{link_options(3)};
  introduce({&one, &two, &three});
  for (auto* link : {&one, &two, &three})
    REQUIRE(link->wait_up(2));
  constexpr int threads = 4;
  constexpr int frames = 5'000;
  std::vector<std::thread> senders;
  for (int t = 0; t < threads; ++t)
    senders.emplace_back([&, t] {
      for (int i = 0; i < frames; ++i) {
        // Some are so long that they are not copied.
        auto text = std::to_string(i);
        text.resize(i % 100 == 0 ? 20'000 : 8, ' ');
        one.link.send(2, std::uint8_t(t + 1), text);
        one.link.send(3, std::uint8_t(t + 1), text);
        two.link.send(1, std::uint8_t(t + 1), std::move(text));
      }
    });
  for (auto& sender : senders)
    sender.join();
  for (auto* link : {&one, &two, &three}) {
    REQUIRE(link->wait_frames(threads * frames));
    std::vector<int> next(threads + 1);
    bool in_order = true;
    for (auto& frame : link->frames)
      in_order &= std::stoi(frame.body) == next.at(frame.kind)++;
    CHECK(in_order);
    CHECK(link->frames.size() == threads * frames);
    CHECK(link->downs == 0);
  }
}

TEST_CASE("a frame leaves at once, whatever was sent before") {
  auto first = link_options(1);
  auto second = link_options(2);
  first.keep_alive_interval = second.keep_alive_interval = 30s;
  first.silence_max = second.silence_max = 60s; // no other reason to write
  seen_link one{first};
  seen_link two{second};
  introduce({&one, &two});
  REQUIRE(one.wait_up(1));
  for (std::size_t i = 1; i <= 100; ++i) {
    CHECK(one.link.send(2, 2, "ping"));
    REQUIRE(two.wait_frames(i));
  }
}

TEST_CASE("the longest frame passes, a longer one is not sent") {
  auto options = link_options(1);
  seen_link one{options};
  seen_link two{link_options(2)};
  introduce({&one, &two});
  REQUIRE(one.wait_up(1));
  std::string body(options.body_bytes_max - 64, 'x');
  body.front() = 'a';
  body.back() = 'z';
  CHECK(!one.link.send(2, 2, body)); // not raft: leaves it a quarter
  CHECK(one.link.send(2, 1, body));
  REQUIRE(two.wait_frames(1));
  CHECK(two.frames[0].body == body);
  body.resize(options.body_bytes_max + 1);
  CHECK(!one.link.send(2, 1, body));
  CHECK(one.link.connected(2));
  CHECK(one.status_of(2).frames_dropped == 1);
}

TEST_CASE("connections without traffic last") {
  auto first = link_options(1);
  auto second = link_options(2);
  first.silence_max = second.silence_max = 500ms;
  seen_link one{first};
  seen_link two{second};
  introduce({&one, &two});
  REQUIRE(one.wait_up(1));
  REQUIRE(two.wait_up(1));
  CHECK(!one.wait_for(1'200ms, [&] { return one.downs > 0; }));
  CHECK(two.downs == 0);
  CHECK(one.status_of(2).silent_for < 500ms);
  CHECK(one.status_of(2).frames_received == 0); // they are the link's own
}

TEST_CASE("a node that comes back is found again") {
  seen_link one{link_options(1)};
  auto options = link_options(2);
  auto two = std::make_unique<seen_link>(options);
  options.listen = two->link.endpoint(); // the same again
  introduce({&one, two.get()});
  REQUIRE(one.wait_up(1));
  send_surely(one, 2, 1, "first");
  REQUIRE(two->wait_frames(1));
  two.reset();
  REQUIRE(one.wait([&] { return one.up[2] == 0; }));
  CHECK(one.downs == 2);
  CHECK(!one.link.send(2, 1, "while it is away"));
  CHECK(eventually([&] { return !one.status_of(2).accepted; }));

  options.hello = "I am 2, again";
  options.peers = {one.as_peer(1)};
  two = std::make_unique<seen_link>(options);
  REQUIRE(one.wait_up(1));
  CHECK(one.hellos[2] == "I am 2, again");
  send_surely(one, 2, 1, "second");
  REQUIRE(two->wait_frames(1));
  CHECK(two->frames[0].body == "second");
  CHECK(one.status_of(2).connections == 2);
}

TEST_CASE("peers come, go, and move") {
  seen_link one{link_options(1)};
  seen_link two{link_options(2)};
  auto three = std::make_unique<seen_link>(link_options(3));
  introduce({&one, &two, three.get()});
  REQUIRE(one.wait_up(2));

  one.link.set_peers({three->as_peer(3)});
  REQUIRE(one.wait([&] { return one.up[2] == 0; }));
  CHECK(!one.link.connected(2));
  CHECK(one.link.status().size() == 1);
  // It still dials, and is not let in.
  REQUIRE(eventually([&] { return two.status_of(1).cut_offs > 0; }));
  CHECK(!two.link.connected(1));

  one.link.set_peers({two.as_peer(2), three->as_peer(3)});
  REQUIRE(one.wait_up(2));

  three.reset();
  REQUIRE(one.wait([&] { return one.up[3] == 0; }));
  seen_link moved{link_options(3)}; // on another port
  moved.link.set_peers({one.as_peer(1)});
  one.link.set_peers({two.as_peer(2), moved.as_peer(3)});
  REQUIRE(one.wait_up(2));
}

TEST_CASE("a peer may be named, and a wrong name is tried again") {
  seen_link one{link_options(1)};
  auto options = link_options(2);
  options.peers = {one.as_peer(1)};
  seen_link two{options};
  // A label of more than 63 bytes: no server is asked for it.
  one.link.set_peers({{2, std::string(64, 'x'), 1}});
  REQUIRE(one.wait([&] { return one.up[2] == 1; }));
  CHECK(!one.link.connected(2));
  auto at = two.as_peer(2);
  at.host = "localhost"; // finds nobody there, at 127.0.0.1 and [::1]
  one.link.set_peers({at});
  CHECK(eventually([&] { return one.link.status()[0].peer == at; }));
  at.host = "127.0.0.2";
  one.link.set_peers({at});
  REQUIRE(one.wait_up(1));
}

TEST_CASE("a link needs an address that is free") {
  seen_link one{link_options(1)};
  auto options = link_options(1);
  options.listen = one.link.endpoint();
  CHECK_THROWS_AS(seen_link{options}, boost::system::system_error);
}

} // namespace callboard::test::cluster_link_test
