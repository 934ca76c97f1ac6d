// How much a poll brings, and what of it is committed.
#include "actors/core/limits.hpp"
#include "tests/support/consumers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string>
#include <vector>

namespace callboard::test::consumers_polls_test {

namespace {

using lines = std::vector<std::string>;

/// 10,000 are what one request may bring.
lines many(std::string record) {
  return lines(limits::append_events_max, std::move(record));
}

bool follow_each_other(const std::vector<received>& records) {
  for (std::size_t i = 0; i < records.size(); ++i)
    if (records[i].number != i)
      return false;
  return true;
}

/// What is asked of one partition, two records at a time.
slice_poll slice_of(const std::string& stream, reader_id reader,
                    bool continues = false) {
  return {"g", reader, {}, {stream}, 1'000, 2, true, continues};
}

} // namespace

TEST_CASE("one poll brings what fits, though one partition of many has it") {
  world w{0, 12};
  produce(w, "t", 5, many("12345678")).value();
  join(w, "c1").value();
  auto reply = poll(w, "c1").value();
  CHECK(reply->chunks.size() == 1);
  auto got = records_of(*reply);
  CHECK(got.size() == limits::append_events_max);
  CHECK(follow_each_other(got));
  SECTION("a commit is about all of it") {
    CHECK(*commit(w, "c1"));
    join(w, "c1").value(); // another reader
    CHECK(take(w, "c1").empty());
  }
  SECTION("and nothing of it is committed before") {
    join(w, "c1").value();
    CHECK(take(w, "c1").size() == limits::append_events_max);
  }
}

TEST_CASE("small records fill an answer, also when they come from LMDB") {
  world w;
  produce(w, "t", 0, many("1")).value();
  w.flush_store();
  w.crash();
  join(w, "c1").value();
  auto got = take(w, "c1");
  CHECK(got.size() == limits::append_events_max);
  CHECK(follow_each_other(got));
}

TEST_CASE("records larger than a partition's share come together") {
  world w{0, 12};
  produce(w, "t", 3, lines(6, std::string(200'000, 'x'))).value();
  join(w, "c1").value();
  CHECK(take(w, "c1").size() == 6);
}

TEST_CASE("each partition has its share before one fills the answer") {
  world w;
  const std::string record(1'000, 'x'); // 1,016 bytes of an answer
  produce(w, "t", 0, lines(3'000, record)).value();
  produce(w, "t", 1, lines(300, record)).value();
  join(w, "c1").value();
  std::map<std::uint64_t, std::size_t> got;
  for (auto& one : take(w, "c1"))
    ++got[one.partition];
  CHECK(got[1] == 300);
  CHECK(got[0] == limits::poll_bytes_max / 1'016 - 300);
}

TEST_CASE("a poll that asks a partition again commits nothing there, and takes "
          "nothing from others") {
  world w;
  produce(w, "t", 0, {"1", "2", "3", "4", "5", "6"}).value();
  auto partition = w.broker.routes->partitions[0];
  auto stream = topic_stream(w.node->placement, "t", {0});
  open_reading(w, stream);
  auto first_of = [&](const slice_poll& what) {
    auto got = w.vt->ask<slice_reply_ptr>(partition, poll_atom_v, what).value();
    return got->chunks.empty() ? no_event
                               : got->chunks.front().second.front()->number;
  };
  CHECK(first_of(slice_of(stream, {7})) == event_number{0});
  CHECK(first_of(slice_of(stream, {7}, true)) == event_number{2});
  CHECK(first_of(slice_of(stream, {8})) == event_number{0});
  CHECK(first_of(slice_of(stream, {7}, true)) == no_event);
  CHECK(first_of(slice_of(stream, {8}, true)) == event_number{2});
}

TEST_CASE("latest passes over the one record that retention has left") {
  world w;
  produce(w, "t", 0, {"1", "2", "3"}).value();
  auto stream = topic_stream(w.node->placement, "t", {0});
  truncate(w, stream, 2);
  join(w, "c1", {"t"}, start_policy::latest).value();
  CHECK(take(w, "c1").empty());
  produce(w, "t", 0, {"4"}).value();
  CHECK(take(w, "c1").size() == 1);
}

} // namespace callboard::test::consumers_polls_test
