// What is scheduled, decided one on top of the other, and counted.
#include "actors/core/limits.hpp"
#include "actors/core/schedules.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>

using namespace callboard;

namespace {

uuid id_of(std::uint8_t n) {
  uuid out;
  out.bytes[0] = n;
  return out;
}

delayed_message message(wall_time due,
                        delayed_kind kind = delayed_kind::publish) {
  return {{}, due, kind, "orders", {}, 0};
}

template <class Change>
std::size_t count_of(const record& in) {
  return std::size_t(
    std::count_if(in.changes.begin(), in.changes.end(), [](auto& one) {
      return std::holds_alternative<Change>(one);
    }));
}

void apply(schedules& to, const record& what) {
  for (auto& one : what.changes)
    to.applied(one);
}

} // namespace

TEST_CASE("what is scheduled is rows, and pieces that fit a page") {
  schedules s{0};
  record todo;
  s.load(id_of(1), {});
  s.add(id_of(1), message({500}), std::string(9'000, 'x'), todo);
  CHECK(count_of<put_scheduled>(todo) == 1);
  CHECK(count_of<put_delayed>(todo) == 1);
  CHECK(count_of<put_piece>(todo) == 3);
  auto* now = s.find(id_of(1));
  REQUIRE(now != nullptr);
  CHECK(now->row.pieces == 3);
  CHECK(unpack_body(now->message.body)->id == id_of(1));
  record gone;
  s.erase(id_of(1), gone);
  CHECK(count_of<erase_piece>(gone) == 3);
  CHECK(s.find(id_of(1)) == nullptr);
}

TEST_CASE("messages are numbered in the order of scheduling, and count on") {
  schedules s{0};
  record todo;
  std::vector<delayed_id> numbers;
  for (std::uint8_t n = 1; n <= 9; ++n) {
    s.load(id_of(n), {});
    auto kind = n % 3 == 0 ? delayed_kind::recurring : delayed_kind::publish;
    numbers.push_back(s.add(id_of(n), message({1}, kind), "x", todo));
  }
  CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  schedules later{numbers.back().value & ~(std::uint64_t{7} << 61)};
  later.load(id_of(20), {});
  CHECK(later.add(id_of(20), message({1}), "x", todo) > numbers.back());
}

TEST_CASE("only the message that was decided last takes effect") {
  schedules s{0};
  record first;
  s.load(id_of(1), {});
  s.add(id_of(1), message({500}), "x", first);
  auto fired = s.find(id_of(1))->message;
  auto moved = fired;
  moved.due = {900};
  record second;
  s.replace(id_of(1), moved, second);
  CHECK(!s.is_current(id_of(1), fired));
  CHECK(s.is_current(id_of(1), moved));
  record third;
  s.erase(id_of(1), third);
  CHECK(!s.is_current(id_of(1), moved));
}

TEST_CASE("an id is kept in memory while something about it is on its way") {
  schedules s{0};
  record first;
  record second;
  s.load(id_of(1), {});
  s.add(id_of(1), message({500}), "x", first);
  auto moved = s.find(id_of(1))->message;
  moved.due = {700};
  s.replace(id_of(1), moved, second);
  apply(s, first);
  s.let_go(id_of(1));
  CHECK(s.knows(id_of(1)));
  apply(s, second);
  CHECK(s.size() == 0);
  s.load(id_of(2), {});
  s.let_go(id_of(2));
  CHECK(s.size() == 0);
}

TEST_CASE("bytes of what is scheduled come back, and damage is noticed") {
  scheduled_event what;
  what.event = {id_of(7), "type", std::string("a\0b", 3), "{}", true, {9}};
  auto plain = pack(what);
  CHECK(unpack_event(plain)->event == what.event);
  CHECK(!unpack_event(plain)->rule);
  auto& rule = what.rule.emplace();
  rule.cron = "* * * * *";
  rule.zone = "Europe/Berlin";
  rule.missed = catch_up::all;
  rule.count = 300;
  rule.until = {UINT64_MAX};
  auto whole = pack(what);
  CHECK(unpack_event(whole)->rule == what.rule);
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK(!unpack_event(whole.substr(0, n)));
  CHECK(!unpack_event(whole + "x"));
  bulk_job job;
  job.what.id = id_of(3);
  job.what.verb = bulk_verb::shift;
  job.what.shift_ms = -5'000;
  job.what.filter = {{delayed_kind::publish}, "orders", "g", {}, {}};
  job.progress.changed = 17;
  auto again = unpack_job(pack(job));
  REQUIRE(again);
  CHECK(again->what.shift_ms == -5'000);
  CHECK(again->what.filter.kinds == job.what.filter.kinds);
  CHECK(again->progress.changed == 17);
  std::string bytes(limits::scheduled_piece_bytes + 1, 'y');
  CHECK(in_pieces(bytes).size() == 2);
  CHECK(in_pieces("").size() == 1);
}

TEST_CASE("what waits is counted in slices while it changes") {
  std::mt19937_64 random{42};
  std::map<std::pair<wall_time, delayed_id>, delayed_message> rows;
  pending_counts counts;
  auto change = [&] {
    auto number = scheduled_number(random() % 50, random() % 2 == 0
                                                    ? delayed_kind::publish
                                                    : delayed_kind::recurring);
    auto what = message({random() % 20 + 1});
    what.id = {delayed_ids::schedules | number};
    std::pair key{what.due, what.id};
    if (rows.erase(key) > 0)
      return counts.applied(erase_delayed{what.due, what.id});
    rows.emplace(key, what);
    counts.applied(put_delayed{what});
  };
  while (!counts.complete()) {
    for (int i = 0; i < 30; ++i)
      change();
    delayed_rows slice;
    for (auto at = rows.upper_bound({counts.due(), counts.id()});
         at != rows.end() && slice.seen < 7; ++at, ++slice.seen) {
      slice.rows.push_back(at->second);
      slice.last = at->first;
    }
    counts.found(slice, slice.seen < 7);
  }
  for (int i = 0; i < 100; ++i)
    change();
  std::int64_t publishes = 0;
  for (auto& [key, row] : rows)
    publishes += class_of(row.id) == delayed_class::publish ? 1 : 0;
  CHECK(counts.now()[std::size_t(delayed_class::publish)] == publishes);
  CHECK(counts.now()[std::size_t(delayed_class::recurring)]
        == std::int64_t(rows.size()) - publishes);
}
