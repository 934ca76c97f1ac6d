// One consumer's actor over a partition that answers when the test says so.
#include "actors/consumer_actor.hpp"
#include "tests/support/consumers.hpp"

#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test::consumer_actor_test {

using namespace std::chrono_literals;

namespace {

struct script {
  std::deque<std::string> records; // a poll takes one, if there is one
  std::vector<caf::response_promise> commits, waits;
  std::size_t polls = 0;
  member_epoch epoch; // of the last one
  std::size_t commits_asked = 0;
  std::size_t released = 0;
  bool fails = false; // polls, and what they commit
};

using script_ptr = std::shared_ptr<script>;

/// Polls are answered at once; commits when it is told to; waits never.
caf::behavior scripted_partition(caf::event_based_actor* self,
                                 const script_ptr& s) {
  auto hold = [self](std::vector<caf::response_promise>& in) {
    in.push_back(self->make_response_promise());
    return in.back();
  };
  return {
    [s](poll_atom, const slice_poll& what) -> caf::result<slice_reply_ptr> {
      ++s->polls;
      s->epoch = what.epoch;
      if (s->fails)
        return caf::make_error(errc::unavailable);
      auto reply = std::make_shared<slice_reply>();
      reply->waits_at.resize(what.streams.size());
      if (!s->records.empty()) {
        auto record = std::make_shared<event>();
        record->data = s->records.front();
        s->records.pop_front();
        reply->chunks.emplace_back(0, std::vector<event_ptr>{record});
      }
      return reply;
    },
    [s, hold](commit_atom, const group_reader&) {
      ++s->commits_asked;
      return hold(s->commits);
    },
    [s, hold](await_atom, const std::string&, event_number, std::uint64_t,
              std::uint64_t) { return hold(s->waits); },
    [](cancel_atom, const group_key&, std::uint64_t) {},
    [s](release_atom, const group_reader&) { ++s->released; },
    [s](wake_atom) {
      for (auto& one : std::exchange(s->commits, {}))
        one.deliver(true);
    },
    [s](failed_atom, const caf::error& why) {
      for (auto& one : std::exchange(s->commits, {}))
        one.deliver(why);
    },
  };
}

class one_consumer {
public:
  one_consumer() {
    partition_ = w.vt->sys.spawn(scripted_partition, s);
    second_partition_ = w.vt->sys.spawn(scripted_partition, second);
    consumer = w.vt->sys.spawn(
      consumer_behavior, std::string{"g"}, w.node,
      std::vector{caf::actor_cast<partition_actor>(partition_),
                  caf::actor_cast<partition_actor>(second_partition_)});
    caf::anon_send(consumer, assigned_atom_v,
                   member_slices{{}, {{"t", {0}}, {"t", {1}}}});
    w.vt->run();
  }

  ~one_consumer() {
    stop(*w.vt, consumer);
    stop(*w.vt, partition_);
    stop(*w.vt, second_partition_);
    *s = {}; // promises keep their actor
    *second = {};
  }

  one_consumer(const one_consumer&) = delete;
  one_consumer& operator=(const one_consumer&) = delete;

  result<poll_reply_ptr> try_poll(reader_id reader) {
    return w.vt->ask<poll_reply_ptr>(consumer, poll_atom_v,
                                     poll_request{{{}, reader}, {}, 1});
  }

  std::size_t poll(reader_id reader) {
    return try_poll(reader).value()->chunks.size();
  }

  void end_commits() {
    caf::anon_send(partition_, wake_atom_v);
    w.vt->run();
  }

  void fail_commits() {
    caf::anon_send(partition_, failed_atom_v,
                   caf::make_error(errc::unavailable));
    w.vt->run();
  }

  world w;
  script_ptr s = std::make_shared<script>();
  script_ptr second = std::make_shared<script>(); // of another partition
  consumer_actor consumer;

private:
  caf::actor partition_;
  caf::actor second_partition_;
};

constexpr reader_id old_one{7};
constexpr reader_id new_one{9};

} // namespace

TEST_CASE("a commit is answered though its consumer ends") {
  one_consumer c;
  c.s->records = {"1"};
  CHECK(c.poll(old_one) == 1);
  asked<bool> committing{*c.w.vt, c.consumer, commit_atom_v, old_one};
  CHECK_FALSE(committing.answer().has_value());
  caf::anon_send(c.consumer, failed_atom_v, caf::make_error(errc::not_found));
  REQUIRE(committing.answer().has_value());
  CHECK(committing.answer()->error() == errc::not_found);
}

TEST_CASE("what is handed out while a commit runs can be committed") {
  one_consumer c;
  c.s->records = {"1"};
  CHECK(c.poll(old_one) == 1);
  // Beside a poll of another registration, which goes on waiting.
  asked<poll_reply_ptr> waiting{*c.w.vt, c.consumer, poll_atom_v,
                                poll_request{{{}, new_one}, 10s, 2}};
  asked<bool> first{*c.w.vt, c.consumer, commit_atom_v, old_one};
  CHECK(c.s->commits_asked == 1);
  CHECK_FALSE(waiting.answer().has_value());
  c.s->records = {"2"};
  CHECK(c.poll(old_one) == 1);
  c.w.vt->run();
  CHECK(waiting.answer().has_value());
  c.end_commits();
  CHECK(first.answer().has_value());
  asked<bool> second{*c.w.vt, c.consumer, commit_atom_v, old_one};
  CHECK(c.s->commits_asked == 2);
  c.end_commits();
  CHECK(second.answer().has_value());
}

TEST_CASE("a poll whose commit failed in one partition brings nothing from "
          "others") {
  one_consumer c;
  c.s->records = {"1"};
  CHECK(c.poll(old_one) == 1);
  c.s->fails = true;
  c.second->records = {"2"};
  CHECK(c.try_poll(old_one).error() == errc::unavailable);
  c.w.vt->run();
  CHECK(c.second->released == 1); // it comes again
  // Nothing was to be committed where reading fails now.
  c.second->records = {"2"};
  CHECK(c.poll(old_one) == 1);
}

TEST_CASE("a poll that waits is not asked anew when others come or go") {
  one_consumer c;
  asked<poll_reply_ptr> waiting{*c.w.vt, c.consumer, poll_atom_v,
                                poll_request{{{}, old_one}, 10s, 1}};
  auto polls = c.s->polls;
  caf::anon_send(c.consumer, assigned_atom_v,
                 member_slices{{5}, {{"t", {0}}, {"t", {1}}}});
  CHECK_FALSE(waiting.answer().has_value());
  CHECK(c.s->polls == polls);
  CHECK(c.poll(old_one) == 0);
  CHECK(c.s->epoch == member_epoch{5});
  CHECK(waiting.answer().has_value());
}

TEST_CASE("a commit that failed may be tried again") {
  one_consumer c;
  c.s->records = {"1"};
  CHECK(c.poll(old_one) == 1);
  for (std::size_t tries = 1; tries <= 2; ++tries) {
    asked<bool> committing{*c.w.vt, c.consumer, commit_atom_v, old_one};
    CHECK(c.s->commits_asked == tries);
    c.fail_commits();
    CHECK(committing.answer()->error() == errc::unavailable);
  }
}

} // namespace callboard::test::consumer_actor_test
