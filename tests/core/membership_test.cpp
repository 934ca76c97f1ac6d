// Registering, leaving, being silent.
#include "actors/core/limits.hpp"
#include "actors/core/membership.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr wall_time start{1'000'000};

join_request by_id(std::string id, std::vector<std::string> topics = {"t"},
                   std::string group = "g") {
  return {{std::move(id), {}}, std::move(group), std::move(topics), {}};
}

join_request bound(std::string id, std::vector<std::string> topics = {"t"},
                   std::string group = "g") {
  return {{std::move(id), group}, group, std::move(topics), {}};
}

/// The one delayed message that a decision puts.
delayed_message later(const std::vector<change>& changes) {
  for (auto& one : changes)
    if (auto* put = std::get_if<put_delayed>(&one))
      return put->message;
  FAIL("nothing was put off");
  return {};
}

template <class T>
bool holds(const std::vector<change>& changes) {
  return std::any_of(changes.begin(), changes.end(),
                     [](auto& one) { return std::holds_alternative<T>(one); });
}

} // namespace

TEST_CASE("a consumer registers once") {
  membership all{4, 2min};
  auto first = all.join(by_id("c1"), start);
  CHECK(first.outcome == join_outcome::joined);
  CHECK(holds<put_consumer>(first.changes));
  CHECK(later(first.changes).due == start + 120'000);
  auto again = all.join(by_id("c1"), start);
  CHECK(again.outcome == join_outcome::already);
  CHECK(again.changes.empty());
}

TEST_CASE("another group or other topics are refused to the same id") {
  membership all{4, 2min};
  all.join(by_id("c1", {"a", "b"}), start);
  for (auto& other : {by_id("c1", {"b", "a"}), by_id("c1", {"a"}),
                      by_id("c1", {"a", "b"}, "h")})
    CHECK(all.join(other, start).outcome == join_outcome::different);
  CHECK(all.find({"c1", {}})->topics == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a new connection may bring other topics") {
  membership all{4, 2min};
  all.join(bound("c1", {"a"}), start);
  auto again = all.join(bound("c1", {"b"}), start);
  CHECK(again.outcome == join_outcome::joined);
  CHECK_FALSE(holds<put_delayed>(again.changes)); // the old one is enough
  CHECK(all.assigned("g").front().second.front().topic == "b");
}

TEST_CASE("a new connection brings no other topics while an old one lives") {
  membership all{4, 2min};
  all.join(bound("c1", {"a"}), start);
  auto other = bound("c1", {"b"});
  other.shared = true;
  CHECK(all.join(other, start).outcome == join_outcome::different);
  auto same = bound("c1", {"a"});
  same.shared = true;
  CHECK(all.join(same, start).outcome == join_outcome::already);
}

TEST_CASE("66, 67: two connections of one id and group are one member") {
  membership all{4, 2min};
  all.join(bound("c1"), start);
  CHECK(all.join(bound("c1"), start).outcome == join_outcome::already);
  CHECK(all.assigned("g").size() == 1);
}

TEST_CASE("who leaves takes his delayed message along") {
  membership all{4, 2min};
  auto end = later(all.join(by_id("c1"), start).changes);
  all.join(by_id("c2"), start);
  auto left = all.leave({"c1", {}});
  CHECK(left
        == std::vector<change>{erase_consumer{{"c1", {}}},
                               erase_delayed{end.due, end.id}});
  CHECK(all.leave({"c1", {}}).empty());
  CHECK(all.assigned("g").front().second.size() == 4); // at once
}

TEST_CASE("silence ends a registration, a sign of life puts it off") {
  membership all{4, 2min};
  auto end = later(all.join(by_id("c1"), start).changes);
  CHECK(all.touch({"c1", {}}, start + 30'000));
  auto first = all.fire(end, end.due);
  CHECK(first.group.empty());
  CHECK(holds<erase_delayed>(first.changes));
  auto next = later(first.changes);
  CHECK(next.due == start + 150'000);
  auto last = all.fire(next, next.due);
  CHECK(last.group == "g");
  CHECK(holds<erase_consumer>(last.changes));
  CHECK_FALSE(holds<put_delayed>(last.changes));
  CHECK_FALSE(all.touch({"c1", {}}, next.due));
}

TEST_CASE("who waits is not silent; that begins when the last wait ends") {
  membership all{4, 2min};
  auto end = later(all.join(by_id("c1"), start).changes);
  all.begin_wait({"c1", {}});
  all.begin_wait({"c1", {}});
  all.end_wait({"c1", {}}, start + 1'000);
  auto waits = all.fire(end, end.due);
  CHECK(waits.group.empty());
  auto next = later(waits.changes);
  CHECK(next.due == end.due + 120'000);
  all.end_wait({"c1", {}}, start + 150'000);
  auto ended = later(all.fire(next, next.due).changes);
  CHECK(ended.due == start + 270'000);
  all.end_wait({"c1", {}}, ended.due); // of a poll that nobody knows
  CHECK(all.fire(ended, ended.due).group == "g");
}

TEST_CASE("a message of an earlier registration ends nobody") {
  membership all{4, 2min};
  auto end = later(all.join(by_id("c1"), start).changes);
  all.leave({"c1", {}});
  all.join(by_id("c1"), start + 1);
  auto fired = all.fire(end, end.due);
  CHECK(fired.group.empty());
  CHECK(fired.changes == std::vector<change>{erase_delayed{end.due, end.id}});
  CHECK(all.size() == 1);
}

TEST_CASE("having been loaded is a sign of life") {
  membership all{4, 2min};
  auto made = all.join(by_id("c1"), start);
  auto end = later(made.changes);
  membership after{4, 2min};
  after.load({"c1", {}}, *all.find({"c1", {}}), end.due);
  CHECK(later(after.fire(end, end.due).changes).due == end.due + 120'000);
}

TEST_CASE("there is a bound on consumers") {
  membership all{4, 2min};
  for (std::size_t i = 0; i < limits::consumers_max; ++i)
    all.join(by_id("c" + std::to_string(i)), start);
  CHECK(all.outcome_of(by_id("one more")) == join_outcome::too_many);
  CHECK(all.join(by_id("one more"), start).outcome == join_outcome::too_many);
  CHECK(all.join(by_id("c1"), start).outcome == join_outcome::already);
}
