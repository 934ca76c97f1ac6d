// Frames and handshakes of a cluster, as bytes.
#include "net/cluster_frames.hpp"
#include "net/cluster_handshake.hpp"
#include "net/cluster_outbox.hpp"
#include "net/little_endian.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>
#include <utility>
#include <vector>

namespace callboard::test::cluster_frames_test {

namespace {

constexpr std::uint64_t seed = 42;

std::string frame(std::uint8_t kind, std::uint64_t sequence,
                  const std::string& body) {
  auto header = cluster_frame_header(kind, sequence, body, seed);
  return std::string{header.data(), header.size()} + body;
}

/// Reads `bytes` in pieces of `piece`; what is read, as kind and body.
std::vector<std::string> read(cluster_frame_reader& reader,
                              std::string_view bytes, std::size_t piece) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    auto input = bytes.substr(0, piece);
    bytes.remove_prefix(input.size());
    while (auto one = reader.next(input))
      out.push_back(std::to_string(one->kind) + one->body);
  }
  return out;
}

cluster_identity identity(node_id self) {
  return {self, "testing", "secret", "hello of " + std::to_string(self)};
}

using role = cluster_handshake::role;

/// The two sides, and all that each of them has sent.
struct handshakes {
  cluster_identity one = identity(1);
  cluster_identity two = identity(2);
  cluster_handshake dialer{role::dialer, one, 2};
  cluster_handshake acceptor{role::acceptor, two, 0,
                             [](node_id id) { return id == 1; }};
  std::vector<std::string> sent = {};

  /// Until neither has anything to say; `change` may alter the messages on the
  /// way, which are numbered from 0.
  template <class F>
  void run(F change) {
    for (auto* from = &dialer; !from->out().empty();) {
      auto message = std::exchange(from->out(), {});
      change(sent.size(), message);
      sent.push_back(message);
      auto* to = from == &dialer ? &acceptor : &dialer;
      for (std::size_t i = 0; i < message.size(); ++i) { // in small pieces
        auto input = std::string_view{message}.substr(i, 1);
        to->take(input);
      }
      from = to;
    }
  }

  void run() {
    run([](std::size_t, std::string&) {});
  }
};

} // namespace

TEST_CASE("frames are read whatever pieces they come in") {
  auto long_body = std::string(100'000, 'b');
  auto bytes = frame(1, 1, "first") + frame(0, 2, "") + frame(255, 3, long_body)
               + frame(2, 4, "last");
  auto piece = GENERATE(1, 2, 16, 17, 18, 1000, 1'000'000);
  cluster_frame_reader reader{seed, long_body.size()};
  CHECK(read(reader, bytes, std::size_t(piece))
        == std::vector<std::string>{"1first", "0", "255" + long_body, "2last"});
  CHECK(reader.error() == cluster_frame_error::none);
}

TEST_CASE("a frame that is damaged, repeated or missing ends the reading") {
  using error = cluster_frame_error;
  auto first = frame(1, 1, "first");
  auto expect = [&](const std::string& second, error wanted) {
    cluster_frame_reader reader{seed, 1'000};
    CHECK(read(reader, first + second + frame(1, 3, "third"), 7)
          == std::vector<std::string>{"1first"});
    CHECK(reader.error() == wanted);
  };
  expect(frame(1, 1, "first"), error::sequence);
  expect(frame(1, 3, "third"), error::sequence);
  expect(frame(1, 2, std::string(1'001, 'x')), error::too_long);
  expect(std::string(20, '\xff'), error::too_long);
  auto good = frame(1, 2, "second");
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    cluster_frame_reader reader{seed, 1'000};
    CHECK(read(reader, first + bad + std::string(1'000, 'x'), 7)
          == std::vector<std::string>{"1first"});
    CHECK(reader.error() != error::none);
  }
  cluster_frame_reader other{seed + 1, 1'000};
  CHECK(read(other, first, 100).empty());
  CHECK(other.error() == error::checksum);
}

TEST_CASE("memory grows with what has come of a body") {
  std::string body(std::size_t{1} << 20, 'x');
  auto bytes = frame(1, 1, body);
  cluster_frame_reader reader{seed, body.size()};
  CHECK(read(reader, std::string_view{bytes}.substr(0, 1'000), 100).empty());
  CHECK(reader.held_bytes() < 4'000);
  CHECK(read(reader, std::string_view{bytes}.substr(1'000), 5'000).size() == 1);
  CHECK(reader.held_bytes() < 100); // handed over with the frame
}

TEST_CASE("two nodes with the same secret agree") {
  handshakes both;
  both.run();
  CHECK(both.sent.size() == 4);
  REQUIRE(both.dialer.done());
  REQUIRE(both.acceptor.done());
  CHECK(both.dialer.peer() == 2);
  CHECK(both.dialer.peer_hello() == "hello of 2");
  CHECK(both.acceptor.peer() == 1);
  CHECK(both.acceptor.peer_hello() == "hello of 1");
  for (auto from : {role::dialer, role::acceptor})
    CHECK(both.dialer.frame_seed(from) == both.acceptor.frame_seed(from));
  CHECK(both.dialer.frame_seed(role::dialer)
        != both.dialer.frame_seed(role::acceptor));
  for (auto& message : both.sent)
    CHECK(message.find("secret") == std::string::npos);

  handshakes later;
  later.run();
  CHECK(later.dialer.frame_seed(role::dialer)
        != both.dialer.frame_seed(role::dialer));
}

TEST_CASE("what follows a handshake is left where it is") {
  handshakes both;
  both.run([](std::size_t i, std::string& message) {
    if (i == 3)
      message += "frames";
  });
  auto acceptor_said = both.sent[3];
  handshakes again;
  std::string_view input;
  for (auto* to : {&again.acceptor, &again.dialer, &again.acceptor}) {
    auto* from = to == &again.dialer ? &again.acceptor : &again.dialer;
    auto message = std::exchange(from->out(), {});
    input = message;
    to->take(input);
    CHECK(input.empty());
  }
  auto last = std::exchange(again.acceptor.out(), {}) + "frames";
  input = last;
  again.dialer.take(input);
  CHECK(again.dialer.done());
  CHECK(input == "frames");
}

TEST_CASE("each side says what differs") {
  using error = handshake_error;
  auto expect = [](cluster_identity one, cluster_identity two, error wanted) {
    handshakes both{std::move(one), std::move(two)};
    both.run();
    CHECK(both.dialer.error() == wanted);
    CHECK(both.acceptor.error() == wanted);
  };
  auto changed = [](auto member, auto value) {
    auto out = identity(1);
    out.*member = value;
    return out;
  };
  using who = cluster_identity;
  auto one = identity(1);
  auto two = identity(2);
  expect(changed(&who::secret, "another"), two, error::secret);
  expect(changed(&who::secret, ""), two, error::secret);
  expect(changed(&who::cluster, "testing2"), two, error::cluster);
  expect(changed(&who::self, 2), two, error::wrong_node); // twice the same
  expect(changed(&who::self, 9), two, error::unknown_node);
  expect(one, identity(3), error::wrong_node);

  handshakes newer;
  newer.run([](std::size_t i, std::string& message) {
    if (i == 0)
      put_little_endian(&message[8], cluster_protocol_version + 1, 2);
  });
  CHECK(newer.acceptor.error() == error::version);
  CHECK(newer.sent.size() == 2); // so the newer one sees our version

  handshakes answered;
  answered.run([](std::size_t i, std::string& message) {
    if (i == 1)
      put_little_endian(&message[8], cluster_protocol_version + 1, 2);
  });
  CHECK(answered.dialer.error() == error::version);
}

TEST_CASE("a handshake in which one bit changed is none") {
  handshakes good;
  good.run();
  for (std::size_t which = 0; which < good.sent.size(); ++which)
    for (std::size_t i = 0; i < good.sent[which].size() * 8; i += 3) {
      handshakes both;
      both.run([&](std::size_t number, std::string& message) {
        if (number == which)
          message[i / 8] = static_cast<char>(message[i / 8] ^ (1 << i % 8));
      });
      INFO("message " << which << " bit " << i);
      CHECK(!both.dialer.done());
      CHECK((!both.acceptor.done() || which == 3)); // the last word is its own
    }
}

TEST_CASE("a handshake cannot be replayed or reflected") {
  handshakes once;
  once.run();
  handshakes replayed;
  for (auto message : {once.sent[0], once.sent[2]}) {
    std::string_view input{message};
    replayed.acceptor.take(input);
  }
  CHECK(replayed.acceptor.error() == handshake_error::secret);

  // A dialer that has no secret lets the acceptor's own words come back.
  handshakes mirrored;
  mirrored.run([&](std::size_t i, std::string& message) {
    if (i == 2)
      message = once.sent[3];
  });
  CHECK(mirrored.acceptor.error() == handshake_error::secret);
  CHECK(mirrored.sent[3].size() == 3); // it proves nothing to a stranger
}

TEST_CASE("a handshake that is too long is refused before it has come") {
  auto take = [](std::string text) {
    cluster_identity me = identity(2);
    cluster_handshake acceptor{role::acceptor, me, 0,
                               [](node_id) { return true; }};
    std::string_view input{text};
    acceptor.take(input);
    return acceptor.error();
  };
  std::string head{"cb-node\n\x01\x00\xff\xff", 12};
  CHECK(take(head) == handshake_error::malformed);
  head[10] = 5; // shorter than it can be
  head[11] = 0;
  CHECK(take(head + "12345") == handshake_error::malformed);
  CHECK(take("GET /streams HTTP/1.1\r\n") == handshake_error::not_a_node);
  CHECK(take("cb-node") == handshake_error::none); // there may be more
}

TEST_CASE("an outbox that is full of requests takes short notes, and raft when "
          "it is full of those") {
  cluster_outbox box{8'000};
  box.open();
  auto fill = [&](std::uint8_t kind, std::size_t bytes) {
    while (box.push(kind, std::string(bytes, 'x'))
           != cluster_outbox::pushed::refused)
      ;
    return box.waiting_bytes();
  };
  CHECK(fill(2, 100) <= 6'000);
  auto notes = fill(4, 20);
  CHECK(notes > 6'900);
  CHECK(notes <= 7'000);
  CHECK(fill(1, 100) > 7'800);
}

} // namespace callboard::test::cluster_frames_test
