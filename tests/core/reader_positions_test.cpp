// Positions of a consumer group, call by call.
#include "actors/core/reader_positions.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;

namespace {

constexpr reader_id a{1};
constexpr reader_id b{2};

} // namespace

TEST_CASE("79: the next poll of a reader commits what it was handed, once") {
  reader_positions at{"g"};
  CHECK(at.open("t", {5}) == change{put_position{"g", "t", {5}}});
  CHECK(at.begin("t", a) == event_number{5});
  at.hand_out("t", a, {9});
  CHECK(at.committed("t") == event_number{5});
  CHECK(at.commit(a) == std::vector<change>{put_position{"g", "t", {9}}});
  CHECK(at.begin("t", a) == event_number{9});
  CHECK(at.commit(a).empty());
}

TEST_CASE("93: another reader begins at what is committed") {
  reader_positions at{"g"};
  at.load("t", {20});
  at.begin("t", a);
  at.hand_out("t", a, {100});
  CHECK(at.begin("t", b) == event_number{20});
  CHECK(at.commit(a).empty()); // too late: somebody else has it now
  at.hand_out("t", b, {50});
  CHECK(at.commit(b) == std::vector<change>{put_position{"g", "t", {50}}});
}

TEST_CASE("what a reader gives back is handed out again, also to itself") {
  reader_positions at{"g"};
  at.load("t", {0});
  at.begin("t", a);
  at.hand_out("t", a, {3});
  at.forget(a);
  CHECK(at.commit(a).empty());
  CHECK(at.begin("t", a) == event_number{0});
}

TEST_CASE("an assignment of before is turned away") {
  reader_positions at{"g"};
  CHECK(at.admit({4}));
  CHECK(at.admit({4}));
  CHECK(at.admit({7}));
  CHECK_FALSE(at.admit({4}));
}

TEST_CASE("streams are committed each for itself") {
  reader_positions at{"g"};
  at.load("x", {0});
  at.load("y", {0});
  at.begin("x", a);
  at.hand_out("x", a, {1});
  at.begin("y", b);
  at.hand_out("y", b, {2});
  CHECK(at.commit(a) == std::vector<change>{put_position{"g", "x", {1}}});
  CHECK(at.committed("y") == event_number{0});
}
