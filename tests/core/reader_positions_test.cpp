// Positions of a consumer group, call by call.
#include "actors/core/reader_positions.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

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

TEST_CASE("what another reader took over is neither committed nor given back") {
  reader_positions at{"g"};
  for (auto* stream : {"x", "y"}) {
    at.load(stream, {0});
    at.begin(stream, a);
    at.hand_out(stream, a, {3});
  }
  at.begin("x", b);
  at.hand_out("x", b, {2});
  at.forget(a);
  CHECK(at.begin("y", a) == event_number{0});
  CHECK(at.commit(a).empty());
  CHECK(at.commit(b) == std::vector<change>{put_position{"g", "x", {2}}});
}

TEST_CASE("a reader's calls cost what concerns it, not what its group knows") {
  reader_positions at{"g"};
  for (int i = 0; i < 100'000; ++i)
    at.load("t" + std::to_string(i), {0});
  auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    at.begin("t7", a);
    at.hand_out("t7", a, {i});
    REQUIRE(at.commit(a).size() == 1);
    at.forget(a);
  }
  // Milliseconds; to visit all streams took a minute.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{10});
}
