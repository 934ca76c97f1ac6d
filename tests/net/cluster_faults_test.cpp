// Links between a node and one that does not behave, over loopback.
#include "tests/support/cluster_impostor.hpp"

#include <catch2/catch_test_macros.hpp>

#include <list>
#include <thread>

namespace callboard::test::cluster_faults_test {

using namespace std::chrono_literals;

namespace {

using role = cluster_handshake::role;

cluster_peer peer_at(node_id id, const boost::asio::ip::tcp::endpoint& at) {
  return {id, at.address().to_string(), at.port()};
}

/// Node 1, which knows node 2: there, and away unless an impostor is it.
cluster_link_options knows_two() {
  auto out = link_options(1);
  out.peers = {{2, "127.0.0.2", 1}};
  return out;
}

/// Node 2 has connected to `one` and may send.
void become_two(impostor& two, seen_link& one) {
  two.connect(one.link.endpoint());
  REQUIRE(two.shake_hands(role::dialer, 1));
  REQUIRE(one.wait([&] { return one.up[2] == 1; }));
}

} // namespace

TEST_CASE("who does not belong is turned away by the one it dials") {
  seen_link one{knows_two()};
  auto expect = [&](cluster_identity identity, node_id dialled,
                    handshake_error why) {
    impostor two{std::move(identity)};
    two.connect(one.link.endpoint());
    CHECK(!two.shake_hands(role::dialer, dialled));
    CHECK(two.error() == why);
    CHECK(two.closed());
  };
  auto good = impostor::identity(2);
  auto changed = good;
  changed.secret = "guessed";
  expect(changed, 1, handshake_error::secret);
  changed = good;
  changed.cluster = "production";
  expect(changed, 1, handshake_error::cluster);
  expect(good, 3, handshake_error::wrong_node);
  expect(impostor::identity(3), 1, handshake_error::unknown_node);

  impostor newer{good};
  newer.connect(one.link.endpoint());
  CHECK(newer.send({"cb-node\n\x02\x00\x00\x00", 12}));
  auto answer = newer.receive();
  CHECK(answer.starts_with("cb-node\n"));
  CHECK(newer.closed());

  CHECK(one.up.empty());
  impostor two{good};
  become_two(two, one);
}

TEST_CASE("who does not belong is not sent to") {
  impostor two{[] {
    auto out = impostor::identity(2);
    out.secret = "guessed";
    return out;
  }()};
  auto options = link_options(1);
  options.peers = {peer_at(2, two.listen())};
  seen_link one{options};
  two.accept();
  CHECK(!two.shake_hands(role::acceptor));
  CHECK(two.error() == handshake_error::secret);

  // It does not say that the proof is wrong, and makes one up.
  two.accept();
  auto introduction = two.receive();
  REQUIRE(introduction.size() > 28);
  // The same back, with the ids the other way round.
  std::string answer = introduction;
  std::swap_ranges(answer.begin() + 12, answer.begin() + 20,
                   answer.begin() + 20);
  CHECK(two.send(answer));
  CHECK(!two.receive().empty()); // its proof
  CHECK(two.send(std::string{"\0\x20\0", 3} + std::string(32, 'x')));
  CHECK(two.closed());
  CHECK(!one.link.connected(2));
  CHECK(eventually([&] { return one.status_of(2).cut_offs >= 2; }));
  CHECK(one.up.empty());
}

TEST_CASE("garbage and half a handshake are cut off") {
  auto options = knows_two();
  options.handshake_wait_max = 500ms;
  seen_link one{options};
  for (std::string_view bytes :
       {std::string_view{"GET /streams/a HTTP/1.1\r\nhost: x\r\n\r\n"},
        std::string_view{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
                         12},
        std::string_view{"cb-node\n\x01\x00\xff\xff", 12}, // too long
        std::string_view{"cb-node\n\x01\x00\x40\x00...hi",
                         17}, // the rest is late
        std::string_view{"c"}, std::string_view{}}) {
    impostor two{impostor::identity(2)};
    two.connect(one.link.endpoint());
    CHECK(two.send(bytes));
    CHECK(two.closed());
  }
  CHECK(one.up.empty());
  impostor two{impostor::identity(2)};
  become_two(two, one);
}

TEST_CASE("connections that say nothing do not keep nodes out") {
  auto options = knows_two();
  options.half_open_max = 4;
  options.handshake_wait_max = 60s;
  seen_link one{options};
  std::list<impostor> silent;
  for (int i = 0; i < 20; ++i)
    silent.emplace_back(impostor::identity(2)).connect(one.link.endpoint());
  for (int i = 0; i < 16; ++i) {
    CHECK(silent.front().closed());
    silent.pop_front();
  }
  impostor two{impostor::identity(2)};
  become_two(two, one);
  CHECK(silent.front().closed()); // made room for it
}

TEST_CASE("a damaged, repeated, missing or endless frame cuts the connection") {
  seen_link one{knows_two()};
  std::uint64_t cut_offs = 0;
  std::size_t frames = 0;
  auto expect_cut = [&](auto bad) {
    impostor two{impostor::identity(2)};
    become_two(two, one);
    auto bytes = two.frame(3, "good");
    bytes += bad(two);
    bytes += two.frame(3, "behind it, and never seen");
    CHECK(two.send(bytes));
    CHECK(two.closed());
    REQUIRE(one.wait([&] { return one.up[2] == 0; }));
    REQUIRE(one.frames.size() == ++frames);
    CHECK(one.frames.back().body == "good");
    CHECK(one.status_of(2).cut_offs == ++cut_offs);
  };
  expect_cut([](impostor& two) { return two.frame(3, "again", 1); });
  expect_cut([](impostor& two) { return two.frame(3, "one is missing", 3); });
  expect_cut([](impostor& two) {
    auto out = two.frame(3, "bad");
    out.back() = 'x';
    return out;
  });
  expect_cut([](impostor& two) {
    auto out = two.frame(3, "long");
    put_little_endian(out.data(), (64U << 20) + 1, 4);
    return out;
  });
  impostor first{impostor::identity(2)};
  become_two(first, one);
  auto earlier = first.frame(3, "of another connection");
  expect_cut([&](impostor& two) {
    two.frame(3, "");
    return earlier.replace(5, 1, "\x02"); // the right number at least
  });
}

TEST_CASE("a node that dials again takes the place of its old connection") {
  seen_link one{knows_two()};
  impostor old{impostor::identity(2)};
  become_two(old, one);
  CHECK(old.send(old.frame(3, "old")));
  REQUIRE(one.wait_frames(1));
  impostor fresh{impostor::identity(2)};
  fresh.connect(one.link.endpoint());
  REQUIRE(fresh.shake_hands(role::dialer, 1));
  CHECK(old.closed());
  CHECK(fresh.send(fresh.frame(3, "fresh")));
  REQUIRE(one.wait_frames(2));
  std::lock_guard lock{one.mutex};
  CHECK(one.downs == 1);
  CHECK(one.up[2] == 1);
}

TEST_CASE("a peer that does not read holds up nobody else") {
  impostor two{impostor::identity(2)};
  seen_link three{link_options(3)};
  auto options = link_options(1);
  options.waiting_bytes_max = std::size_t{4} << 20;
  options.silence_max = 60s;
  options.peers = {peer_at(2, two.listen()), three.as_peer(3)};
  seen_link one{options};
  three.link.set_peers({one.as_peer(1)});
  two.accept();
  REQUIRE(two.shake_hands(role::acceptor));
  REQUIRE(one.wait([&] { return one.up[2] == 1 && one.up[3] == 2; }));

  // The kernel takes some; then it stays full.
  const std::string body(100'000, 'x');
  auto fill = [&](std::uint8_t kind) {
    std::size_t taken = 0;
    auto until = std::chrono::steady_clock::now() + 200ms;
    while (std::chrono::steady_clock::now() < until)
      if (one.link.send(2, kind, body)) {
        until = std::chrono::steady_clock::now() + 200ms;
        ++taken;
      }
    return taken;
  };
  CHECK(fill(2) > 20);
  auto waiting = one.status_of(2).bytes_waiting;
  CHECK(waiting <= options.waiting_bytes_max / 4 * 3);
  CHECK(waiting > options.waiting_bytes_max / 2);
  CHECK(fill(1) >= 10); // raft still may
  CHECK(one.status_of(2).bytes_waiting <= options.waiting_bytes_max);
  CHECK(one.status_of(2).frames_dropped > 0);

  for (int i = 0; i < 100; ++i)
    CHECK(one.link.send(3, 2, "all is well"));
  CHECK(three.wait_frames(100));
  // It reads after all, and nothing of what was taken is missing.
  auto first = two.receive_frame();
  while (first && first->kind == 0)
    first = two.receive_frame();
  REQUIRE(first);
  CHECK(first->body == body);
  CHECK(eventually([&] {
    two.receive_frame();
    return one.status_of(2).bytes_waiting == 0;
  }));
}

TEST_CASE("a peer that has stopped is noticed, whoever dialled") {
  impostor two{impostor::identity(2)};
  auto options = link_options(1);
  options.silence_max = 300ms;
  options.peers = {peer_at(2, two.listen())};
  seen_link one{options};
  two.accept();
  REQUIRE(two.shake_hands(role::acceptor)); // and never says anything more
  REQUIRE(one.wait([&] { return one.downs == 1; }));
  CHECK(!one.link.connected(2));
  CHECK(one.status_of(2).cut_offs == 1);
  two.accept(); // it dials anew
  REQUIRE(two.shake_hands(role::acceptor));
  CHECK(eventually([&] { return one.status_of(2).connections == 2; }));

  impostor dialled{impostor::identity(2)};
  dialled.connect(one.link.endpoint());
  REQUIRE(dialled.shake_hands(role::dialer, 1));
  CHECK(dialled.closed());
  CHECK(eventually([&] { return one.status_of(2).cut_offs >= 2; }));
}

TEST_CASE("what waits for a connection ends with it") {
  impostor two{impostor::identity(2)};
  auto options = link_options(1);
  options.peers = {peer_at(2, two.listen())};
  seen_link one{options};
  two.accept();
  REQUIRE(two.shake_hands(role::acceptor));
  REQUIRE(one.wait([&] { return one.up[2] == 1; }));
  for (int i = 0; i < 40; ++i) // more than the kernel takes
    CHECK(one.link.send(2, 1, std::string(1'000'000, 'o')));
  CHECK(one.status_of(2).bytes_waiting > 0);
  two.close();
  REQUIRE(one.wait([&] { return one.up[2] == 0; }));
  CHECK(one.status_of(2).bytes_waiting == 0);
  CHECK(one.status_of(2).frames_dropped > 0);
  two.accept();
  REQUIRE(two.shake_hands(role::acceptor));
  REQUIRE(eventually([&] { return one.link.send(2, 1, "new"); }));
  auto first = two.receive_frame();
  while (first && first->kind == 0)
    first = two.receive_frame();
  REQUIRE(first);
  CHECK(first->body == "new");
}

TEST_CASE("a long frame that comes slowly is a sign of life") {
  auto options = knows_two();
  options.silence_max = 500ms;
  seen_link one{options};
  impostor two{impostor::identity(2)};
  become_two(two, one);
  std::string body(2'000, 'x');
  auto bytes = two.frame(3, body);
  auto begin = std::chrono::steady_clock::now();
  std::size_t sent = 0;
  while (std::chrono::steady_clock::now() - begin < 3 * options.silence_max) {
    REQUIRE(sent < bytes.size());
    REQUIRE(two.send(std::string_view{bytes}.substr(sent++, 1)));
    auto acknowledged = two.receive_frame(); // in the middle of it
    REQUIRE(acknowledged);
    CHECK(acknowledged->kind == 0);
    // The next one is only owed after a while.
    CHECK(!one.wait_for(options.keep_alive_interval / 2, [] { return false; }));
  }
  CHECK(two.send(std::string_view{bytes}.substr(sent)));
  REQUIRE(one.wait_frames(1));
  CHECK(one.frames[0].body == body);
  CHECK(one.downs == 0);
}

TEST_CASE("the one that was dialled must not send") {
  impostor two{impostor::identity(2)};
  auto options = link_options(1);
  options.silence_max = 60s;
  options.peers = {peer_at(2, two.listen())};
  seen_link one{options};
  for (auto [kind, body] : {std::pair{3, ""}, std::pair{0, "long"}}) {
    two.accept();
    REQUIRE(two.shake_hands(role::acceptor));
    CHECK(two.send(two.frame(std::uint8_t(kind), body)));
    CHECK(two.closed());
  }
  CHECK(one.frames.empty());
  CHECK(eventually([&] { return one.status_of(2).cut_offs == 2; }));
}

} // namespace callboard::test::cluster_faults_test
