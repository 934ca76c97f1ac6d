// Expected versions and repeats, row by row of the dialect's table (spec 6.1).
#include "actors/core/stream_heads.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace callboard;

namespace {

uuid id(std::uint8_t n) {
  uuid out;
  out.bytes[15] = n;
  return out;
}

/// A partition's decider with the rows and events it has recorded so far.
struct partition {
  stream_heads heads{{0}};
  std::map<std::string, stream_row> rows;
  std::map<std::uint64_t, std::vector<event_ptr>> events; // by stream id

  void load(const std::string& name) {
    if (heads.knows(name))
      return;
    auto found = rows.find(name);
    heads.load(name, found == rows.end() ? std::nullopt
                                         : std::optional{found->second});
  }

  void keep(const record& what) {
    for (auto& [stream, e] : what.events)
      events[stream.value].push_back(e);
    for (auto& one : what.changes)
      if (auto* stream = std::get_if<put_stream>(&one))
        rows[stream->name] = stream->row;
  }

  append_reply append(const std::string& stream, std::int64_t expected,
                      std::vector<std::uint8_t> ids,
                      std::optional<stream_policy> policy = {}) {
    append_request what{stream, expected, {}, std::move(policy)};
    for (auto n : ids)
      what.events.push_back({id(n), "type", "data", "", false});
    for (auto& name : heads.needs(what))
      load(name);
    auto decided = heads.append(what, {1});
    compared = decided.compare_stored;
    if (decided.compare_stored)
      decided =
        heads.append_checked(what, events[heads.find(stream)->id.value], {1});
    keep(decided.what);
    written = decided.what.events.size();
    return decided.reply;
  }

  append_reply remove(const std::string& stream, std::int64_t expected = -2,
                      bool hard = false) {
    load(stream);
    load("$$" + stream);
    auto decided = heads.remove({stream, expected, hard}, {1});
    keep(decided.what);
    return decided.reply;
  }

  /// As after a restart with none of the ids in memory.
  void forget() { heads = stream_heads{{100}}; }

  std::size_t written = 0;
  bool compared = false;
};

} // namespace

TEST_CASE("any version: events get the next numbers") {
  partition p;
  CHECK(p.append("s", -2, {1, 2}).first == event_number{0});
  CHECK(p.append("s", -2, {3}).first == event_number{2});
  CHECK(p.rows["s"].next == event_number{3});
}

TEST_CASE("no stream: the first append, and only that") {
  partition p;
  CHECK(p.append("s", -1, {1}).error == errc::none);
  auto again = p.append("s", -1, {2});
  CHECK(again.error == errc::wrong_version);
  CHECK(again.current == 0);
  CHECK(p.rows["s"].next == event_number{1});
}

TEST_CASE("an exact version: the last number, no other") {
  partition p;
  p.append("s", -2, {1, 2, 3});
  CHECK(p.append("s", 2, {4}).first == event_number{3});
  auto ahead = p.append("s", 9, {5});
  CHECK(ahead.error == errc::wrong_version);
  CHECK(ahead.current == 3);
  CHECK(p.append("absent", 1, {6}).current == -1);
  CHECK(p.append("absent", 1, {6}).error == errc::wrong_version);
}

TEST_CASE("an exact version does not look at ids") {
  partition p;
  p.append("s", -2, {1});
  CHECK(p.append("s", 0, {1}).first == event_number{1});
  CHECK(p.written == 1);
}

TEST_CASE("a repeated batch is answered as when it was first sent") {
  partition p;
  p.append("s", -2, {9});
  p.append("s", -2, {1, 2});
  auto again = p.append("s", -2, {1, 2});
  CHECK(again.error == errc::none);
  CHECK(again.repeated);
  CHECK(again.first == event_number{1});
  CHECK(p.written == 0);
}

TEST_CASE("a batch of which the first was published and a later one was not is "
          "refused") {
  partition p;
  p.append("s", -2, {1, 2});
  CHECK(p.append("s", -2, {1, 3}).error == errc::wrong_version);
}

TEST_CASE("a batch of which only a later one was published is written") {
  partition p;
  p.append("s", -2, {1});
  CHECK(p.append("s", -2, {7, 1}).first == event_number{1});
  CHECK(p.written == 2);
}

TEST_CASE("the same id in another stream is another event") {
  partition p;
  p.append("s", -2, {1});
  CHECK(!p.append("t", -2, {1}).repeated);
  CHECK(p.written == 1);
}

TEST_CASE("below the current version: the events that follow decide") {
  partition p;
  p.append("s", -2, {1, 2, 3});
  auto repeat = p.append("s", 0, {2, 3});
  CHECK(repeat.repeated);
  CHECK(repeat.first == event_number{1});
  CHECK(p.append("s", 0, {2}).repeated);
  CHECK(p.append("s", -1, {1, 2}).repeated);
  CHECK(p.append("s", 0, {3}).error == errc::wrong_version);
  CHECK(p.append("s", 0, {2, 9}).error == errc::wrong_version);
  CHECK(p.append("s", 1, {3, 4}).error == errc::wrong_version);
  CHECK(p.rows["s"].next == event_number{3});
}

TEST_CASE("repeats that memory forgot are compared with what is stored") {
  partition p;
  p.append("s", -2, {1, 2, 3});
  p.forget();
  CHECK(p.append("s", 0, {2, 3}).repeated);
  CHECK(p.compared);
  CHECK(p.append("s", 0, {2, 4}).error == errc::wrong_version);
}

TEST_CASE("the stream must exist: it has events, or metadata") {
  partition p;
  CHECK(p.append("s", -4, {1}).error == errc::wrong_version);
  CHECK(p.append("s", -4, {1}).current == -1);
  p.append("s", -2, {1});
  CHECK(p.append("s", -4, {2}).first == event_number{1});
  p.append("$$t", -2, {3}, stream_policy{});
  CHECK(p.append("t", -4, {4}).first == event_number{0});
}

TEST_CASE("a soft-deleted stream is revived, and its numbers go on") {
  for (std::int64_t expected : {-2, -1, 1}) {
    partition p;
    p.append("s", -2, {1, 2});
    CHECK(p.remove("s").error == errc::none);
    CHECK(p.rows["s"].state == stream_state::soft_deleted);
    CHECK(p.rows["s"].first_live == event_number{2});
    CHECK(p.append("s", -4, {9}).error == errc::stream_deleted);
    CHECK(p.append("s", expected, {3}).first == event_number{2});
    CHECK(p.rows["s"].state == stream_state::live);
    CHECK(p.rows["s"].first_live == event_number{2});
  }
}

TEST_CASE("a tombstoned stream is gone for ever") {
  partition p;
  p.append("s", -2, {1});
  CHECK(p.remove("s", -2, true).error == errc::none);
  for (std::int64_t expected : {-4, -2, -1, 0, 5})
    CHECK(p.append("s", expected, {2}).error == errc::stream_deleted);
  CHECK(p.remove("s").error == errc::stream_deleted);
  CHECK(p.remove("never written", -2, true).error == errc::none);
  CHECK(p.append("never written", -1, {3}).error == errc::stream_deleted);
}

TEST_CASE("a delete has an expected version too") {
  partition p;
  CHECK(p.remove("s").error == errc::wrong_version); // nothing to delete
  p.append("s", -2, {1, 2});
  auto wrong = p.remove("s", 0);
  CHECK(wrong.error == errc::wrong_version);
  CHECK(wrong.current == 1);
  CHECK(p.remove("s", 1).error == errc::none);
  CHECK(p.remove("s").error == errc::none); // again: as it was asked for
}

TEST_CASE("$maxCount and $tb move the cut, never back") {
  partition p;
  p.append("s", -2, {1, 2, 3, 4});
  p.append("$$s", -2, {5}, stream_policy{.max_count = 2, .acl = {}});
  CHECK(p.rows["s"].first_live == event_number{2});
  p.append("s", -2, {6});
  CHECK(p.rows["s"].first_live == event_number{3});
  p.append("$$s", -2, {7}, stream_policy{.truncate_before = 1, .acl = {}});
  CHECK(p.rows["s"].first_live == event_number{3});
  p.append("$$s", -2, {8}, stream_policy{.truncate_before = 99, .acl = {}});
  CHECK(p.rows["s"].first_live == event_number{5});
}

TEST_CASE("metadata may come before the stream, and may delete it") {
  partition p;
  p.append("$$s", -2, {1},
           stream_policy{.truncate_before = truncate_all, .acl = {}});
  CHECK(p.rows["s"].next == event_number{0});
  CHECK(p.append("s", -4, {2}).error == errc::stream_deleted);
}

TEST_CASE("a $tb beyond the end hides what comes until then") {
  partition p;
  p.append("s", -2, {1, 2});
  p.append("$$s", -2, {3}, stream_policy{.truncate_before = 3, .acl = {}});
  CHECK(p.rows["s"].first_live == event_number{2});
  p.forget();
  p.append("s", -2, {4, 5});
  CHECK(p.rows["s"].first_live == event_number{3});
  CHECK(p.rows["s"].next == event_number{4});
}

TEST_CASE("metadata do not revive a deleted stream, only an event does") {
  for (bool by_metadata : {false, true}) {
    partition p;
    p.append("s", -2, {1, 2, 3});
    if (by_metadata)
      p.append("$$s", -2, {4},
               stream_policy{.truncate_before = truncate_all, .acl = {}});
    else
      p.remove("s");
    p.append("$$s", -2, {5}, stream_policy{.max_count = 9, .acl = {}});
    CHECK(p.rows["s"].state == stream_state::soft_deleted);
    p.forget();
    CHECK(p.append("s", -1, {6}).first == event_number{3});
    CHECK(p.rows["s"].state == stream_state::live);
    CHECK(p.rows["s"].first_live == event_number{3});
    p.append("$$s", -2, {7},
             stream_policy{.truncate_before = truncate_all, .acl = {}});
    CHECK(p.rows["s"].state == stream_state::soft_deleted);
  }
}

TEST_CASE("a stream that is gone for ever takes its metadata along") {
  for (bool described : {false, true}) {
    partition p;
    p.append("s", -2, {1});
    if (described)
      p.append("$$s", -2, {2}, stream_policy{.max_count = 9, .acl = {}});
    p.remove("s", -2, true);
    p.forget();
    CHECK(p.rows["$$s"].state == stream_state::tombstoned);
    CHECK(p.rows["$$s"].first_live == p.rows["$$s"].next);
    CHECK(p.append("$$s", -2, {3}, stream_policy{}).error
          == errc::stream_deleted);
    CHECK(p.rows["s"].state == stream_state::tombstoned);
  }
}

TEST_CASE("a repeat of one id many times is told by what is stored") {
  partition p;
  std::vector<std::uint8_t> same(50, 7);
  REQUIRE(p.append("s", -1, same).error == errc::none);
  auto again = p.append("s", -1, same);
  CHECK(p.compared);
  CHECK(again.repeated);
  CHECK(again.first == event_number{0});
  CHECK(p.append("s", 9, std::vector<std::uint8_t>(40, 7)).repeated);
  CHECK(p.append("s", 9, std::vector<std::uint8_t>(41, 7)).error
        == errc::wrong_version);
  same[30] = 8;
  CHECK(p.append("s", -1, same).error == errc::wrong_version);
  CHECK(p.rows["s"].next == event_number{50});
}

TEST_CASE("links are appended without a check, and the cut follows") {
  partition p;
  p.load("parked");
  record into;
  p.heads.append_links(
    "parked",
    {{id(1), "$>", "0@s", "", false}, {id(1), "$>", "0@s", "", false}}, {},
    into, {1});
  p.heads.append_links("parked", {}, event_number{1}, into, {1});
  p.keep(into);
  CHECK(p.rows["parked"].next == event_number{2});
  CHECK(p.rows["parked"].first_live == event_number{1});
}

TEST_CASE("what a group writes brings back a stream that was gone for ever") {
  partition p;
  p.append("parked", -2, {1, 2});
  p.append("$$parked", -2, {3}, stream_policy{.max_count = 1, .acl = {}});
  p.remove("parked", -2, true);
  record into;
  p.heads.append_links("parked", {{id(4), "$>", "0@s", "", false}}, {}, into,
                       {1});
  p.heads.append_links("parked", {{id(5), "$>", "1@s", "", false}}, {}, into,
                       {1});
  p.keep(into);
  auto& row = p.rows["parked"];
  CHECK(row.state == stream_state::live);
  CHECK(row.first_live == event_number{2});
  CHECK(row.next == event_number{4}); // and $maxCount went with the metadata
  CHECK(p.append("$$parked", -2, {6}).first == event_number{1});
  CHECK(p.rows["$$parked"].first_live == event_number{1});
  p.remove("kept", -2, true);
  p.heads.append_copies("kept", {2}, {{id(7), "$kept", "", "", false}}, into,
                        {1});
  CHECK(p.heads.find("kept")->state == stream_state::live);
  CHECK(p.heads.find("kept")->first_live == event_number{2});
}

TEST_CASE(
  "copies have the numbers that they are given, without those between") {
  stream_heads heads{{0}};
  heads.load("kept", std::nullopt);
  auto copies = [](std::uint8_t first, std::size_t count) {
    std::vector<new_event> out(count);
    for (std::size_t i = 0; i < count; ++i)
      out[i].id.bytes[0] = std::uint8_t(first + i);
    return out;
  };
  record first;
  heads.append_copies("kept", {5}, copies(5, 2), first, {1});
  REQUIRE(first.events.size() == 2);
  CHECK(first.events[0].what->number == event_number{5});
  CHECK(heads.find("kept")->first_live == event_number{5});
  record again;
  heads.append_copies("kept", {6}, copies(6, 3), again, {1});
  REQUIRE(again.events.size() == 2);
  CHECK(again.events[0].what->number == event_number{7});
  CHECK(again.events[0].what->id.bytes[0] == 7);
  record repeated;
  heads.append_copies("kept", {5}, copies(5, 2), repeated, {1});
  CHECK(repeated.empty());
  CHECK(heads.find("kept")->next == event_number{9});
  record behind_a_gap;
  heads.append_copies("kept", {12}, copies(12, 1), behind_a_gap, {1});
  REQUIRE(behind_a_gap.events.size() == 4);
  for (std::uint64_t i = 0; i < 4; ++i) {
    auto& e = *behind_a_gap.events[i].what;
    CHECK(e.number == event_number{9 + i});
    CHECK(e.data.empty());
    CHECK(e.id.is_zero() == (i < 3));
  }
  CHECK(behind_a_gap.events.back().what->id.bytes[0] == 12);
  CHECK(heads.find("kept")->first_live == event_number{12});
  CHECK(!heads.published(uuid{}, "kept")); // clients' ids are not pushed out
}

TEST_CASE("a long gap in front of copies takes a record after the other") {
  stream_heads heads{{0}};
  heads.load("kept", std::nullopt);
  record first;
  heads.append_copies("kept", {0}, {{id(1), "$kept", "a", "", false}}, first,
                      {1});
  std::vector<std::size_t> written;
  while (heads.find("kept")->next < event_number{2'501}) {
    record some;
    heads.append_copies("kept", {2'500}, {{id(2), "$kept", "b", "", false}},
                        some, {1});
    written.push_back(some.events.size());
    REQUIRE(written.size() <= 3);
    CHECK(std::get<put_stream>(some.changes.back()).row == *heads.find("kept"));
  }
  CHECK(written == std::vector<std::size_t>{1'000, 1'000, 500});
  CHECK(heads.find("kept")->first_live == event_number{2'500});
}
