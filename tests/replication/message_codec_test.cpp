// Messages between members as bytes: back as they were, and no harm from bytes
// that are none.
#include "actors/replication/cluster_limits.hpp"
#include "actors/replication/message_codec.hpp"
#include "actors/replication/raft_driver.hpp"
#include "actors/replication/raft_engine.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <random>

using namespace callboard;

namespace {

constexpr std::array<raft_id, 3> three{1, 2, 3};
constexpr auto large = ~std::uint64_t{0};

peer_message message(raft_message_type type) {
  peer_message out;
  out.from = 2;
  out.to = 3;
  out.session = 1'764'000'000'000;
  out.sequence = 300;
  out.header.type = type;
  out.header.server_id = 3;
  return out;
}

log_entry entry(entry_term term, entry_kind kind, std::string payload) {
  return {term, kind, std::make_shared<const std::string>(std::move(payload))};
}

/// One of each type, no field of which is zero.
std::vector<peer_message> one_of_each() {
  auto vote = message(RAFT_REQUEST_VOTE);
  vote.header.request_vote = {2, 7, 2, large, 6, true, false};
  auto pre_vote = message(RAFT_REQUEST_VOTE);
  pre_vote.header.request_vote = {2, 7, 2, 99, 6, false, true};
  auto voted = message(RAFT_REQUEST_VOTE_RESULT);
  voted.header.request_vote_result = {2, 7, true, false, 1, 65'535};
  auto pre_voted = message(RAFT_REQUEST_VOTE_RESULT);
  pre_voted.header.request_vote_result = {2, 7, false, true, 1, 65'535};
  auto append = message(RAFT_APPEND_ENTRIES);
  append.entries = {entry(6, entry_kind::configuration, encode_voters(three)),
                    entry(7, entry_kind::command, std::string{"\0\x80 raw", 6}),
                    entry(7, entry_kind::barrier, "")};
  append.header.append_entries = {1, 7, large, 6, 90, nullptr, 3};
  auto appended = message(RAFT_APPEND_ENTRIES_RESULT);
  appended.header.append_entries_result = {1, 7, 98, 97, 1, 12};
  auto install = message(RAFT_INSTALL_SNAPSHOT);
  install.header.install_snapshot = {1, 7, 90, 6, {}, 80, {}};
  install.snapshot = std::make_shared<log_snapshot>(
    log_snapshot{90, 6, 80, encode_voters(three), "where to get it"});
  auto now = message(RAFT_TIMEOUT_NOW);
  now.header.timeout_now = {1, 7, 99, 6};
  return {vote, pre_vote, voted, pre_voted, append, appended, install, now};
}

/// Re-encoding shows every field: the tests above check what it consists of.
bool same(const peer_message& a, const peer_message& b) {
  return encode(a) == encode(b) && a.header.server_id == b.header.server_id;
}

} // namespace

TEST_CASE("a message is read as it was written") {
  for (auto& sent : one_of_each()) {
    INFO("type " << sent.header.type);
    auto back = decode_message(encode(sent)).value();
    CHECK(same(back, sent));
    CHECK(back.from == 2);
    CHECK(back.to == 3);
    CHECK(back.session == sent.session);
    CHECK(back.sequence == 300);
  }
}

TEST_CASE("the fields of votes survive as bytes") {
  auto all = one_of_each();
  for (auto& sent : {all[0], all[1]}) {
    auto back = decode_message(encode(sent)).value().header.request_vote;
    auto& was = sent.header.request_vote;
    CHECK(back.version == 2);
    CHECK(back.term == 7);
    CHECK(back.candidate_id == 2);
    CHECK(back.last_log_index == was.last_log_index);
    CHECK(back.last_log_term == 6);
    CHECK(back.disrupt_leader == was.disrupt_leader);
    CHECK(back.pre_vote == was.pre_vote);
  }
  for (auto& sent : {all[2], all[3]}) {
    auto back = decode_message(encode(sent)).value().header.request_vote_result;
    auto& was = sent.header.request_vote_result;
    CHECK(back.version == 2);
    CHECK(back.term == 7);
    CHECK(back.vote_granted == was.vote_granted);
    CHECK(back.pre_vote == was.pre_vote);
    CHECK(back.features == 1);
    CHECK(back.capacity == 65'535);
  }
  auto now = decode_message(encode(all[7])).value().header.timeout_now;
  CHECK(now.version == 1);
  CHECK(now.term == 7);
  CHECK(now.last_log_index == 99);
  CHECK(now.last_log_term == 6);
}

TEST_CASE("entries, their answer and a snapshot survive as bytes") {
  auto all = one_of_each();
  auto append = decode_message(encode(all[4])).value();
  auto& header = append.header.append_entries;
  CHECK(header.version == 1);
  CHECK(header.term == 7);
  CHECK(header.prev_log_index == large);
  CHECK(header.prev_log_term == 6);
  CHECK(header.leader_commit == 90);
  CHECK(header.n_entries == 3);
  CHECK(header.entries == nullptr);
  REQUIRE(append.entries.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(append.entries[i].term == all[4].entries[i].term);
    CHECK(append.entries[i].kind == all[4].entries[i].kind);
    CHECK(*append.entries[i].payload == *all[4].entries[i].payload);
  }
  auto answer =
    decode_message(encode(all[5])).value().header.append_entries_result;
  CHECK(answer.version == 1);
  CHECK(answer.term == 7);
  CHECK(answer.rejected == 98);
  CHECK(answer.last_log_index == 97);
  CHECK(answer.features == 1);
  CHECK(answer.capacity == 12);
  auto install = decode_message(encode(all[6])).value();
  REQUIRE(install.snapshot);
  CHECK(install.header.install_snapshot.version == 1);
  CHECK(install.header.install_snapshot.term == 7);
  CHECK(install.header.install_snapshot.last_index == 90);
  CHECK(install.header.install_snapshot.last_term == 6);
  CHECK(install.header.install_snapshot.conf_index == 80);
  CHECK(install.snapshot->index == 90);
  CHECK(install.snapshot->term == 6);
  CHECK(install.snapshot->configuration_index == 80);
  CHECK(install.snapshot->configuration == encode_voters(three));
  CHECK(install.snapshot->state == "where to get it");
}

TEST_CASE("a message that is cut short anywhere is refused") {
  for (auto& sent : one_of_each()) {
    auto bytes = encode(sent);
    for (std::size_t n = 0; n < bytes.size(); ++n)
      CHECK(decode_message(std::string_view{bytes}.substr(0, n)).error()
            == errc::corrupt);
    CHECK(decode_message(bytes + "x").error() == errc::corrupt);
  }
}

TEST_CASE("another version of a message is told apart") {
  auto bytes = encode(one_of_each()[0]);
  bytes[0] = 9;
  CHECK(decode_message(bytes).error() == errc::unknown_format);
}

TEST_CASE("a message of no known type, from or to nobody, is refused") {
  auto good = one_of_each()[0];
  auto bytes = encode(good);
  bytes[1] = 7;
  CHECK(decode_message(bytes).error() == errc::corrupt);
  auto nobody = good;
  nobody.from = 0;
  CHECK(decode_message(encode(nobody)).error() == errc::corrupt);
  nobody = good;
  nobody.to = 0;
  CHECK(decode_message(encode(nobody)).error() == errc::corrupt);
}

TEST_CASE("a message has no more entries than may be in flight") {
  auto sent = message(RAFT_APPEND_ENTRIES);
  sent.entries.assign(limits::in_flight_entries_max,
                      entry(1, entry_kind::command, ""));
  CHECK(decode_message(encode(sent)).has_value());
  sent.entries.push_back(entry(1, entry_kind::command, ""));
  CHECK(decode_message(encode(sent)).error() == errc::corrupt);
  sent.entries = {entry(1, entry_kind(0), "")};
  CHECK(decode_message(encode(sent)).error() == errc::corrupt);
}

TEST_CASE("a configuration that would be read beyond its end is refused") {
  auto good = encode_voters(three);
  CHECK(engine::is_configuration(good));
  for (std::size_t n = 0; n < good.size(); ++n) {
    auto cut = good.substr(0, n);
    auto padding = good.find_last_not_of('\0') + 1;
    CHECK(engine::is_configuration(cut) == (n >= padding));
    auto sent = message(RAFT_APPEND_ENTRIES);
    sent.entries = {entry(1, entry_kind::configuration, cut)};
    CHECK(decode_message(encode(sent)).has_value() == (n >= padding));
  }
  auto twice = encode_voters(std::array<raft_id, 1>{1});
  auto server = twice.substr(9, twice.find_last_not_of('\0') - 8);
  twice = twice.substr(0, 9) + server + server;
  twice[1] = 2;
  CHECK(!engine::is_configuration(twice)); // the same member again
  auto many = good;
  many[8] = '\x7f'; // the highest byte of the count
  CHECK(!engine::is_configuration(many));
}

TEST_CASE("random and damaged bytes are read without harm") {
  std::mt19937_64 random{11};
  auto all = one_of_each();
  unsigned taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    if (round % 2 == 0) {
      bytes.resize(random() % 64);
      for (auto& b : bytes)
        b = char(random());
      if (!bytes.empty())
        bytes[0] = 1;
    } else {
      bytes = encode(all[random() % all.size()]);
      for (auto flips = 1 + random() % 3; flips > 0; --flips)
        bytes[random() % bytes.size()] ^= char(1 << random() % 8);
    }
    // What is taken for a message can be handled as one.
    if (auto back = decode_message(bytes)) {
      ++taken;
      CHECK(decode_message(encode(*back)).has_value());
      if (back->snapshot) {
        auto decoded = engine::decode(back->snapshot->configuration);
        raft_configuration_close(&decoded);
      }
    }
  }
  CHECK(taken > 1'000);
}
