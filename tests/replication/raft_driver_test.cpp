// What the driver promises beyond the engine, each guard by an example.
#include "actors/replication/raft_driver.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>

using namespace callboard;

namespace {

constexpr std::array<raft_id, 1> alone{1};
constexpr std::array<raft_id, 3> three{1, 2, 3};

stored_log first_log(std::span<const raft_id> voters) {
  return {{1, 0},
          nullptr,
          1,
          {{1, entry_kind::configuration,
            std::make_shared<const std::string>(encode_voters(voters))}}};
}

log_entry command(const char* text) {
  return {0, entry_kind::command, std::make_shared<const std::string>(text)};
}

/// A member whose disk is a vector and is always fast enough.
struct member {
  stored_log disk;
  raft_driver driver;
  std::vector<std::string> applied;
  std::vector<peer_message> sent;

  member(raft_id id, stored_log log)
      : disk(std::move(log)),
        driver({.self = id, .seed = unsigned(id), .session = 1},
               [this](entry_index i) -> std::optional<log_entry> {
                 return disk.entries.at(i - disk.first);
               }) {
    disk.state = state_for_start(id, disk);
    perform(driver.start(0, disk));
  }

  void perform(raft_effects effects) {
    for (auto& message : effects.send)
      sent.push_back(message);
    for (auto& [index, entry] : effects.apply)
      if (entry.kind == entry_kind::command)
        applied.push_back(*entry.payload);
    for (auto& job : effects.store) {
      if (job.state)
        disk.state = *job.state;
      if (job.first != 0)
        disk.entries.resize(job.first - disk.first);
      for (auto& e : job.entries)
        disk.entries.push_back(e);
      perform(driver.stored(0));
    }
  }
};

/// The first message of an election among three.
peer_message first_question() {
  member candidate{1, first_log(three)};
  candidate.perform(candidate.driver.timeout(5000));
  return candidate.sent.at(0);
}

} // namespace

TEST_CASE("a sole voter leads at once, in a term that it never led before") {
  member m{1, first_log(alone)};
  CHECK(m.driver.is_leader());
  auto led = m.driver.term();
  CHECK(led == 2);
  member again{1, m.disk};
  CHECK(again.driver.is_leader());
  CHECK(again.driver.term() > led);
}

TEST_CASE("a command is applied once it is stored, and again after a restart") {
  member m{1, first_log(alone)};
  auto effects = m.driver.submit(0, {command("a"), command("b")}).value();
  CHECK(effects.apply.empty());
  REQUIRE(effects.store.size() == 1);
  m.perform(std::move(effects));
  CHECK(m.applied == std::vector<std::string>{"a", "b"});
  member again{1, m.disk};
  CHECK(again.applied == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a follower refuses commands") {
  member m{1, first_log(three)};
  CHECK(m.driver.submit(0, {command("a")}).error() == errc::unavailable);
}

TEST_CASE("a leader that cannot commit stops taking commands") {
  member m{1, first_log(alone)};
  auto fill =
    std::vector<log_entry>(limits::uncommitted_entries_max, command("x"));
  REQUIRE(m.driver.submit(0, fill).has_value()); // never reported as stored
  CHECK(m.driver.submit(0, {command("y")}).error() == errc::too_many_in_flight);
}

TEST_CASE("a vote is sent only when it is durable") {
  member candidate{2, first_log(three)};
  candidate.perform(candidate.driver.timeout(5000)); // pre-vote
  REQUIRE(candidate.sent.size() == 2);
  auto request = candidate.sent.front();
  request.header.request_vote.term = 2; // as if the pre-vote had succeeded
  request.header.request_vote.pre_vote = false;
  auto log = first_log(three);
  raft_driver voter{{.self = request.to, .session = 1},
                    [&](entry_index i) { return log.entries.at(i - 1); }};
  voter.start(0, log);
  auto effects = voter.receive(5000, request);
  REQUIRE(effects.store.size() == 1);
  CHECK(effects.store[0].state->vote == 2);
  CHECK(effects.send.empty());
  CHECK(voter.stored(5001).send.size() == 1);
}

TEST_CASE("an answer that nobody waits for changes nothing") {
  // The engine would look for a candidate's state where a leader's is.
  member m{1, first_log(alone)};
  auto term = m.driver.term();
  peer_message answer;
  answer.from = 2;
  answer.to = 1;
  answer.session = answer.sequence = 1;
  answer.header.type = RAFT_REQUEST_VOTE_RESULT;
  answer.header.request_vote_result = {2, term + 1, true, true, 0, 0};
  m.perform(m.driver.receive(1, answer));
  CHECK(m.driver.is_leader());
  CHECK(m.driver.term() == term);
}

TEST_CASE("a write that was replaced meanwhile is not reported") {
  auto log = first_log(three);
  raft_driver follower{{.self = 1, .session = 1},
                       [&](entry_index i) { return log.entries.at(i - 1); }};
  follower.start(0, log);
  std::uint64_t sequence = 0;
  auto append = [&](raft_id from, entry_term term, std::size_t count) {
    peer_message out;
    out.from = from;
    out.to = 1;
    out.session = 1;
    out.sequence = ++sequence;
    out.header.type = RAFT_APPEND_ENTRIES;
    out.header.append_entries = {0, term, 1, 1, 1, nullptr, unsigned(count)};
    out.entries.assign(count, command("x"));
    for (auto& e : out.entries)
      e.term = term;
    return follower.receive(1, out).store.size();
  };
  CHECK(append(2, 2, 3) == 1); // entries 2 to 4
  CHECK(append(3, 3, 0) == 1); // the term of the next leader
  CHECK(append(3, 3, 3) == 1); // its entries instead
  CHECK(follower.stored(2).send.empty());
  for (auto& message : follower.stored(2).send)
    CHECK(message.header.append_entries_result.last_log_index <= 1);
  auto sent = follower.stored(3).send;
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].to == 3);
  CHECK(sent[0].header.append_entries_result.last_log_index == 4);
}

TEST_CASE("a new leader changes no members before its term is certain") {
  member m{1, first_log(three)};
  m.perform(m.driver.timeout(5000));
  peer_message vote;
  vote.from = 2;
  vote.to = 1;
  vote.session = 1;
  vote.header.type = RAFT_REQUEST_VOTE_RESULT;
  for (bool pre_vote : {true, false}) {
    ++vote.sequence;
    vote.header.request_vote_result = {2, 2, true, pre_vote, 0, 0};
    m.perform(m.driver.receive(5000, vote));
  }
  REQUIRE(m.driver.is_leader());
  CHECK(m.driver.add(5000, 4).error() == errc::unavailable);
  peer_message stored;
  stored.from = 2;
  stored.to = 1;
  stored.session = 1;
  stored.sequence = 3;
  stored.header.type = RAFT_APPEND_ENTRIES_RESULT;
  stored.header.append_entries_result = {1, 2, 0, 2, 0, 0};
  m.perform(m.driver.receive(5000, stored)); // the first entry of this term
  CHECK(m.driver.add(5000, 4).has_value());
}

TEST_CASE("who leads in an earlier term is told of the newer one, no more") {
  auto log = first_log(three);
  log.state.term = 9;
  member m{1, log};
  peer_message old;
  old.from = 2;
  old.to = 1;
  old.session = 1;
  for (auto type : {RAFT_APPEND_ENTRIES, RAFT_INSTALL_SNAPSHOT}) {
    ++old.sequence;
    old.header = {};
    old.header.type = type;
    if (type == RAFT_APPEND_ENTRIES)
      old.header.append_entries = {0, 8, 70, 8, 60, nullptr, 0};
    else
      old.header.install_snapshot = {0, 8, 70, 8, {}, 1, {}};
    old.snapshot = std::make_shared<log_snapshot>(
      log_snapshot{70, 8, 1, encode_voters(three), ""});
    m.sent.clear();
    m.perform(m.driver.receive(1, old));
    REQUIRE(m.sent.size() == 1);
    auto& answer = m.sent[0].header.append_entries_result;
    CHECK(answer.term == 9);
    CHECK(answer.rejected == 0);
    CHECK(answer.last_log_index == 0);
  }
}

TEST_CASE("a member whose disk is stuck keeps only so much to be done") {
  auto log = first_log(three);
  raft_driver voter{{.self = 1, .session = 1},
                    [&](entry_index i) { return log.entries.at(i - 1); }};
  voter.start(0, log);
  peer_message request;
  request.from = 2;
  request.to = 1;
  request.session = 1;
  request.header.type = RAFT_REQUEST_VOTE;
  request.header.request_vote = {2, 1, 2, 1, 1, true, false};
  std::size_t steps = 0;
  for (int i = 0; i < 3'000; ++i) {
    ++request.sequence;
    ++request.header.request_vote.term; // a vote each time
    auto effects = voter.receive(1, request);
    CHECK(effects.send.empty());
    steps += effects.store.size();
  }
  CHECK(steps == limits::storage_steps_max);
}

TEST_CASE("a member whose disk is stuck holds only so many messages back") {
  auto log = first_log(three);
  raft_driver follower{{.self = 1, .session = 1},
                       [&](entry_index i) { return log.entries.at(i - 1); }};
  follower.start(0, log);
  peer_message heartbeat;
  heartbeat.from = 2;
  heartbeat.to = 1;
  heartbeat.session = 1;
  heartbeat.header.type = RAFT_APPEND_ENTRIES;
  heartbeat.header.append_entries = {0, 2, 1, 1, 1, nullptr, 0};
  for (int i = 0; i < 3'000; ++i) {
    ++heartbeat.sequence;
    auto effects = follower.receive(1, heartbeat);
    CHECK(effects.store.size() == (i == 0 ? 1 : 0)); // the term
    CHECK(effects.send.empty());
  }
  CHECK(follower.stored(2).send.size() == limits::deferred_messages_max);
}

TEST_CASE("a member that has forgotten its vote gives none") {
  auto log = first_log(three);
  raft_driver voter{{.self = 1, .session = 1},
                    [&](entry_index i) { return log.entries.at(i - 1); }};
  voter.set_recovering(true);
  voter.start(0, log);
  peer_message request;
  request.from = 2;
  request.to = 1;
  request.session = request.sequence = 1;
  request.header.type = RAFT_REQUEST_VOTE;
  request.header.request_vote = {2, 5, 2, 9, 4, true, false};
  auto effects = voter.receive(5000, request);
  CHECK(effects.store.empty());
  CHECK(effects.send.empty());
  CHECK(voter.timeout(9000).send.empty()); // nor does it ask for any
  voter.set_recovering(false);
  ++request.sequence;
  CHECK(voter.receive(5000, request).store.at(0).state->vote == 2);
}

TEST_CASE("a message that is repeated or overtaken is dropped") {
  auto message = first_question();
  auto log = first_log(three);
  raft_driver b{{.self = message.to, .session = 1},
                [&](entry_index i) { return log.entries.at(i - 1); }};
  b.start(0, log);
  CHECK(b.receive(5000, message).send.size() == 1);
  CHECK(b.receive(5000, message).send.empty());
  message.session = 2; // its sender started again
  message.sequence = 1;
  CHECK(b.receive(5000, message).send.size() == 1);
  message.session = 1; // this is from before
  message.sequence = 9;
  CHECK(b.receive(5000, message).send.empty());
}

TEST_CASE("on a new connection a lower session is not of an earlier start") {
  auto message = first_question();
  auto log = first_log(three);
  raft_driver b{{.self = message.to, .session = 1},
                [&](entry_index i) { return log.entries.at(i - 1); }};
  b.start(0, log);
  message.session = 9; // its clock was ahead, then its disk was lost
  CHECK(b.receive(5000, message).send.size() == 1);
  message.session = 2;
  CHECK(b.receive(5000, message).send.empty());
  b.forget_session(message.from);
  CHECK(b.receive(5000, message).send.size() == 1);
  CHECK(b.receive(5000, message).send.empty()); // repeated
}

TEST_CASE("entries that a snapshot covers are not taken for new ones") {
  auto whole = first_log(three);
  for (auto* text : {"one", "two", "three"}) {
    whole.entries.push_back(command(text));
    whole.entries.back().term = 1;
  }
  stored_log log;
  log.state.term = 1;
  log.snapshot = std::make_shared<const log_snapshot>(
    log_snapshot{2, 1, 1, encode_voters(three), {}});
  log.first = 3;
  member follower{1, log};
  peer_message from_the_beginning;
  from_the_beginning.from = 2;
  from_the_beginning.to = 1;
  from_the_beginning.session = from_the_beginning.sequence = 1;
  from_the_beginning.header.type = RAFT_APPEND_ENTRIES;
  from_the_beginning.header.append_entries = {0, 2, 0, 0, 4, nullptr, 0};
  from_the_beginning.entries = whole.entries;
  follower.perform(follower.driver.receive(1, from_the_beginning));
  CHECK(follower.driver.last_index() == 4);
  CHECK(follower.applied == std::vector<std::string>{"two", "three"});
}
