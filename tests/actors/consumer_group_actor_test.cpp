// A consumer group's actor while a reader is asked, and when reading fails.
#include "actors/consumer_group_actor.hpp"
#include "tests/support/consumers.hpp"

#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace callboard::test::consumer_group_actor_test {

namespace {

using held_reads = std::shared_ptr<std::vector<caf::response_promise>>;

/// Holds what it is asked for until it is woken; then all of it was erased.
caf::behavior slow_reader(caf::event_based_actor* self,
                          const held_reads& held) {
  return {[self, held](read_atom, const range_request&) {
            held->push_back(self->make_response_promise());
            return held->back();
          },
          [held](wake_atom) {
            for (auto& one : *held)
              one.deliver(resolved_events{});
            held->clear();
          }};
}

/// The group reads two topics in one partition; a reader has to be asked for
/// the cold one.
class two_topics {
public:
  two_topics() {
    produce(w, "cold", 0, {"1", "2", "3", "4", "5"}).value();
    w.flush_store();
    w.crash();
    produce(w, "hot", 0, {"6"}).value();
    reader_ = w.vt->sys.spawn(slow_reader, held_);
    group = w.vt->sys.spawn(
      consumer_group_behavior, std::string{"g"}, partition_id{0}, w.node,
      w.broker.routes->partitions[0], caf::actor_cast<reader_actor>(reader_));
    w.vt
      ->ask<bool>(group, open_atom_v,
                  open_readers{"g",
                               {stream("cold"), stream("hot")},
                               start_policy::earliest})
      .value();
  }

  ~two_topics() {
    stop(*w.vt, group);
    stop(*w.vt, reader_);
    held_->clear(); // promises keep their actor
  }

  two_topics(const two_topics&) = delete;
  two_topics& operator=(const two_topics&) = delete;

  std::string stream(const std::string& topic) const {
    return topic_stream(w.node->placement, topic, {0});
  }

  static slice_poll slice(reader_id reader, std::vector<std::string> streams) {
    return {"g", reader, {}, std::move(streams), 1'000, 2, true};
  }

  auto poll(reader_id reader, std::vector<std::string> streams) {
    return w.vt->ask<slice_reply_ptr>(group, poll_atom_v,
                                      slice(reader, std::move(streams)));
  }

  void end_reading() {
    caf::anon_send(reader_, wake_atom_v);
    w.vt->run();
  }

  world w;
  consumer_group_actor group;

private:
  held_reads held_ = std::make_shared<held_reads::element_type>();
  caf::actor reader_;
};

constexpr reader_id a{7};
constexpr reader_id b{8};

} // namespace

TEST_CASE("what is given back while others are read for is not committed") {
  two_topics of;
  CHECK(of.poll(a, {of.stream("hot")}).value()->chunks.size() == 1);
  asked<slice_reply_ptr> slow{*of.w.vt, of.group, poll_atom_v,
                              of.slice(b, {of.stream("cold")})};
  CHECK_FALSE(slow.answer().has_value());
  caf::anon_send(of.group, release_atom_v, group_reader{"g", a});
  asked<slice_reply_ptr> again{*of.w.vt, of.group, poll_atom_v,
                               of.slice(a, {of.stream("hot")})};
  of.end_reading();
  CHECK(slow.answer().has_value());
  REQUIRE(again.answer().has_value());
  CHECK(again.answer()->value()->chunks.size() == 1);
}

TEST_CASE("what one stream gave comes again if another one cannot be read") {
  two_topics of;
  // It reads streams in order, and does not know the second one.
  CHECK(of.poll(a, {of.stream("hot"), of.stream("other")}).error()
        == errc::unavailable);
  CHECK(of.poll(a, {of.stream("hot")}).value()->chunks.size() == 1);
}

TEST_CASE("what lies behind records that were erased is not passed over") {
  two_topics of;
  asked<slice_reply_ptr> slow{*of.w.vt, of.group, poll_atom_v,
                              of.slice(a, {of.stream("cold")})};
  of.end_reading();
  REQUIRE(slow.answer().has_value());
  auto reply = slow.answer()->value();
  CHECK(reply->chunks.empty());
  CHECK(reply->waits_at.front() == event_number{2}); // two were asked for
  CHECK(reply->more);
}

} // namespace callboard::test::consumer_group_actor_test
